import { setImmediate } from 'node:timers/promises';
import type { Relevancies } from '../relevancies.ts';
import type { SearchKey } from '../../protocol/search-key.ts';
import type { SpecialUse } from '../../protocol/special-use.ts';
import type { DataDirectoryLock } from '../data-directory-lock.ts';
import type {
  Account,
  AccountListener,
  AccountUsage,
  CopyResult,
  CountsBelow,
  Credentials,
  ExpungeResult,
  FlagChange,
  FlagChangeResult,
  CreatedMailbox,
  Mailbox,
  MailboxKey,
  MailboxStatus,
  MailStore,
  MessageKey,
  OpenMailbox,
  MetadataEntry,
  MetadataOwner,
  StatusOptions,
} from '../mail-store.ts';
import type { AddedMessages, DraftedMessage, MessageDraft } from '../message-draft.ts';
import type { MailboxChanges, MailboxListener, MessageStates } from '../mailbox-changes.ts';
import type { MessageColumn, MessageRows } from '../message-rows.ts';
import type { StoreFigures } from '../opened-store.ts';
import { findAccount, listAccounts, readUsage } from './accounts.ts';
import { Collection } from './collection.ts';
import { Database } from './database.ts';
import { findFaults } from './integrity.ts';
import { countImported } from './imports.ts';
import { KnownAccounts } from './known-accounts.ts';
import {
  checkAccount,
  findMailbox,
  findMailboxById,
  listMailboxes,
  readOpening,
  readStatus,
} from './mailboxes.ts';
import { addDrafts, SqliteMessageDraft } from './bodies/message-draft.ts';
import { readChanges, readStates } from './message-states.ts';
import { listMetadata, readMetadata } from './metadata.ts';
import { readBodies } from './bodies/read-bodies.ts';
import { readBody } from './bodies/read-body.ts';
import { readRows } from './rows.ts';
import { bodyState } from './bodies/bodies.ts';
import { SqliteSearchSource } from './search-source.ts';
import { isSubscribed, listSubscriptions } from './subscriptions.ts';
import { countBelow } from './states/count-below.ts';
import { toWatchCounters } from './writer/watches.ts';
import { toKey, type Writer, WriterClient, type WriterLink } from './writer/writer.ts';

/** What a thread needs to be a client of an open store. Can be sent to a worker thread, with its port to transfer. */
export interface SqliteLink extends WriterLink {
  /** Of the file, or a URI of it with options of SQLite. */
  readonly path: string;
}

/** What the client that opened the store also has to end. */
interface OwnedParts {
  readonly writer: Pick<Writer, 'connect' | 'close'>;
  readonly lock: DataDirectoryLock;
  readonly collectIntervalMs: number;
}

/**
 * The mail store on SQLite, as one thread sees it: reads on a connection of its own, which never waits for
 * the writer, and changes by asking the writer thread.
 *
 * The methods are those of {@link MailStore}.
 */
export class SqliteMailStore implements MailStore {
  readonly #path: string;
  readonly #database: Database;
  readonly #client: WriterClient;
  readonly #accounts: KnownAccounts;
  readonly #owned: OwnedParts | undefined;
  readonly #collection: Collection | undefined;
  /** Those that take several turns of the loop, which closing waits for. */
  readonly #longReads = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(options: { link: SqliteLink; clock: () => number; owned?: OwnedParts }) {
    const { link, clock, owned } = options;
    this.#path = link.path;
    this.#database = new Database(link.path, 'reader');
    this.#client = new WriterClient(link, clock);
    this.#accounts = new KnownAccounts(toWatchCounters(link.watchCounters).accountsVersion);
    this.#owned = owned;
    if (owned)
      this.#collection = new Collection(this.#database, this.#client, owned.collectIntervalMs);
  }

  async createAccount(name: string, credentials: Credentials): Promise<Account> {
    return this.#client.request('createAccount', { name, credentials });
  }

  async findAccount(name: string): Promise<Account | undefined> {
    return this.#accounts.find(name, () => findAccount(this.#database, name));
  }

  async listAccounts(): Promise<readonly Account[]> {
    return listAccounts(this.#database);
  }

  async changeCredentials(name: string, credentials: Credentials): Promise<void> {
    await this.#client.request('changeCredentials', { name, credentials });
  }

  async removeAccount(name: string): Promise<void> {
    await this.#client.request('removeAccount', { name });
    this.#collection?.start();
  }

  async readUsage(accountId: number): Promise<AccountUsage> {
    return readUsage(this.#database, accountId);
  }

  async listMailboxes(accountId: number): Promise<readonly Mailbox[]> {
    return listMailboxes(this.#database, accountId);
  }

  async findMailbox(accountId: number, name: string): Promise<Mailbox | undefined> {
    return findMailbox(this.#database, accountId, name);
  }

  async findMailboxById(box: MailboxKey): Promise<Mailbox | undefined> {
    return findMailboxById(this.#database, box);
  }

  async createMailbox(
    accountId: number,
    name: string,
    specialUses: readonly SpecialUse[] = [],
  ): Promise<CreatedMailbox> {
    return this.#client.request('createMailbox', { accountId, name, specialUses });
  }

  async deleteMailbox(accountId: number, name: string): Promise<void> {
    await this.#client.request('deleteMailbox', { accountId, name });
    this.#collection?.start();
  }

  async renameMailbox(accountId: number, name: string, newName: string): Promise<void> {
    const argument = { accountId, name, newName };
    const { failure } = await this.#client.request('renameMailbox', argument);
    if (failure !== undefined) throw failure;
  }

  async subscribe(accountId: number, name: string): Promise<void> {
    await this.#client.request('subscribe', { accountId, name });
  }

  async unsubscribe(accountId: number, name: string): Promise<void> {
    await this.#client.request('unsubscribe', { accountId, name });
  }

  async listSubscriptions(accountId: number): Promise<readonly string[]> {
    return listSubscriptions(this.#database, accountId);
  }

  async listMetadata(owner: MetadataOwner): Promise<readonly MetadataEntry[]> {
    return listMetadata(this.#database, owner);
  }

  async readMetadata(owner: MetadataOwner, name: string): Promise<Uint8Array | undefined> {
    return readMetadata(this.#database, owner, name);
  }

  async changeMetadata(
    { accountId, mailboxId }: MetadataOwner,
    values: ReadonlyMap<string, Uint8Array | undefined>,
    author: string,
  ): Promise<void> {
    const owner = { accountId, mailboxId };
    await this.#client.request('changeMetadata', { owner, values, author });
  }

  async isSubscribed(accountId: number, name: string): Promise<boolean> {
    return isSubscribed(this.#database, accountId, name);
  }

  async watchAccount(accountId: number, listener: AccountListener): Promise<() => void> {
    return this.#client.watchAccount(accountId, listener, () =>
      checkAccount(this.#database, accountId),
    );
  }

  /** `recentCount` may still count what was claimed in the last `limits.recentFlushMs`. */
  async readStatus(box: MailboxKey, options?: StatusOptions): Promise<MailboxStatus> {
    const read = () => readStatus(this.#database, box, options);
    // One row needs no snapshot.
    return options?.firstUnseen === true ? this.#database.snapshot(read) : read();
  }

  async open(box: MailboxKey, listener: MailboxListener): Promise<OpenMailbox> {
    const read = () => readOpening(this.#database, box);
    const { value, close } = await this.#client.open(box.mailboxId, listener, read);
    return { ...value, close };
  }

  readStates(box: MailboxKey, afterUid: number): AsyncIterable<MessageStates> {
    return readStates(this.#database, box, afterUid);
  }

  readChanges(box: MailboxKey, since: number, until: number): AsyncIterable<MailboxChanges> {
    return readChanges(this.#database, box, since, until);
  }

  async countBelow(box: MailboxKey, uids: Uint32Array): Promise<CountsBelow> {
    return this.#database.snapshot(() => countBelow(this.#database, box, uids));
  }

  async claimRecent(box: MailboxKey): Promise<{ firstUid: number; nextUid: number }> {
    const { recentCount, uidNext } = readStatus(this.#database, box);
    // Most sessions open a mailbox without new mail; they need not ask the writer.
    if (recentCount === 0) return { firstUid: uidNext, nextUid: uidNext };
    return this.#client.request('claimRecent', toKey(box));
  }

  async countImported(box: MailboxKey, digests: readonly Uint8Array[]): Promise<readonly number[]> {
    return countImported(this.#database, box, digests);
  }

  beginMessage(): MessageDraft {
    return new SqliteMessageDraft(this.#client);
  }

  addMessages(
    box: MailboxKey,
    messages: readonly DraftedMessage[],
    replaced?: MessageKey,
  ): Promise<AddedMessages> {
    return addDrafts(this.#client, box, messages, replaced);
  }

  rows(
    box: MailboxKey,
    uids: Uint32Array,
    columns: ReadonlySet<MessageColumn>,
  ): AsyncIterable<MessageRows> {
    return readRows(this.#database, box, uids, columns);
  }

  readBody(bodyId: number, start: number, end: number): AsyncIterable<Uint8Array> {
    return readBody(this.#database, bodyId, start, end);
  }

  readBodies(
    messages: Pick<MessageRows, 'bodyIds' | 'sizeBytes'>,
  ): AsyncIterable<readonly (Uint8Array | undefined)[]> {
    return readBodies(this.#database, messages);
  }

  async search(
    box: MailboxKey,
    criteria: SearchKey,
    candidates: Uint32Array,
    relevancies?: Relevancies,
  ): Promise<Uint32Array> {
    return this.#track(this.#search(box, criteria, candidates, relevancies));
  }

  async storeFlags(
    box: MailboxKey,
    uids: Uint32Array,
    change: FlagChange,
  ): Promise<FlagChangeResult> {
    return this.#client.request('storeFlags', { box: toKey(box), uids, change });
  }

  async copyMessages(box: MailboxKey, uids: Uint32Array, target: MailboxKey): Promise<CopyResult> {
    const keys = { box: toKey(box), target: toKey(target) };
    return this.#client.request('copyMessages', { ...keys, uids });
  }

  async moveMessages(box: MailboxKey, uids: Uint32Array, target: MailboxKey): Promise<CopyResult> {
    const keys = { box: toKey(box), target: toKey(target) };
    return this.#client.request('moveMessages', { ...keys, uids });
  }

  async expungeMessages(box: MailboxKey, uids: Uint32Array | undefined): Promise<ExpungeResult> {
    return this.#client.request('expungeMessages', { box: toKey(box), uids });
  }

  async checkIntegrity(): Promise<readonly string[]> {
    return findFaults(this.#path, this.#client);
  }

  /** How much the store holds. It takes several turns of the loop, more for more messages. */
  async readFigures(): Promise<StoreFigures> {
    return this.#track(readStoreFigures(this.#database));
  }

  /** Later calls wait for the same end. Readers that are still running fail. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** A link for one more client. Only the client that opened the store can make one. */
  createLink(): SqliteLink {
    if (this.#owned === undefined)
      throw new Error('Only the client that opened the store has links');
    return { path: this.#path, ...this.#owned.writer.connect() };
  }

  /** Watches that have not ended. */
  get watchCount(): number {
    return this.#client.watchCount;
  }

  /**
   * Deletes what nobody can reach any more now, instead of within the interval; settles when all of it is
   * deleted.
   */
  async collect(): Promise<void> {
    await this.#collection?.run();
  }

  /** Many threads, and many servers, never search texts: what that needs is loaded with the first search. */
  async #search(
    box: MailboxKey,
    criteria: SearchKey,
    candidates: Uint32Array,
    relevancies?: Relevancies,
  ): Promise<Uint32Array> {
    const { searchMessages } = await import('../search/search-messages.ts');
    return searchMessages(
      new SqliteSearchSource(this.#database, box),
      criteria,
      candidates,
      relevancies,
    );
  }

  #track<T>(read: Promise<T>): Promise<T> {
    this.#longReads.add(read);
    return read.finally(() => this.#longReads.delete(read));
  }

  async #close(): Promise<void> {
    await this.#collection?.stop();
    await Promise.allSettled(this.#longReads);
    await this.#client.close();
    this.#database.close();
    if (this.#owned === undefined) return;
    await this.#owned.writer.close();
    this.#owned.lock.release();
  }
}

/** A fraction of a millisecond; other work of the thread comes in between. */
const rowsPerStep = 1_000;

type AccountsRow = [accountCount: number, messageCount: number, messageBytes: number];
type BodyRow = [lastId: number | null, bodyCount: number, bodyBytes: number];

/**
 * Adds up what is in the store, in short steps: the figures are of no single instant where the store changes
 * meanwhile. It reads a row for each mailbox and each body.
 */
async function readStoreFigures(database: Database): Promise<StoreFigures> {
  const [accountCount, messageCount, messageBytes] = database.row<AccountsRow>(
    `SELECT count(*), coalesce(sum(message_count), 0), coalesce(sum(size_bytes), 0) FROM accounts`,
  )!;
  const [mailboxCount] = database.row<[number]>(
    'SELECT count(*) FROM mailboxes WHERE account_id IS NOT NULL',
  )!;
  let bodyCount = 0;
  let bodyBytes = 0;
  let lastId: number | null = 0;
  // Ends: each step begins behind the last id of the one before.
  while (lastId !== null) {
    await setImmediate();
    const step: BodyRow = database.row<BodyRow>(
      `SELECT max(id), count(*) FILTER (WHERE is_shared),
         coalesce(sum(size_bytes) FILTER (WHERE is_shared), 0)
       FROM (SELECT id, size_bytes, state = ${bodyState.whole} AND reference_count > 0 AS is_shared
         FROM bodies WHERE id > ? ORDER BY id LIMIT ${rowsPerStep})`,
      lastId,
    )!;
    lastId = step[0];
    bodyCount += step[1];
    bodyBytes += step[2];
  }
  return { accountCount, mailboxCount, messageCount, messageBytes, bodyCount, bodyBytes };
}

import type { MessagePort } from 'node:worker_threads';
import type { SearchKey } from '../../protocol/search-key.ts';
import type { DataDirectoryLock } from '../data-directory-lock.ts';
import type {
  Account,
  CopyResult,
  Credentials,
  ExpungeResult,
  FlagChange,
  FlagChangeResult,
  Mailbox,
  MailboxChanges,
  MailboxListener,
  MailboxOpening,
  MailboxStatus,
  MailStore,
  MessageDraft,
  MessageField,
  StoredMessage,
} from '../mail-store.ts';
import { searchMessages } from '../search/search-messages.ts';
import { findAccount, listAccounts } from './account-reads.ts';
import { Collection } from './collection.ts';
import { Database } from './database.ts';
import { toFlagChangeResult } from './flag-change-columns.ts';
import { findFaults } from './find-faults.ts';
import {
  findMailbox,
  listMailboxes,
  listSubscriptions,
  openMailbox,
  readChanges,
  readStatus,
} from './mailbox-reads.ts';
import { SqliteMessageDraft } from './message-draft.ts';
import { readBody, readMessages } from './message-reads.ts';
import { readStoreFigures, type StoreFigures } from './store-figures.ts';
import { WriterClient } from './writer-client.ts';
import type { Writer } from './writer.ts';

/** What a thread needs to be a client of an open store. Can be sent to a worker thread. */
export interface StoreLink {
  readonly path: string;
  /** To transfer with the message. */
  readonly port: MessagePort;
}

/** What the client that opened the store also has to end. */
export interface OwnedParts {
  readonly writer: Writer;
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
  readonly #owned: OwnedParts | undefined;
  readonly #collection: Collection | undefined;
  /** Those that take several turns of the loop, which closing waits for. */
  readonly #longReads = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(options: { link: StoreLink; clock: () => number; owned?: OwnedParts }) {
    const { link, clock, owned } = options;
    this.#path = link.path;
    this.#database = new Database(link.path, 'reader');
    this.#client = new WriterClient(link.port, clock);
    this.#owned = owned;
    if (owned) this.#collection = new Collection(this.#client, owned.collectIntervalMs);
  }

  async createAccount(name: string, credentials: Credentials): Promise<Account> {
    return this.#client.request('createAccount', { name, credentials });
  }

  async findAccount(name: string): Promise<Account | undefined> {
    return findAccount(this.#database, name);
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

  async listMailboxes(accountId: number): Promise<readonly Mailbox[]> {
    return listMailboxes(this.#database, accountId);
  }

  async findMailbox(accountId: number, name: string): Promise<Mailbox | undefined> {
    return findMailbox(this.#database, accountId, name);
  }

  async createMailbox(accountId: number, name: string): Promise<Mailbox> {
    return this.#client.request('createMailbox', { accountId, name });
  }

  async deleteMailbox(accountId: number, name: string): Promise<void> {
    await this.#client.request('deleteMailbox', { accountId, name });
    this.#collection?.start();
  }

  async renameMailbox(accountId: number, name: string, newName: string): Promise<void> {
    await this.#client.request('renameMailbox', { accountId, name, newName });
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

  async readStatus(mailboxId: number): Promise<MailboxStatus> {
    return readStatus(this.#database, mailboxId);
  }

  async openMailbox(mailboxId: number): Promise<MailboxOpening> {
    return openMailbox(this.#database, mailboxId);
  }

  async claimRecent(mailboxId: number): Promise<{ firstUid: number; nextUid: number }> {
    const { recentCount, uidNext } = readStatus(this.#database, mailboxId);
    // Most sessions open a mailbox without new mail; they must not cost a write each.
    if (recentCount === 0) return { firstUid: uidNext, nextUid: uidNext };
    return this.#client.request('claimRecent', { mailboxId });
  }

  async readChanges(mailboxId: number, modseq: number): Promise<MailboxChanges> {
    return readChanges(this.#database, mailboxId, modseq);
  }

  watch(mailboxId: number, listener: MailboxListener): () => void {
    return this.#client.watch(mailboxId, listener);
  }

  beginMessage(accountId: number): MessageDraft {
    return new SqliteMessageDraft(this.#client, accountId);
  }

  readMessages(
    mailboxId: number,
    uids: Uint32Array,
    fields: ReadonlySet<MessageField>,
  ): AsyncIterable<readonly StoredMessage[]> {
    return readMessages(this.#database, mailboxId, uids, fields);
  }

  readBody(bodyId: number, start: number, end: number): AsyncIterable<Uint8Array> {
    return readBody(this.#database, bodyId, start, end);
  }

  async search(mailboxId: number, criteria: SearchKey): Promise<Uint32Array> {
    return this.#track(searchMessages(this.#database, mailboxId, criteria));
  }

  async storeFlags(
    mailboxId: number,
    uids: Uint32Array,
    change: FlagChange,
  ): Promise<FlagChangeResult> {
    const columns = await this.#client.request('storeFlags', { mailboxId, uids, change });
    return toFlagChangeResult(columns);
  }

  async copyMessages(mailboxId: number, uids: Uint32Array, targetId: number): Promise<CopyResult> {
    return this.#client.request('copyMessages', { mailboxId, uids, targetId });
  }

  async moveMessages(mailboxId: number, uids: Uint32Array, targetId: number): Promise<CopyResult> {
    return this.#client.request('moveMessages', { mailboxId, uids, targetId });
  }

  async expungeMessages(mailboxId: number, uids: Uint32Array | undefined): Promise<ExpungeResult> {
    return this.#client.request('expungeMessages', { mailboxId, uids });
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
  createLink(): StoreLink {
    if (this.#owned === undefined)
      throw new Error('Only the client that opened the store has links');
    return { path: this.#path, port: this.#owned.writer.connect() };
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

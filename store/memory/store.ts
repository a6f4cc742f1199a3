import { setImmediate } from 'node:timers/promises';
import type { Relevancies } from '../relevancies.ts';
import type { SearchKey } from '../../protocol/search-key.ts';
import type { SpecialUse } from '../../protocol/special-use.ts';
import { limits } from '../limits.ts';
import {
  type Account,
  type AccountListener,
  type AccountUsage,
  type CopyResult,
  type CountsBelow,
  type Credentials,
  type ExpungeResult,
  type FlagChange,
  type FlagChangeResult,
  type MetadataEntry,
  type MetadataOwner,
  type CreatedMailbox,
  type Mailbox,
  type MailboxKey,
  type MailboxStatus,
  type MailStore,
  type MessageKey,
  type OpenMailbox,
  type StatusOptions,
  StoreError,
} from '../mail-store.ts';
import type {
  AddedMessage,
  AddedMessages,
  DraftedMessage,
  MessageDraft,
  MessageTarget,
} from '../message-draft.ts';
import type { MailboxChanges, MailboxListener, MessageStates } from '../mailbox-changes.ts';
import type { MessageColumn, MessageRows } from '../message-rows.ts';
import type { StoreFigures } from '../opened-store.ts';
import { AccountIndex } from './account-index.ts';
import { MailboxIndex, MemoryAccount } from './accounts.ts';
import { type BodyContent, BodyPool } from './bodies.ts';
import { Commit } from './commit.ts';
import type { MemoryMailbox } from './mailbox.ts';
import { uidsOf } from './message.ts';
import type { MemoryMetadata } from './metadata.ts';
import { MemoryMessageDraft, takeDrafts } from './message-draft.ts';
import { readChanges, readRows, readStates } from './reading.ts';

/** The time of a {@link MemoryMailStore}. */
export interface MemoryStoreOptions {
  /** Milliseconds since 1970; the time by default. */
  readonly clock?: () => number;
  /** How often expunged bodies whose time is over are dropped, beside with each change; a minute by default, 0 for never. */
  readonly collectIntervalMs?: number;
}

/**
 * The mail store in the memory of this process, for tests and for what needs no mail tomorrow: it opens at once, and
 * what is in it ends with it. One thread has it.
 *
 * Each change is made in a turn of the event loop of its own, in the order of the calls, and told in that turn, before
 * the caller has its answer. Methods that read answer with what there is when they are called.
 *
 * The methods are those of {@link MailStore}.
 */
export class MemoryMailStore implements MailStore {
  readonly #clock: () => number;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #bodies = new BodyPool();
  readonly #mailboxes = new MailboxIndex(this.#bodies);
  readonly #accounts = new AccountIndex();
  #isClosed = false;

  constructor(options: MemoryStoreOptions = {}) {
    const { clock = Date.now, collectIntervalMs = limits.collectIntervalMs } = options;
    this.#clock = clock;
    if (collectIntervalMs === 0) return;
    this.#timer = setInterval(() => this.collect(), collectIntervalMs);
    this.#timer.unref();
  }

  async createAccount(name: string, credentials: Credentials): Promise<Account> {
    const kept = { ...credentials };
    return this.#change((commit) => {
      const { account } = this.#accounts.add(
        name,
        (properties) =>
          new MemoryAccount(commit, this.#mailboxes, { ...properties, credentials: kept }),
      );
      return account;
    });
  }

  async findAccount(name: string): Promise<Account | undefined> {
    return this.#accounts.find(name)?.account;
  }

  async listAccounts(): Promise<readonly Account[]> {
    return this.#accounts.list();
  }

  async changeCredentials(name: string, credentials: Credentials): Promise<void> {
    const kept = { ...credentials };
    return this.#change((commit) => this.#accounts.require(name).change(commit, kept));
  }

  async removeAccount(name: string): Promise<void> {
    return this.#change((commit) => {
      const account = this.#accounts.require(name);
      account.removeAll(commit);
      this.#accounts.remove(account);
    });
  }

  async readUsage(accountId: number): Promise<AccountUsage> {
    return this.#accounts.requireById(accountId).usage;
  }

  async listMailboxes(accountId: number): Promise<readonly Mailbox[]> {
    return this.#accounts.findById(accountId)?.list() ?? [];
  }

  async findMailbox(accountId: number, name: string): Promise<Mailbox | undefined> {
    return this.#accounts.findById(accountId)?.find(name);
  }

  async findMailboxById(box: MailboxKey): Promise<Mailbox | undefined> {
    const account = this.#accounts.findById(box.accountId);
    return account?.list().find(({ mailboxId }) => mailboxId === box.mailboxId);
  }

  async createMailbox(
    accountId: number,
    name: string,
    specialUses: readonly SpecialUse[] = [],
  ): Promise<CreatedMailbox> {
    return this.#change((commit) => {
      const account = this.#accounts.requireById(accountId);
      const { name: keptName, uidValidity } = account.create(commit, name, specialUses);
      return { ...account.find(keptName)!, uidValidity };
    });
  }

  async deleteMailbox(accountId: number, name: string): Promise<void> {
    return this.#change((commit) => this.#accounts.requireById(accountId).delete(commit, name));
  }

  async renameMailbox(accountId: number, name: string, newName: string): Promise<void> {
    return this.#change((commit) => {
      const account = this.#accounts.requireById(accountId);
      const mailbox = account.find(name);
      if (mailbox?.name !== 'INBOX') {
        account.rename(commit, name, newName);
        return;
      }
      // RFC 3501, section 6.3.5: INBOX itself and its children stay.
      const inbox = this.#mailboxes.find(mailbox);
      const normalName = account.checkNewName(newName);
      inbox.metadata.checkCopy(account.allMetadata);
      const target = account.create(commit, normalName);
      target.metadata.copyFrom(inbox.metadata);
      target.copyFrom(commit, inbox, inbox.messages);
      inbox.remove(commit, [...inbox.messages]);
    });
  }

  async subscribe(accountId: number, name: string): Promise<void> {
    return this.#change((commit) => this.#accounts.requireById(accountId).subscribe(commit, name));
  }

  async unsubscribe(accountId: number, name: string): Promise<void> {
    return this.#change((commit) => this.#accounts.findById(accountId)?.unsubscribe(commit, name));
  }

  async listSubscriptions(accountId: number): Promise<readonly string[]> {
    return this.#accounts.findById(accountId)?.subscriptions ?? [];
  }

  async listMetadata(owner: MetadataOwner): Promise<readonly MetadataEntry[]> {
    return this.#metadataOf(owner).list();
  }

  async readMetadata(owner: MetadataOwner, name: string): Promise<Uint8Array | undefined> {
    return this.#metadataOf(owner).read(name);
  }

  async changeMetadata(
    { accountId, mailboxId }: MetadataOwner,
    values: ReadonlyMap<string, Uint8Array | undefined>,
    author: string,
  ): Promise<void> {
    return this.#change((commit) => {
      const account = this.#accounts.requireById(accountId);
      const metadata = this.#metadataOf({ accountId, mailboxId });
      const entries = metadata.change(values, account.allMetadata);
      if (entries.length === 0) return;
      const kind = 'metadata';
      if (mailboxId === undefined) {
        return commit.noteInAccount(account.listeners, { kind, entries, author });
      }
      const box = this.#mailboxes.find({ accountId, mailboxId });
      commit.changeOf(box);
      const mailbox = { mailboxId, name: box.name };
      commit.noteInAccount(account.listeners, { kind, mailbox, entries, author });
    });
  }

  #metadataOf({ accountId, mailboxId }: MetadataOwner): MemoryMetadata {
    if (mailboxId === undefined) return this.#accounts.requireById(accountId).metadata;
    return this.#mailboxes.find({ accountId, mailboxId }).metadata;
  }

  async isSubscribed(accountId: number, name: string): Promise<boolean> {
    return this.#accounts.findById(accountId)?.isSubscribed(name) === true;
  }

  async watchAccount(accountId: number, listener: AccountListener): Promise<() => void> {
    this.#checkOpen();
    return this.#accounts.requireById(accountId).listeners.add(listener);
  }

  async readStatus(
    box: MailboxKey,
    { firstUnseen = false, keywordRoom = false }: StatusOptions = {},
  ): Promise<MailboxStatus> {
    const mailbox = this.#mailboxes.find(box);
    const firstUnseenNumber = firstUnseen ? mailbox.firstUnseenNumber : undefined;
    return {
      ...mailbox.status,
      ...(keywordRoom && { canAddKeywords: mailbox.flagSets.canAddKeywords }),
      ...(firstUnseenNumber !== undefined && { firstUnseenNumber }),
    };
  }

  async open(box: MailboxKey, listener: MailboxListener): Promise<OpenMailbox> {
    this.#checkOpen();
    const mailbox = this.#mailboxes.find(box);
    const close = mailbox.listeners.add(listener);
    return { status: mailbox.status, keywords: mailbox.flagSets.keywords, close };
  }

  readStates(box: MailboxKey, afterUid: number): AsyncIterable<MessageStates> {
    return readStates(() => this.#mailboxes.find(box), afterUid);
  }

  readChanges(box: MailboxKey, since: number, until: number): AsyncIterable<MailboxChanges> {
    return readChanges(() => this.#mailboxes.find(box), since, until);
  }

  async countBelow(box: MailboxKey, uids: Uint32Array): Promise<CountsBelow> {
    const mailbox = this.#mailboxes.find(box);
    const counts = uids.map((uid) => mailbox.countBelow(uid));
    return { counts, highestModseq: mailbox.status.highestModseq };
  }

  async claimRecent(box: MailboxKey): Promise<{ firstUid: number; nextUid: number }> {
    return this.#mailboxes.find(box).claimRecent();
  }

  async countImported(box: MailboxKey, digests: readonly Uint8Array[]): Promise<readonly number[]> {
    const { imports } = this.#mailboxes.find(box);
    return digests.map((digest) => imports.countOf(digest));
  }

  beginMessage(): MessageDraft {
    return new MemoryMessageDraft((content, targets) => {
      const kept = targets.map(({ flags, internalDate, ...target }) => ({
        ...target,
        flags: [...flags],
        internalDate: { ...internalDate },
      }));
      return this.#change((commit) =>
        kept.map((target) => orRefusal(() => this.#add(commit, content, target))),
      );
    });
  }

  async addMessages(
    box: MailboxKey,
    messages: readonly DraftedMessage[],
    replaced?: MessageKey,
  ): Promise<AddedMessages> {
    const taken = await takeDrafts(messages);
    return this.#change((commit) => {
      const mailbox = this.#mailboxes.findTarget(box, messages.length);
      // Whatever can be refused is looked at before anything is changed.
      const sets = taken.map(({ flags }) => mailbox.flagSets.setOf(mailbox.flagSets.define(flags)));
      const replacedModseq = replaced && this.#expunge(commit, replaced);
      const added = taken.map(({ content, internalDate }, index) => {
        const body = this.#bodies.add(content, commit.nowMs);
        return mailbox.add(commit, { body, internalDate, flags: sets[index]! });
      });
      return {
        uids: uidsOf(added),
        uidValidity: mailbox.uidValidity,
        modseq: commit.changeOf(mailbox).modseq,
        ...(replacedModseq !== undefined && { replacedModseq }),
      };
    });
  }

  rows(
    box: MailboxKey,
    uids: Uint32Array,
    columns: ReadonlySet<MessageColumn>,
  ): AsyncIterable<MessageRows> {
    return readRows(() => this.#mailboxes.find(box), uids, columns);
  }

  async *readBody(bodyId: number, start: number, end: number): AsyncGenerator<Uint8Array> {
    yield* this.#bodies.find(bodyId).read(start, end);
  }

  async *readBodies({
    bodyIds,
  }: Pick<MessageRows, 'bodyIds'>): AsyncGenerator<readonly (Uint8Array | undefined)[]> {
    for (const bodyId of bodyIds) yield [this.#bodies.readSmall(bodyId)];
  }

  async search(
    box: MailboxKey,
    criteria: SearchKey,
    candidates: Uint32Array,
    relevancies?: Relevancies,
  ): Promise<Uint32Array> {
    // Many servers never search: what that needs is loaded with the first search.
    const { searchMessages } = await import('../search/search-messages.ts');
    const { MemorySearchSource } = await import('./search-source.ts');
    const source = new MemorySearchSource(() => this.#mailboxes.find(box), this.#bodies);
    return searchMessages(source, criteria, candidates, relevancies);
  }

  async storeFlags(
    box: MailboxKey,
    uids: Uint32Array,
    change: FlagChange,
  ): Promise<FlagChangeResult> {
    const [named, flags] = [uids.slice(), [...change.flags]];
    return this.#change((commit) =>
      this.#mailboxes.find(box).storeFlags(commit, named, { ...change, flags }),
    );
  }

  async copyMessages(box: MailboxKey, uids: Uint32Array, target: MailboxKey): Promise<CopyResult> {
    const named = uids.slice();
    return this.#change((commit) => {
      const source = this.#mailboxes.find(box);
      const messages = source.select(named);
      const there = this.#mailboxes.findTarget(target, messages.length);
      return there.copyFrom(commit, source, messages);
    });
  }

  async moveMessages(box: MailboxKey, uids: Uint32Array, target: MailboxKey): Promise<CopyResult> {
    const named = uids.slice();
    return this.#change((commit) => {
      const source = this.#mailboxes.find(box);
      const messages = source.select(named);
      const there = this.#mailboxes.findTarget(target, messages.length);
      const copy = there.copyFrom(commit, source, messages);
      return { ...copy, sourceModseq: source.remove(commit, messages) };
    });
  }

  async expungeMessages(box: MailboxKey, uids: Uint32Array | undefined): Promise<ExpungeResult> {
    const named = uids?.slice();
    return this.#change((commit) => {
      const mailbox = this.#mailboxes.find(box);
      const candidates = named === undefined ? mailbox.messages : mailbox.select(named);
      const messages = candidates.filter(({ flags }) => flags.isDeleted);
      return { modseq: mailbox.remove(commit, messages), uids: uidsOf(messages) };
    });
  }

  async checkIntegrity(): Promise<readonly string[]> {
    const { findFaults } = await import('./integrity.ts');
    return findFaults(this.#mailboxes.all(), this.#bodies);
  }

  /** Adds up what is in the store. */
  async readFigures(): Promise<StoreFigures> {
    const statuses = Array.from(this.#mailboxes.all(), ({ status }) => status);
    const bodies = Array.from(this.#bodies.inUse(), ({ body }) => body.facts.sizeBytes);
    return {
      accountCount: this.#accounts.count,
      mailboxCount: statuses.length,
      messageCount: statuses.reduce((sum, { messageCount }) => sum + messageCount, 0),
      messageBytes: statuses.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      bodyCount: bodies.length,
      bodyBytes: bodies.reduce((sum, sizeBytes) => sum + sizeBytes, 0),
    };
  }

  /** Changes that were asked for are made first. Nobody is told of anything after it. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#isClosed = true;
    // Turns come in the order in which they were asked for: the changes have had theirs.
    await setImmediate();
    for (const { listeners } of this.#watched()) listeners.clear();
  }

  /** Watches that have not ended. */
  get watchCount(): number {
    return this.#watched().reduce((sum, { listeners: { count } }) => sum + count, 0);
  }

  /** Drops expunged bodies whose time is over, and UIDs that need not be remembered, now instead of within the interval. */
  collect(): void {
    this.#bodies.collect(this.#clock());
    for (const mailbox of this.#mailboxes.all()) mailbox.forgetExpunged();
  }

  #watched(): readonly (MemoryMailbox | MemoryAccount)[] {
    return [...this.#mailboxes.all(), ...this.#accounts.all()];
  }

  /** Makes a change in a turn of its own, tells those who watch, and answers. */
  async #change<T>(make: (commit: Commit) => T): Promise<T> {
    this.#checkOpen();
    await setImmediate();
    const commit = new Commit(this.#clock());
    this.#bodies.collect(commit.nowMs);
    const result = make(commit);
    commit.tell();
    return result;
  }

  #add(
    commit: Commit,
    content: BodyContent,
    { box, flags, internalDate, occurrence }: MessageTarget,
  ): AddedMessage {
    const { sha256 } = content.facts;
    const mailbox = this.#mailboxes.findTarget(box, 1);
    if (occurrence !== undefined) mailbox.imports.check(sha256, occurrence);
    const set = mailbox.flagSets.setOf(mailbox.flagSets.define(flags));
    if (occurrence !== undefined) mailbox.imports.add(sha256);
    const body = this.#bodies.add(content, commit.nowMs);
    const { uid, modseq } = mailbox.add(commit, { body, internalDate, flags: set });
    return { uid, uidValidity: mailbox.uidValidity, modseq };
  }

  #expunge(commit: Commit, { box, uid }: MessageKey): number {
    const mailbox = this.#mailboxes.find(box);
    const messages = mailbox.select(Uint32Array.of(uid));
    if (messages.length > 0) return mailbox.remove(commit, messages);
    throw new StoreError('NONEXISTENT', 'The message does not exist any more');
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new Error('The store is closed');
  }
}

/** What one target refuses is its result, and the others go on. */
function orRefusal<T>(add: () => T): T | StoreError {
  try {
    return add();
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
}

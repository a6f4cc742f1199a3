import { joinUids } from '../../../protocol/sorted-uids.ts';
import { limits } from '../../limits.ts';
import { type AccountEvent, StoreError } from '../../mail-store.ts';
import type { MailboxEvent, MessageStates } from '../../mailbox-changes.ts';
import type { Database } from '../database.ts';

/**
 * Work on many messages. What was done before a `yield` may be committed there; the work goes on with the context that the
 * `yield` returns. It yields what tells its result as it is then, also later on: that is the answer if the work cannot go on.
 * Undefined if nobody ever sees what is done by then.
 */
export type SlicedWork<Result> = Generator<(() => Result) | undefined, Result, WriteContext>;

/** When a slice of {@link SlicedWork} is over. */
export interface SliceBounds {
  /** Messages of one step at most, between which the time is looked at. */
  readonly stepMessages: number;
  /** How long steps go on in one slice, in milliseconds; 0: each step is a slice. */
  readonly sliceMs: number;
}

/** What each context of a writer has. */
export interface ContextOptions {
  /** The caller's clock when it asked. */
  readonly nowMs: number;
  /** The number of the client that asked. */
  readonly clientId: number;
  /** Bodies that drafts are writing, by body id, with the client whose draft it is. */
  readonly stagings: Map<number, number>;
  /** `limits.stepMessages` by default. */
  readonly stepMessages?: number;
  /** True once the slice has taken as long as it may; by default it may take any time. */
  readonly isSliceOver?: () => boolean;
}

/** What a write request, or a slice of it, has to work with. It lives as long as that. */
export class WriteContext {
  readonly database: Database;
  /** The caller's clock when it asked. */
  readonly nowMs: number;
  /** The number of the client that asked. */
  readonly clientId: number;
  /** Bodies that drafts are writing, by body id, with the client whose draft it is. */
  readonly stagings: Map<number, number>;
  /** Messages of one step at most. */
  readonly stepMessages: number;
  readonly #isSliceOver: () => boolean;
  readonly #changes = new Map<number, MailboxChange>();
  readonly #accountEvents: Commit[] = [];
  /** The changes that work apart has added to, as they were before; undefined while there is no such work. */
  #changesBefore: Map<number, MailboxChange | undefined> | undefined;

  constructor(database: Database, options: ContextOptions) {
    this.database = database;
    this.nowMs = options.nowMs;
    this.clientId = options.clientId;
    this.stagings = options.stagings;
    this.stepMessages = options.stepMessages ?? limits.stepMessages;
    this.#isSliceOver = options.isSliceOver ?? (() => false);
  }

  /** True if {@link SlicedWork} that is not done is to `yield` before its next step. */
  get isSliceOver(): boolean {
    return this.#isSliceOver();
  }

  /**
   * Does a part of the work. If it throws, nothing of it is left: not in the file, and not of what was noted here. The rest of the
   * work may go on then, unless the error took the transaction. Not to be called by such a part.
   */
  apart<Result>(work: () => Result): Result {
    if (this.#changesBefore !== undefined) throw new Error('A part of the work has no parts');
    const { database } = this;
    const changesBefore = new Map<number, MailboxChange | undefined>();
    const eventCount = this.#accountEvents.length;
    database.run('SAVEPOINT part');
    this.#changesBefore = changesBefore;
    try {
      const result = work();
      database.run('RELEASE part');
      return result;
    } catch (error) {
      if (database.isTransaction) database.execute('ROLLBACK TO part; RELEASE part');
      for (const [mailboxId, change] of changesBefore) {
        if (change === undefined) this.#changes.delete(mailboxId);
        else this.#changes.set(mailboxId, change);
      }
      this.#accountEvents.length = eventCount;
      throw error;
    } finally {
      this.#changesBefore = undefined;
    }
  }

  /** The modseq under which this request, or slice, changes the mailbox: its next one, the same at every call. */
  takeModseq(mailboxId: number): number {
    const known = this.#changes.get(mailboxId);
    if (known !== undefined) return known.modseq;
    const row = this.database.row<[number, number | null]>(
      `UPDATE mailboxes SET highest_modseq = highest_modseq + 1 WHERE id = ?
       RETURNING highest_modseq, account_id`,
      mailboxId,
    );
    if (row === undefined) throw new StoreError('NONEXISTENT', 'The mailbox does not exist');
    const [modseq, accountId] = row;
    this.noteModseq(mailboxId, modseq, accountId ?? undefined);
    return modseq;
  }

  /** The modseq that {@link takeModseq} has taken; undefined if it has not been asked for it. */
  knownModseq(mailboxId: number): number | undefined {
    return this.#changes.get(mailboxId)?.modseq;
  }

  /**
   * Notes that the mailbox's next modseq was taken otherwise, for {@link takeModseq}.
   *
   * @param accountId undefined if the mailbox is removed already
   */
  noteModseq(mailboxId: number, modseq: number, accountId: number | undefined): void {
    this.#keepBefore(mailboxId);
    this.#changes.set(mailboxId, new MailboxChange(modseq, accountId));
  }

  /**
   * Notes that so many messages of the mailbox got other flags under the context's modseq. Their states, ascending by UID,
   * are asked for when all work is done, and only if they are few enough to be told.
   *
   * @param readStates - returns undefined if there are too many sets of flags to be told; if it is given more than once, the
   *   first one reads for all
   */
  noteChanged(mailboxId: number, count: number, readStates: () => MessageStates | undefined): void {
    const change = this.#changeOf(mailboxId);
    change.messageCount += count;
    change.readStates ??= readStates;
  }

  /** As {@link noteChanged}, of messages that came. */
  noteAdded(mailboxId: number, count: number, readStates: () => MessageStates | undefined): void {
    this.noteChanged(mailboxId, count, readStates);
    this.#changeOf(mailboxId).isFlagsOnly = false;
  }

  /** Notes that messages came, over several slices: so many that none are told. */
  noteManyAdded(mailboxId: number): void {
    const change = this.#changeOf(mailboxId);
    change.readStates = () => undefined;
    change.isFlagsOnly = false;
  }

  /** Notes that messages of the mailbox were expunged under the context's modseq. */
  noteExpunged(mailboxId: number, uids: Uint32Array): void {
    const change = this.#changeOf(mailboxId);
    change.messageCount += uids.length;
    change.expungedUids.push(uids);
    change.isFlagsOnly = false;
  }

  /** Notes that the mailbox is removed. */
  noteGone(mailboxId: number): void {
    this.#changeOf(mailboxId).isGone = true;
  }

  /** Notes what happened in an account, beside changes of messages. */
  noteInAccount(accountId: number, event: AccountEvent): void {
    this.#accountEvents.push({ accountId, event });
  }

  /**
   * What those who watch are told once it is committed: one event for each mailbox that it changed, and those of accounts. Called once, when all
   * work is done and before the commit.
   */
  readEvents(): Commit[] {
    const commits: Commit[] = this.#accountEvents;
    for (const [mailboxId, change] of this.#changes) {
      const { accountId, modseq, isGone, isFlagsOnly } = change;
      commits.push({ mailboxId, event: change.readEvent() });
      if (accountId === undefined || isGone) continue;
      commits.push({ accountId, event: { kind: 'changed', mailboxId, modseq, isFlagsOnly } });
    }
    return commits;
  }

  /** Of a change that is about to be added to. */
  #changeOf(mailboxId: number): MailboxChange {
    this.#keepBefore(mailboxId);
    const change = this.#changes.get(mailboxId);
    if (change === undefined) throw new Error(`Mailbox ${mailboxId} has changed without a modseq`);
    return change;
  }

  #keepBefore(mailboxId: number): void {
    const before = this.#changesBefore;
    if (before === undefined || before.has(mailboxId)) return;
    before.set(mailboxId, this.#changes.get(mailboxId)?.copy());
  }
}

/** What one request, or slice, did in one mailbox. */
class MailboxChange {
  readonly modseq: number;
  /** Undefined if the mailbox is removed already. */
  readonly accountId: number | undefined;
  /** Messages that came, changed or were expunged. */
  messageCount = 0;
  /** Of those that came or changed. */
  readStates: (() => MessageStates | undefined) | undefined;
  readonly expungedUids: Uint32Array[] = [];
  isGone = false;
  /** False if messages came or went. */
  isFlagsOnly = true;

  constructor(modseq: number, accountId: number | undefined) {
    this.modseq = modseq;
    this.accountId = accountId;
  }

  copy(): MailboxChange {
    const copy = new MailboxChange(this.modseq, this.accountId);
    return Object.assign(copy, this, { expungedUids: [...this.expungedUids] });
  }

  readEvent(): MailboxEvent {
    const { modseq, readStates = noStates } = this;
    if (this.isGone) return { kind: 'gone' };
    const isTooLarge = this.messageCount > limits.maxEventMessages;
    const messages = isTooLarge ? undefined : readStates();
    if (messages === undefined || messages.flagSets.length > limits.maxEventFlagSets) {
      return { kind: 'changed-much', modseq };
    }
    return { kind: 'changed', modseq, messages, expungedUids: joinUids(this.expungedUids) };
  }
}

/** No messages. */
function noStates(): MessageStates {
  return {
    uids: new Uint32Array(),
    modseqs: new Float64Array(),
    flags: new Uint32Array(),
    flagSets: [],
  };
}

/** An event of a commit, and the mailbox or the account that it is about. */
export type Commit =
  | { readonly mailboxId: number; readonly event: MailboxEvent }
  | { readonly accountId: number; readonly event: AccountEvent };

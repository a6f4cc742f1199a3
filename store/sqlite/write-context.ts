import { limits } from '../limits.ts';
import { StoreError, type MailboxEvent, type MessageStates } from '../mail-store.ts';
import type { Database } from './database.ts';

/** What a write request has to work with. It lives as long as the request. */
export class WriteContext {
  readonly database: Database;
  /** The caller's clock when it asked. */
  readonly nowMs: number;
  /** The number of the client that asked. */
  readonly clientId: number;
  /** Bodies that drafts are writing, by body id, with the client whose draft it is. */
  readonly stagings: Map<number, number>;
  readonly #changes = new Map<number, MailboxChange>();

  constructor(
    database: Database,
    request: { nowMs: number; clientId: number; stagings: Map<number, number> },
  ) {
    this.database = database;
    this.nowMs = request.nowMs;
    this.clientId = request.clientId;
    this.stagings = request.stagings;
  }

  /** The modseq under which this request changes the mailbox: its next one, the same at every call. */
  takeModseq(mailboxId: number): number {
    const known = this.#changes.get(mailboxId);
    if (known !== undefined) return known.modseq;
    const row = this.database.row<[number]>(
      'UPDATE mailboxes SET highest_modseq = highest_modseq + 1 WHERE id = ? RETURNING highest_modseq',
      mailboxId,
    );
    if (row === undefined) throw new StoreError('NONEXISTENT', 'The mailbox does not exist');
    this.#changes.set(mailboxId, new MailboxChange(row[0]));
    return row[0];
  }

  /**
   * Notes that so many messages of the mailbox came or changed under the request's modseq. Their states, ascending
   * by UID, are only asked for, and at once, if they are few enough to be told.
   *
   * @param readStates - returns undefined if there are too many sets of flags to be told
   */
  noteChanged(mailboxId: number, count: number, readStates: () => MessageStates | undefined): void {
    const change = this.#changeOf(mailboxId);
    change.messageCount += count;
    if (change.isTooLarge) return;
    change.states = readStates();
    const setCount = change.states?.flagSets.length ?? Infinity;
    if (setCount > limits.maxEventFlagSets) change.hasTooManySets = true;
  }

  /** Notes that messages of the mailbox were expunged under the request's modseq. */
  noteExpunged(mailboxId: number, uids: Uint32Array): void {
    const change = this.#changeOf(mailboxId);
    change.messageCount += uids.length;
    change.expungedUids = uids;
  }

  /** Notes that the mailbox is removed. */
  noteGone(mailboxId: number): void {
    this.#changeOf(mailboxId).isGone = true;
  }

  /** What those who watch are told once the request is committed: one event for each mailbox that it changed. */
  get events(): MailboxCommit[] {
    return [...this.#changes].map(([mailboxId, change]) => ({ mailboxId, event: change.event }));
  }

  #changeOf(mailboxId: number): MailboxChange {
    const change = this.#changes.get(mailboxId);
    if (change === undefined) throw new Error(`Mailbox ${mailboxId} has changed without a modseq`);
    return change;
  }
}

/** What one request did in one mailbox. */
class MailboxChange {
  readonly modseq: number;
  /** Messages that came, changed or were expunged. */
  messageCount = 0;
  states: MessageStates | undefined;
  expungedUids: Uint32Array = new Uint32Array();
  hasTooManySets = false;
  isGone = false;

  constructor(modseq: number) {
    this.modseq = modseq;
  }

  get isTooLarge(): boolean {
    return this.hasTooManySets || this.messageCount > limits.maxEventMessages;
  }

  get event(): MailboxEvent {
    const { modseq, expungedUids } = this;
    if (this.isGone) return { kind: 'gone' };
    if (this.isTooLarge) return { kind: 'changed-much', modseq };
    return { kind: 'changed', modseq, messages: this.states ?? noStates(), expungedUids };
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

/** An event of a commit, and the mailbox that it is about. */
export interface MailboxCommit {
  readonly mailboxId: number;
  readonly event: MailboxEvent;
}

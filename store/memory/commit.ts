import { limits } from '../limits.ts';
import type { EventListeners } from '../event-listeners.ts';
import type { AccountEvent } from '../mail-store.ts';
import type { MailboxEvent } from '../mailbox-changes.ts';
import { type Message, toStates } from './message.ts';

/** What a commit needs of a mailbox. */
export interface ChangedMailbox {
  readonly id: number;
  readonly listeners: EventListeners<MailboxEvent>;
  /** Those of the account. */
  readonly accountListeners: EventListeners<AccountEvent>;
  /** The modseq of the next change. */
  takeModseq(): number;
}

/** One change of the store, in one turn of the event loop: what it does in each mailbox, and what is told of that. */
export class Commit {
  /** The store's clock, when it began. */
  readonly nowMs: number;
  readonly #changes = new Map<ChangedMailbox, MailboxChange>();
  readonly #accountEvents: { listeners: EventListeners<AccountEvent>; event: AccountEvent }[] = [];

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  /** What it does in a mailbox, under the mailbox's next modseq. */
  changeOf(mailbox: ChangedMailbox): MailboxChange {
    let change = this.#changes.get(mailbox);
    if (change === undefined) {
      change = new MailboxChange(mailbox.takeModseq());
      this.#changes.set(mailbox, change);
    }
    return change;
  }

  /** Notes what happens in an account, beside changes of messages. */
  noteInAccount(listeners: EventListeners<AccountEvent>, event: AccountEvent): void {
    this.#accountEvents.push({ listeners, event });
  }

  /** Tells those who watch, once all is done. */
  tell(): void {
    for (const { listeners, event } of this.#accountEvents) listeners.tell(event);
    for (const [{ id, listeners, accountListeners }, change] of this.#changes) {
      if (listeners.count > 0) listeners.tell(change.event);
      if (change.isGone) listeners.clear();
      else {
        const { modseq, isFlagsOnly } = change;
        accountListeners.tell({ kind: 'changed', mailboxId: id, modseq, isFlagsOnly });
      }
    }
  }
}

/** What one change does in one mailbox. */
class MailboxChange {
  readonly modseq: number;
  /** Those that came or changed, ascending by UID. */
  messages: Message[] = [];
  expungedUids: Uint32Array = new Uint32Array();
  isGone = false;
  /** False if messages came or went. */
  isFlagsOnly = true;

  constructor(modseq: number) {
    this.modseq = modseq;
  }

  get event(): MailboxEvent {
    const { modseq, expungedUids } = this;
    if (this.isGone) return { kind: 'gone' };
    if (this.messages.length + expungedUids.length > limits.maxEventMessages) {
      return { kind: 'changed-much', modseq };
    }
    const messages = toStates(this.messages);
    if (messages.flagSets.length > limits.maxEventFlagSets) return { kind: 'changed-much', modseq };
    return { kind: 'changed', modseq, messages, expungedUids };
  }
}

import { limits } from '../../limits.ts';
import type { MailboxEvent } from '../../mailbox-changes.ts';
import type { Commit } from './write-context.ts';

/** The events of a group: together they tell no more than one may, and past that only how far they go. */
export class GroupEvents {
  readonly all: Commit[] = [];
  #messageCount = 0;
  #flagSetCount = 0;

  /** True if a mailbox has changed. */
  get hasMailbox(): boolean {
    return this.all.some((commit) => 'mailboxId' in commit);
  }

  add(commit: Commit): void {
    if (!('mailboxId' in commit) || commit.event.kind !== 'changed') this.all.push(commit);
    else this.all.push({ ...commit, event: this.#bound(commit.event) });
  }

  #bound(event: ChangedEvent): MailboxEvent {
    const { messages, expungedUids, modseq } = event;
    const messageCount = this.#messageCount + messages.uids.length + expungedUids.length;
    const flagSetCount = this.#flagSetCount + messages.flagSets.length;
    if (messageCount > limits.maxEventMessages || flagSetCount > limits.maxEventFlagSets) {
      return { kind: 'changed-much', modseq };
    }
    this.#messageCount = messageCount;
    this.#flagSetCount = flagSetCount;
    return event;
  }
}

type ChangedEvent = Extract<MailboxEvent, { readonly kind: 'changed' }>;

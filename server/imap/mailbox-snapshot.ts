import type { MailboxChanges, MailStore } from '../../store/mail-store.ts';

/** From one snapshot to the next: what changed, and the snapshot after it. */
export interface SnapshotStep {
  readonly changes: MailboxChanges;
  readonly next: MailboxSnapshot;
}

/**
 * The UIDs of a mailbox at one modseq; the message sequence number of a message is its place in it, from 1.
 * It never changes, so that all sessions that are up to date share one: four octets a message, not four for
 * each session and message.
 */
export class MailboxSnapshot {
  readonly mailboxId: number;
  readonly modseq: number;
  readonly uids: Uint32Array;
  // Weak: a session that lags must not hold the whole chain of steps since.
  #step: WeakRef<SnapshotStep> | undefined;

  constructor(mailboxId: number, modseq: number, uids: Uint32Array) {
    this.mailboxId = mailboxId;
    this.modseq = modseq;
    this.uids = uids;
  }

  /** The message sequence number of a UID; undefined where the snapshot does not have it. */
  sequenceNumberOf(uid: number): number | undefined {
    const index = lowerBound(this.uids, uid);
    return this.uids[index] === uid ? index + 1 : undefined;
  }

  /**
   * Brings in what has changed up to at least `modseq`; sessions at the same place read the store once.
   * `NONEXISTENT` where the mailbox is gone.
   */
  async advance(store: MailStore, modseq: number): Promise<SnapshotStep> {
    const known = this.#step?.deref();
    if (known !== undefined && known.next.modseq >= modseq) return known;
    const changes = await store.readChanges(this.mailboxId, this.modseq);
    const shared = this.#step?.deref();
    if (shared !== undefined && shared.next.modseq === changes.modseq) return shared;
    const step = { changes, next: this.#apply(changes) };
    this.#step = new WeakRef(step);
    return step;
  }

  #apply(changes: MailboxChanges): MailboxSnapshot {
    const last = this.uids.at(-1) ?? 0;
    const added = changes.messages.filter(({ uid }) => uid > last).map(({ uid }) => uid);
    const isGone = new Set(changes.expungedUids);
    const kept = isGone.size === 0 ? this.uids : this.uids.filter((uid) => !isGone.has(uid));
    if (added.length === 0) {
      return new MailboxSnapshot(this.mailboxId, changes.modseq, kept);
    }
    const uids = new Uint32Array(kept.length + added.length);
    uids.set(kept);
    uids.set(added, kept.length);
    return new MailboxSnapshot(this.mailboxId, changes.modseq, uids);
  }
}

/** Index of the first element that is not smaller than `value`; the length where all are. */
export function lowerBound(sorted: Uint32Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

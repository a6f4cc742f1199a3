import { lowerBound } from '../../protocol/sequence-set.ts';
import { mergeUids } from '../../protocol/sorted-uids.ts';
import type { FeedStep, MailboxFeed } from './mailbox-feed.ts';

/** What a client may lag behind in steps, in UIDs, before they are let go and it is compared; of a large mailbox an eighth. */
const minLagUids = 4096;

/** Which changes of flags one client has been told of: those up to a modseq, and some of its own above it. */
export class ToldFlags {
  readonly #feed: MailboxFeed;
  #modseq: number;
  /** Modseqs above it of the session's own changes, which have been told too. */
  readonly #ownModseqs = new Set<number>();
  /** The last step that has been told; undefined if the client has fallen too far behind. */
  #step: FeedStep | undefined;

  /** All that is in the feed now counts as told. */
  constructor(feed: MailboxFeed) {
    this.#feed = feed;
    this.#modseq = feed.modseq;
    this.#step = feed.lastStep;
  }

  /** Everything up to it has been told. */
  get modseq(): number {
    return this.#modseq;
  }

  /** True if there are steps that have not been told. */
  get isBehind(): boolean {
    return this.#step !== this.#feed.lastStep;
  }

  /** The modseq is that of a change by this session, and everything that it changed has been told by the command itself. */
  noteOwnChange(modseq: number): void {
    if (modseq > this.#modseq) this.#ownModseqs.add(modseq);
  }

  /** True if the client has been told of a message's flags as of this modseq. */
  has(modseq: number): boolean {
    return modseq <= this.#modseq || this.#ownModseqs.has(modseq);
  }

  /** Everything up to the step has been told. */
  advance(step: FeedStep): void {
    this.#step = step;
    this.#modseq = Math.max(step.modseq, this.#modseq);
    for (const modseq of this.#ownModseqs) {
      if (modseq <= this.#modseq) this.#ownModseqs.delete(modseq);
    }
  }

  /** Keeps nothing of what changes from here on: the client is not to be told, or only later, when it is compared. */
  fallBehind(): void {
    this.#step = undefined;
    this.#ownModseqs.clear();
  }

  /** Lets go of steps that hold more than comparing costs. One step is shared by all views, and may be large. */
  letGo(): void {
    const { lastStep, count } = this.#feed;
    const least = lastStep.uidTotal - Math.max(minLagUids, count / 8);
    const step = this.#step;
    if (step !== undefined && step.uidTotal < least && step.next !== lastStep) {
      this.#step = undefined;
    }
  }

  /**
   * UIDs, ascending, of the messages that may have changed since; {@link has} says of their modseqs whether they have. The feed
   * may change between two.
   */
  untold(): Iterable<number> {
    if (this.#step === undefined) return this.#changedAfter(this.#modseq);
    const lists: Uint32Array[] = [];
    for (let step = this.#step; step.next !== undefined; step = step.next) {
      const { modseq, changedUids } = step.next;
      // A step of one commit; others hold several, whose own modseq is that of the last.
      const isOwn = modseq === step.modseq + 1 && this.#ownModseqs.has(modseq);
      if (!isOwn) lists.push(changedUids);
    }
    return mergeUids(lists);
  }

  /** The same by comparing, without a list of them. */
  *#changedAfter(modseq: number): Generator<number, undefined> {
    const feed = this.#feed;
    let [index, last] = [0, 0];
    for (;;) {
      // What lies behind the end is what was there before.
      if (index > feed.count || (index > 0 && feed.uids[index - 1] !== last)) {
        index = lowerBound(feed.uids, feed.count, last + 1);
      }
      while (index < feed.count && feed.modseqAt(index) <= modseq) index += 1;
      if (index >= feed.count) return undefined;
      last = feed.uids[index] as number;
      index += 1;
      yield last;
    }
  }
}

import type { SequenceSet } from '../../protocol/sequence-set.ts';

/** Ranges that are kept; the oldest go first. Only sessions that share the mail of one mailbox have many. */
const maxRanges = 4096;

interface UidRange {
  readonly firstUid: number;
  /** One past the last. */
  nextUid: number;
}

/**
 * The \Recent messages of one session: UIDs in ranges that it has claimed.
 *
 * @see RFC 3501, section 2.3.2
 */
export class RecentMessages {
  /** Ascending; they do not touch each other. */
  readonly #ranges: UidRange[] = [];
  #count = 0;

  /** Messages that the client knows of and that are in the ranges. */
  get count(): number {
    return this.#count;
  }

  /** The ranges that were claimed, ascending. */
  get ranges(): SequenceSet {
    return this.#ranges.map(({ firstUid, nextUid }) => ({ first: firstUid, last: nextUid - 1 }));
  }

  /**
   * Adds a range above those that are there.
   *
   * @param countBelow - how many messages the client knows of with UIDs below one
   */
  add(firstUid: number, nextUid: number, countBelow: (uid: number) => number): void {
    const countIn = (counted: UidRange): number =>
      countBelow(counted.nextUid) - countBelow(counted.firstUid);
    const range = { firstUid, nextUid };
    this.#count += countIn(range);
    const last = this.#ranges.at(-1);
    if (last?.nextUid === firstUid) last.nextUid = nextUid;
    else this.#ranges.push(range);
    if (this.#ranges.length <= maxRanges) return;
    const oldest = this.#ranges.shift();
    if (oldest !== undefined) this.#count -= countIn(oldest);
  }

  has(uid: number): boolean {
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle]?.nextUid ?? 0) <= uid) low = middle + 1;
      else high = middle;
    }
    return (this.#ranges[low]?.firstUid ?? Infinity) <= uid;
  }

  /** The client learns of messages, which may be in a range that was claimed before. */
  arrive(uids: Uint32Array): void {
    if (this.#ranges.length === 0) return;
    for (const uid of uids) if (this.has(uid)) this.#count += 1;
  }

  /** The client has been told that the message is gone. */
  remove(uid: number): void {
    if (this.has(uid)) this.#count -= 1;
  }
}

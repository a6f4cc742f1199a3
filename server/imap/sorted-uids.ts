import { lowerBound } from '../../protocol/sequence-set.ts';

/*
 * Lists of UIDs: ascending, each once. With a `count` only so many at the beginning belong to the list, and the rest is
 * room to grow.
 */

export const noUids = new Uint32Array();

/** The place of a UID among the first `count`; -1 if it is not there. `hint` is looked at first. */
export function indexOfUid(uids: Uint32Array, count: number, uid: number, hint = 0): number {
  if (hint < count && uids[hint] === uid) return hint;
  const index = lowerBound(uids, count, uid);
  return index < count && uids[index] === uid ? index : -1;
}

/** All UIDs of the lists. A single list is returned as it is. */
export function mergeUids(lists: readonly Uint32Array[]): Uint32Array {
  const filled = lists.filter(({ length }) => length > 0);
  if (filled.length === 0) return noUids;
  if (filled.length === 1) return filled[0] as Uint32Array;
  const merged = new Uint32Array(filled.reduce((sum, { length }) => sum + length, 0));
  let length = 0;
  for (const list of filled) {
    merged.set(list, length);
    length += list.length;
  }
  if (areInOrder(filled)) return merged;
  merged.sort();
  let kept = 0;
  for (const uid of merged) {
    if (kept === 0 || merged[kept - 1] !== uid) merged[kept++] = uid;
  }
  return merged.subarray(0, kept);
}

/** True if each list begins above the end of the one before it, as slices of one large change do. */
function areInOrder(lists: readonly Uint32Array[]): boolean {
  let lastUid = -1;
  for (const list of lists) {
    if ((list[0] as number) <= lastUid) return false;
    lastUid = list.at(-1) as number;
  }
  return true;
}

/** The UIDs without those that are in `others`. */
export function withoutUids(uids: Uint32Array, others: Uint32Array): Uint32Array {
  let next = 0;
  return uids.filter((uid) => {
    while (next < others.length && (others[next] as number) < uid) next += 1;
    return others[next] !== uid;
  });
}

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

  /** Adds a range above those that are there; `uids` are all messages that the client knows of, ascending. */
  add(firstUid: number, nextUid: number, uids: Uint32Array): void {
    const range = { firstUid, nextUid };
    this.#count += countIn(range, uids);
    const last = this.#ranges.at(-1);
    if (last?.nextUid === firstUid) last.nextUid = nextUid;
    else this.#ranges.push(range);
    if (this.#ranges.length <= maxRanges) return;
    const oldest = this.#ranges.shift();
    if (oldest !== undefined) this.#count -= countIn(oldest, uids);
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

function countIn({ firstUid, nextUid }: UidRange, uids: Uint32Array): number {
  return lowerBound(uids, uids.length, nextUid) - lowerBound(uids, uids.length, firstUid);
}

import type { SequenceSet } from '../../protocol/sequence-set.ts';

/** Ranges of UIDs, ascending and apart from each other, both ends included. */
export class UidRanges {
  readonly #firsts: readonly number[];
  readonly #lasts: readonly number[];

  /** @param largestUid what `*` stands for */
  constructor(set: SequenceSet, largestUid: number) {
    const firsts: number[] = [];
    const lasts: number[] = [];
    const ranges = set
      .map(({ first, last }) => [starOr(first, largestUid), starOr(last, largestUid)] as const)
      .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)
      .toSorted(([a], [b]) => a - b);
    for (const [first, last] of ranges) {
      const previous = lasts.at(-1);
      if (previous !== undefined && first <= previous + 1) {
        lasts[lasts.length - 1] = Math.max(previous, last);
      } else {
        firsts.push(first);
        lasts.push(last);
      }
    }
    this.#firsts = firsts;
    this.#lasts = lasts;
  }

  /** The smallest UID in the set; infinite for an empty set. */
  get first(): number {
    return this.#firsts[0] ?? Infinity;
  }

  /** The largest UID in the set; 0 for an empty set. */
  get last(): number {
    return this.#lasts.at(-1) ?? 0;
  }

  has(uid: number): boolean {
    let low = 0;
    let high = this.#firsts.length;
    // Ends at the first range that begins behind the UID.
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#firsts[middle]! <= uid) low = middle + 1;
      else high = middle;
    }
    return low > 0 && uid <= this.#lasts[low - 1]!;
  }
}

function starOr(uid: number, largestUid: number): number {
  return uid === Infinity ? largestUid : uid;
}

import { resolveSequenceSet, type SequenceSet } from '../../protocol/sequence-set.ts';

/** The UIDs that a set names, as ascending ranges that do not touch. */
export class UidRanges {
  readonly #firsts: readonly number[];
  readonly #lasts: readonly number[];

  /** @param largestUid what `*` stands for; 0 where there is none */
  constructor(set: SequenceSet, largestUid: number) {
    const ranges = resolveSequenceSet(set, largestUid);
    this.#firsts = ranges.map(({ first }) => first);
    this.#lasts = ranges.map(({ last }) => last);
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

import { maxNumber } from './limits.ts';

/**
 * One range of a sequence set, both ends included. `Infinity` stands for `*`, the largest number in use.
 * The ends may come in either order, as the client wrote them.
 */
export interface SequenceRange {
  readonly first: number;
  readonly last: number;
}

/**
 * A set of message sequence numbers or UIDs, in the order the client wrote it; ranges may overlap.
 *
 * @see RFC 9051, section 9, `sequence-set`
 */
export type SequenceSet = readonly SequenceRange[];

/** Messages as a command names them: a set, or `$`, those that the client has had saved. @see RFC 5182 */
export type MessageSet = SequenceSet | '$';

/** The set as the client wrote it; undefined if the text is not a sequence set. */
export function parseSequenceSet(text: string): SequenceSet | undefined {
  const ranges: SequenceRange[] = [];
  for (const item of text.split(',')) {
    const colon = item.indexOf(':');
    const first = parseSequenceNumber(colon < 0 ? item : item.slice(0, colon));
    const last = colon < 0 ? first : parseSequenceNumber(item.slice(colon + 1));
    if (first === undefined || last === undefined) return undefined;
    ranges.push({ first, last });
  }
  return ranges;
}

/** @see RFC 9051, section 9, `seq-number`: 1 to 2^32 - 1 without leading zeros, or `*` */
function parseSequenceNumber(text: string): number | undefined {
  if (text === '*') return Infinity;
  if (!/^[1-9]\d{0,9}$/.test(text)) return undefined;
  const number = Number(text);
  return number <= maxNumber ? number : undefined;
}

/**
 * Numbers as a compact sequence set, in the order given: a run of numbers that ascend by one becomes a
 * range. Empty for no numbers, which the grammar does not allow on the wire.
 */
export function formatSequenceSet(numbers: Iterable<number>): string {
  const set = new SequenceSetFormatter();
  return set.add(numbers) + set.end();
}

/** Ascending numbers as a set of as few ranges as can be. */
export function rangesOf(numbers: Iterable<number>): SequenceSet {
  const ranges: { first: number; last: number }[] = [];
  for (const number of numbers) {
    const range = ranges.at(-1);
    if (range?.last === number - 1) range.last = number;
    else ranges.push({ first: number, last: number });
  }
  return ranges;
}

/** As {@link formatSequenceSet}, piece by piece, for sets that are too large to be formatted in one turn. */
export class SequenceSetFormatter {
  /** The last range, which may grow; 0 before the first number. */
  #first = 0;
  #last = 0;
  #separator = '';

  /** The text of all ranges that cannot grow any more and have not been returned before. */
  add(numbers: Iterable<number>): string {
    const ranges: string[] = [];
    for (const number of numbers) {
      if (this.#last === 0 || number !== this.#last + 1) {
        if (this.#last !== 0) ranges.push(formatRange(this.#first, this.#last));
        this.#first = number;
      }
      this.#last = number;
    }
    return this.#join(ranges);
  }

  /** The text of ranges as they are given, both ends of each; in a set that has no other numbers. */
  addRanges(ranges: readonly SequenceRange[]): string {
    return this.#join(ranges.map(({ first, last }) => `${first}:${last}`));
  }

  /** The rest of the text. */
  end(): string {
    return this.#last === 0 ? '' : this.#join([formatRange(this.#first, this.#last)]);
  }

  #join(ranges: readonly string[]): string {
    if (ranges.length === 0) return '';
    const text = this.#separator + ranges.join(',');
    this.#separator = ',';
    return text;
  }
}

function formatRange(first: number, last: number): string {
  return first === last ? `${first}` : `${first}:${last}`;
}

/**
 * The same set as ascending ranges that neither overlap nor touch, with `*` replaced by `largest`, the
 * largest number in use (0: none is, and `*` names nothing). Ranges may still reach beyond `largest`.
 */
export function resolveSequenceSet(set: SequenceSet, largest: number): SequenceRange[] {
  const ordered = set
    .map((range) => {
      const first = range.first === Infinity ? largest : range.first;
      const last = range.last === Infinity ? largest : range.last;
      return { first: Math.max(1, Math.min(first, last)), last: Math.max(first, last) };
    })
    .filter((range) => range.last > 0)
    .toSorted((a, b) => a.first - b.first);
  const merged: { first: number; last: number }[] = [];
  for (const range of ordered) {
    const previous = merged.at(-1);
    if (previous && range.first <= previous.last + 1) {
      previous.last = Math.max(previous.last, range.last);
    } else {
      merged.push(range);
    }
  }
  return merged;
}

/** What is in both lists of ranges, each of which ascends and has no two that overlap or touch. */
export function intersectRanges(
  ranges: readonly SequenceRange[],
  others: readonly SequenceRange[],
): SequenceRange[] {
  const both: SequenceRange[] = [];
  let [index, other] = [0, 0];
  // Ends: each round passes one range of the two lists.
  while (index < ranges.length && other < others.length) {
    const [a, b] = [ranges[index]!, others[other]!];
    const first = Math.max(a.first, b.first);
    const last = Math.min(a.last, b.last);
    if (first <= last) both.push({ first, last });
    if (a.last <= b.last) index += 1;
    else other += 1;
  }
  return both;
}

/**
 * The members of `sorted` (ascending, without duplicates) that the set names, ascending. `*` is its last
 * member. The result is the caller's. The cost grows with the ranges and the result, never with the width of
 * a range.
 */
export function selectFromSorted(set: SequenceSet, sorted: Uint32Array): Uint32Array {
  const indexOf = (number: number) => lowerBound(sorted, sorted.length, number);
  const slices = resolveSequenceSet(set, sorted.at(-1) ?? 0).map((range) =>
    sorted.subarray(indexOf(range.first), indexOf(range.last + 1)),
  );
  const selected = new Uint32Array(slices.reduce((length, slice) => length + slice.length, 0));
  let length = 0;
  for (const slice of slices) {
    selected.set(slice, length);
    length += slice.length;
  }
  return selected;
}

/**
 * The index of the first of the first `count` members (ascending) that is at least `value`; `count` if all are smaller.
 */
export function lowerBound(sorted: Uint32Array, count: number, value: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * What the client of an extended SEARCH wants to know; `SAVE` that it goes on with the result, as `$`.
 *
 * @see RFC 4731, section 3.1; RFC 5182 (SAVE)
 */
export type SearchReturnItem = 'MIN' | 'MAX' | 'ALL' | 'COUNT' | 'SAVE';

/** The result options of a SEARCH or SORT, at least one. @see RFC 4466, section 2.6.1 */
export interface SearchReturn {
  readonly items: ReadonlySet<SearchReturnItem>;
  /** Tells these results, which then are not all. */
  readonly partial?: ResultRange;
}

/** Places in a list of results, both ends included. @see RFC 9394, section 4, `partial-range` */
export interface ResultRange {
  /** From 1, not above `last`. */
  readonly first: number;
  readonly last: number;
  /** True if the last result has the place 1, and the one before it 2. */
  readonly isFromEnd: boolean;
  /** As the client wrote it, and is answered. */
  readonly text: string;
}

/**
 * Where results of a range stand in a list of so many, from the first to behind the last: from 0, and within the list, of
 * which the range may name no result.
 */
export function placesOf(
  count: number,
  { first, last, isFromEnd }: ResultRange,
): readonly [start: number, end: number] {
  const within = (place: number) => Math.max(0, Math.min(place, count));
  if (!isFromEnd) return [within(first - 1), within(last)];
  return [within(count - last), within(count - first + 1)];
}

import { CommandError, quoteReceived, type Decoder } from '../decoder.ts';
import { maxReturnOptions } from '../limits.ts';

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

const returnItems: readonly SearchReturnItem[] = ['MIN', 'MAX', 'ALL', 'COUNT', 'SAVE'];

/**
 * `RETURN (…)` of SEARCH, or of SORT, and the space behind it; undefined if something else is next. An option may come twice,
 * but for PARTIAL; an empty list asks for ALL.
 *
 * @param capability - what allows it
 * @see RFC 4466, section 2.6.1; RFC 4731, section 3.1; RFC 5267, section 3.1; RFC 9394, section 3.1
 */
export function acceptSearchReturn(
  decoder: Decoder,
  capability: 'ESEARCH' | 'ESORT' = 'ESEARCH',
): SearchReturn | undefined {
  if (decoder.isOff(capability) || !decoder.acceptWord('RETURN')) return undefined;
  const items = new Set<SearchReturnItem>();
  let partial: ResultRange | undefined;
  decoder.expectSpace();
  decoder.expectList('result options', maxReturnOptions, () => {
    const name = decoder.expectAtom('result option').toUpperCase();
    const item = returnItems.find((known) => known === name);
    // Only what SEARCH finds comes in pages, and can be saved (RFC 9394, section 3.1; RFC 5182, section 2.1).
    const isSearch = capability === 'ESEARCH';
    if (name === 'PARTIAL' && isSearch && !decoder.isOff('PARTIAL')) {
      if (partial !== undefined) throw new CommandError('Result option "PARTIAL" comes twice');
      partial = expectResultRange(decoder);
    } else if (
      item === undefined ||
      (item === 'SAVE' && (!isSearch || decoder.isOff('SEARCHRES')))
    ) {
      throw new CommandError(`Unknown result option ${quoteReceived(name)}`);
    } else items.add(item);
  });
  decoder.expectSpace();
  if (partial === undefined) return { items: items.size === 0 ? new Set(['ALL']) : items };
  if (items.has('ALL'))
    throw new CommandError('Result options "ALL" and "PARTIAL" exclude each other');
  return { items, partial };
}

/** The space behind `PARTIAL`, and its range, whose ends may come in either order. @see RFC 9394, section 4 */
export function expectResultRange(decoder: Decoder): ResultRange {
  decoder.expectSpace();
  const isFromEnd = decoder.accept('-');
  const one = decoder.expectNumber('result number above 0', 1);
  decoder.expect(':');
  if (isFromEnd) decoder.expect('-');
  const other = decoder.expectNumber('result number above 0', 1);
  const sign = isFromEnd ? '-' : '';
  return {
    first: Math.min(one, other),
    last: Math.max(one, other),
    isFromEnd,
    text: `${sign}${one}:${sign}${other}`,
  };
}

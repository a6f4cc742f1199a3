import { CommandError, quoteReceived, type Decoder } from '../decoder.ts';
import { maxSortKeys } from '../limits.ts';
import { acceptSearchReturn, expectFuzzy, type SearchReturn } from './search-return.ts';
import { expectSearchProgram, type SearchProgram } from './search.ts';

/** What messages are sorted by. @see RFC 5256, section 3 (SORT); RFC 5957, section 4; RFC 6203, section 6 */
export type SortKeyName =
  | 'ARRIVAL'
  | 'CC'
  | 'DATE'
  | 'DISPLAYFROM'
  | 'DISPLAYTO'
  | 'FROM'
  | 'RELEVANCY'
  | 'SIZE'
  | 'SUBJECT'
  | 'TO';

/** One criterion of SORT. */
export interface SortKey {
  readonly name: SortKeyName;
  /** True if what is greater comes first; messages that are equal stay in the order of their numbers. */
  readonly isReverse: boolean;
}

/** The arguments of SORT. */
export interface SortArguments extends SearchProgram {
  /** Present if the answer is an ESEARCH response instead of SORT. */
  readonly returned?: SearchReturn;
  /** At least one; the first that tells two messages apart decides. */
  readonly keys: readonly SortKey[];
}

/** @see RFC 5256, section 5; RFC 5267, section 3.1 (RETURN) */
export function expectSortArguments(decoder: Decoder): SortArguments {
  decoder.expectSpace();
  const returned = acceptSearchReturn(decoder, 'SORT');
  const keys: SortKey[] = [];
  decoder.expectList('sort keys', maxSortKeys, () => keys.push(expectSortKey(decoder)));
  if (keys.length === 0) throw new CommandError('Expected sort keys, got an empty list');
  decoder.expectSpace();
  const program = expectSearchProgram(decoder);
  const isByRelevancy = keys.some(({ name }) => name === 'RELEVANCY');
  expectFuzzy(isByRelevancy || returned?.items.has('RELEVANCY') === true, program);
  return { keys, ...program, ...(returned !== undefined && { returned }) };
}

const keyNames: readonly SortKeyName[] = ['ARRIVAL', 'CC', 'DATE', 'FROM', 'SIZE', 'SUBJECT', 'TO'];

/** @see RFC 5957, section 4 */
const displayKeyNames: readonly SortKeyName[] = ['DISPLAYFROM', 'DISPLAYTO'];

/** @see RFC 6203, section 6 */
const relevancyKeyNames: readonly SortKeyName[] = ['RELEVANCY'];

function expectSortKey(decoder: Decoder): SortKey {
  const isReverse = decoder.acceptWord('REVERSE');
  if (isReverse) decoder.expectSpace();
  const received = decoder.expectAtom('sort key');
  const known = [
    ...keyNames,
    ...(decoder.isOff('SORT=DISPLAY') ? [] : displayKeyNames),
    ...(decoder.isOff('SEARCH=FUZZY') ? [] : relevancyKeyNames),
  ];
  const name = known.find((each) => each === received.toUpperCase());
  if (name === undefined) throw new CommandError(`Unknown sort key ${quoteReceived(received)}`);
  return { name, isReverse };
}

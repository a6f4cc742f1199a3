import { CommandError, quoteReceived, type Decoder } from '../decoder.ts';
import { maxReturnOptions } from '../limits.ts';

/**
 * What the client of an extended SEARCH wants to know; `SAVE` that it goes on with the result, as `$`.
 *
 * @see RFC 4731, section 3.1; RFC 5182 (SAVE)
 */
export type SearchReturnItem = 'MIN' | 'MAX' | 'ALL' | 'COUNT' | 'SAVE' | 'RELEVANCY';

/** The result options of a SEARCH or SORT; there is at least one. @see RFC 4466, section 2.6.1 */
export interface SearchReturn {
  readonly items: ReadonlySet<SearchReturnItem>;
  /** Tells these results, which then are not all. */
  readonly partial?: ResultRange;
  /** True if the client is to be told how the results change from then on. @see RFC 5267, section 4.3 */
  readonly isUpdated?: true;
}

/** Refuses to tell how relevant results are that no fuzzy key has found. @see RFC 6203, section 4 */
export function expectFuzzy(isAsked: boolean, { isFuzzy }: { readonly isFuzzy?: true }): void {
  if (isAsked && isFuzzy !== true) throw new CommandError('RELEVANCY needs a FUZZY search key');
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

const returnItems: readonly SearchReturnItem[] = [
  'MIN',
  'MAX',
  'ALL',
  'COUNT',
  'SAVE',
  'RELEVANCY',
];

/** A command that has result options. */
type SearchingCommand = 'SEARCH' | 'SORT';

/**
 * `RETURN (…)` and the space behind it; undefined if something else is next. An option may come twice, but for PARTIAL; an
 * empty list asks for ALL.
 *
 * @see RFC 4466, section 2.6.1; RFC 4731, section 3.1; RFC 5267, sections 3.1 and 4; RFC 9394, section 3.1
 */
export function acceptSearchReturn(
  decoder: Decoder,
  command: SearchingCommand = 'SEARCH',
): SearchReturn | undefined {
  const capability = command === 'SEARCH' ? 'ESEARCH' : 'ESORT';
  if (decoder.isOff(capability) || !decoder.acceptWord('RETURN')) return undefined;
  const options = new ReturnOptions(decoder, command);
  decoder.expectSpace();
  decoder.expectList('result options', maxReturnOptions, () => options.expectOption());
  decoder.expectSpace();
  return options.end();
}

/** Reads result options, one after the other. */
class ReturnOptions {
  readonly #decoder: Decoder;
  readonly #command: SearchingCommand;
  readonly #items = new Set<SearchReturnItem>();
  #partial: ResultRange | undefined;
  #isUpdated = false;

  constructor(decoder: Decoder, command: SearchingCommand) {
    this.#decoder = decoder;
    this.#command = command;
  }

  expectOption(): void {
    const name = this.#decoder.expectAtom('result option').toUpperCase();
    const item = returnItems.find((known) => known === name);
    if (name === 'PARTIAL' && this.#hasPartial) return this.#expectPartial();
    if (name === 'UPDATE' && this.#hasContext) this.#isUpdated = true;
    else if (name === 'CONTEXT' && this.#hasContext) {
      // That such a search will come again: columns and flags are kept in any case.
    } else if (item === undefined || !this.#hasItem(item)) {
      throw new CommandError(`Unknown result option ${quoteReceived(name)}`);
    } else this.#items.add(item);
  }

  /** All options have come. */
  end(): SearchReturn {
    const [items, partial] = [this.#items, this.#partial];
    if (partial !== undefined && items.has('ALL')) {
      throw new CommandError('Result options "ALL" and "PARTIAL" exclude each other');
    }
    // Who asks for updates alone is told of nothing that is there already.
    if (items.size === 0 && partial === undefined && !this.#isUpdated) items.add('ALL');
    return {
      items,
      ...(partial !== undefined && { partial }),
      ...(this.#isUpdated && { isUpdated: true }),
    };
  }

  get #hasContext(): boolean {
    return !this.#decoder.isOff(`CONTEXT=${this.#command}`);
  }

  /** Of SORT only RFC 5267 has it. */
  get #hasPartial(): boolean {
    return this.#hasContext || (this.#command === 'SEARCH' && !this.#decoder.isOff('PARTIAL'));
  }

  /** What is sorted can be saved as what is searched. @see RFC 5182, section 1 */
  #hasItem(item: SearchReturnItem): boolean {
    if (item === 'RELEVANCY') return !this.#decoder.isOff('SEARCH=FUZZY');
    return item !== 'SAVE' || !this.#decoder.isOff('SEARCHRES');
  }

  #expectPartial(): void {
    if (this.#partial !== undefined) throw new CommandError('Result option "PARTIAL" comes twice');
    this.#partial = expectResultRange(this.#decoder);
  }
}

/**
 * The space behind `PARTIAL`, and its range, whose ends may come in either order; without the capability PARTIAL not counted
 * from the end.
 *
 * @see RFC 5267, section 5; RFC 9394, section 4
 */
export function expectResultRange(decoder: Decoder): ResultRange {
  decoder.expectSpace();
  const isFromEnd = !decoder.isOff('PARTIAL') && decoder.accept('-');
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

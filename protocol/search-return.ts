/**
 * What the client of an extended SEARCH wants to know; `SAVE` that it goes on with the result, as `$`.
 *
 * @see RFC 4731, section 3.1; RFC 5182 (SAVE)
 */
export type SearchReturnItem = 'MIN' | 'MAX' | 'ALL' | 'COUNT' | 'SAVE';

/** The result options of a SEARCH or SORT. @see RFC 4466, section 2.6.1 */
export interface SearchReturn {
  /** At least one. */
  readonly items: ReadonlySet<SearchReturnItem>;
}

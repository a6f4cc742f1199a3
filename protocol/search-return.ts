/** What the client of an extended SEARCH wants to know. @see RFC 4731, section 3.1 */
export type SearchReturnItem = 'MIN' | 'MAX' | 'ALL' | 'COUNT';

/** The result options of a SEARCH or SORT. @see RFC 4466, section 2.6.1 */
export interface SearchReturn {
  /** At least one. */
  readonly items: ReadonlySet<SearchReturnItem>;
}

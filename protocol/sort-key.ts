/** What messages are sorted by. @see RFC 5256, section 3 (SORT); RFC 5957, section 4 */
export type SortKeyName =
  'ARRIVAL' | 'CC' | 'DATE' | 'DISPLAYFROM' | 'DISPLAYTO' | 'FROM' | 'SIZE' | 'SUBJECT' | 'TO';

/** One criterion of SORT. */
export interface SortKey {
  readonly name: SortKeyName;
  /** True if what is greater comes first; messages that are equal stay in the order of their numbers. */
  readonly isReverse: boolean;
}

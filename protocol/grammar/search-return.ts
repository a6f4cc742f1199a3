import { CommandError, quoteReceived, type Decoder } from '../decoder.ts';
import { maxReturnOptions } from '../limits.ts';
import type { SearchReturn, SearchReturnItem } from '../search-return.ts';

const returnItems: readonly SearchReturnItem[] = ['MIN', 'MAX', 'ALL', 'COUNT', 'SAVE'];

/**
 * `RETURN (…)` of SEARCH, or of SORT, and the space behind it; undefined if something else is next. An option may come twice; an empty list asks
 * for ALL.
 *
 * @param capability - what allows it
 * @see RFC 4466, section 2.6.1; RFC 4731, section 3.1; RFC 5267, section 3.1
 */
export function acceptSearchReturn(
  decoder: Decoder,
  capability: 'ESEARCH' | 'ESORT' = 'ESEARCH',
): SearchReturn | undefined {
  if (decoder.isOff(capability) || !decoder.acceptWord('RETURN')) return undefined;
  const items = new Set<SearchReturnItem>();
  decoder.expectSpace();
  decoder.expectList('result options', maxReturnOptions, () => {
    const name = decoder.expectAtom('result option').toUpperCase();
    const item = returnItems.find((known) => known === name);
    // Only what SEARCH finds can be saved (RFC 5182, section 2.1).
    const canSave = capability === 'ESEARCH' && !decoder.isOff('SEARCHRES');
    if (item === undefined || (item === 'SAVE' && !canSave)) {
      throw new CommandError(`Unknown result option ${quoteReceived(name)}`);
    }
    items.add(item);
  });
  decoder.expectSpace();
  return { items: items.size === 0 ? new Set(['ALL']) : items };
}

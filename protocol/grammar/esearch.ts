import { CommandError, type Decoder } from '../decoder.ts';
import { maxSearchSources } from '../limits.ts';
import type { MailboxFilter } from '../mailbox-filter.ts';
import { expectMailboxFilter } from './mailbox-filter.ts';
import { acceptSearchReturn, expectFuzzy, type SearchReturn } from './search-return.ts';
import { expectCriteria, type SearchProgram } from './search.ts';

/** The arguments of ESEARCH. */
export interface EsearchArguments extends SearchProgram {
  /** The mailboxes that are searched: those that one of these takes. At least one; no `selected-delayed`. */
  readonly sources: readonly MailboxFilter[];
  /** ALL if the client has asked for nothing. */
  readonly returned: SearchReturn;
  /** Its answers always have UIDs. */
  readonly isUid: true;
}

/** @see RFC 7377, section 4 */
export function expectEsearchArguments(decoder: Decoder): EsearchArguments {
  decoder.expectSpace();
  const sources: MailboxFilter[] = [];
  if (decoder.acceptWord('IN')) {
    decoder.expectSpace();
    decoder.expectList('mailbox filters', maxSearchSources, () => {
      const start = decoder.position;
      const source = expectMailboxFilter(decoder);
      if (source.kind === 'selected-delayed') throw decoder.expected('mailbox filter', start);
      sources.push(source);
    });
    if (sources.length === 0) throw new CommandError('Expected mailbox filters, got an empty list');
    decoder.expectSpace();
  } else sources.push({ kind: 'selected' });
  const returned = acceptSearchReturn(decoder) ?? { items: new Set(['ALL']) };
  if (returned.items.has('SAVE') && sources.some(({ kind }) => kind !== 'selected')) {
    throw new CommandError('Only what is found in the selected mailbox can be saved');
  }
  const program = expectCriteria(decoder);
  expectFuzzy(returned.items.has('RELEVANCY'), program);
  return { sources, returned, isUid: true, ...program };
}

import { CommandError, type Decoder } from '../decoder.ts';
import { maxFilterNames } from '../limits.ts';
import type { MailboxFilter } from '../mailbox-filter.ts';

/**
 * `filter-mailboxes`: which mailboxes a command means.
 *
 * @see RFC 5465, section 8; RFC 7377, section 3 (`subtree-one`)
 */
export function expectMailboxFilter(decoder: Decoder): MailboxFilter {
  const start = decoder.position;
  const kind = decoder.expectAtom('mailbox filter').toLowerCase();
  switch (kind) {
    case 'selected':
    case 'selected-delayed':
    case 'inboxes':
    case 'personal':
    case 'subscribed':
      return { kind };
    case 'mailboxes':
    case 'subtree':
    case 'subtree-one':
      decoder.expectSpace();
      return { kind, names: expectNames(decoder) };
    default:
      throw decoder.expected('mailbox filter', start);
  }
}

/** `one-or-more-mailbox`; each name once, in order. */
function expectNames(decoder: Decoder): readonly string[] {
  if (!decoder.isNext('(')) return [decoder.expectMailbox()];
  const names = new Set<string>();
  decoder.expectList('mailbox names', maxFilterNames, () => names.add(decoder.expectMailbox()));
  if (names.size === 0) throw new CommandError('Expected mailbox names, got an empty list');
  return [...names].toSorted();
}

import { hierarchySeparator } from './mailbox-name.ts';

/**
 * Which mailboxes a client means: of those that there are when it matters, not only of those that there are now. Without the
 * one that is selected, but for the first two.
 *
 * - `selected`, `selected-delayed`: the selected mailbox; delayed if it is told of messages that are gone only when it asks
 * - `inboxes`: those to which mail is delivered, which is INBOX
 * - `personal`: all of the account
 * - `subscribed`: those that are subscribed
 *
 * @see RFC 5465, section 6; RFC 7377, section 2.2
 */
export type MailboxFilter =
  | { readonly kind: 'selected' | 'selected-delayed' | 'inboxes' | 'personal' | 'subscribed' }
  | NamedMailboxes;

/**
 * Mailboxes by their names, which need not exist.
 *
 * - `mailboxes`: those alone
 * - `subtree`: those, and all below them
 * - `subtree-one`: those, and what is one level below them
 */
export interface NamedMailboxes {
  readonly kind: 'mailboxes' | 'subtree' | 'subtree-one';
  /**
   * At least one, each once, in the order of their UTF-16 code units; in NFC, `INBOX` in capitals. Without wildcards: `*` and `%`
   * stand for themselves.
   */
  readonly names: readonly string[];
}

/** What a filter looks at in a mailbox. */
export interface FilteredMailbox {
  /** In NFC, `INBOX` in capitals. */
  readonly name: string;
  readonly isSubscribed: boolean;
}

/** True if the filter takes a mailbox, selected or not; never for those that only mean the selected one. */
export function takesMailbox(
  filter: MailboxFilter,
  { name, isSubscribed }: FilteredMailbox,
): boolean {
  switch (filter.kind) {
    case 'selected':
    case 'selected-delayed':
      return false;
    case 'inboxes':
      return name === 'INBOX';
    case 'personal':
      return true;
    case 'subscribed':
      return isSubscribed;
    default:
      return isNamed(filter, name);
  }
}

function isNamed({ kind, names }: NamedMailboxes, name: string): boolean {
  if (hasName(names, name)) return true;
  if (kind === 'mailboxes') return false;
  // From the name upwards, one level at a time.
  for (
    let end = name.lastIndexOf(hierarchySeparator);
    end > 0;
    end = name.lastIndexOf(hierarchySeparator, end - 1)
  ) {
    if (hasName(names, name.slice(0, end))) return true;
    if (kind === 'subtree-one') return false;
  }
  return false;
}

function hasName(names: readonly string[], name: string): boolean {
  let [low, high] = [0, names.length];
  // Ends at the first name that is not before.
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (names[middle]! < name) low = middle + 1;
    else high = middle;
  }
  return names[low] === name;
}

import type { MailboxStatus } from '../../store/mail-store.ts';

/**
 * The object id of a mailbox. It is made of the UIDVALIDITY, which no other mailbox of the store ever had, nor one of another
 * store that was here before; RENAME leaves it as it is.
 *
 * @see RFC 8474, section 4
 */
export function mailboxIdOf({ uidValidity }: Pick<MailboxStatus, 'uidValidity'>): string {
  return `F${uidValidity}`;
}

import { hierarchySeparator } from '../../../protocol/mailbox-name.ts';
import type { Mailbox } from '../../../store/mail-store.ts';
import type { Session } from '../session.ts';
import { plainAttributes } from './list.ts';

/**
 * Tells a client of IMAP4rev2 the name and the attributes of a mailbox that it has named.
 *
 * @param oldName - how the client wrote the name; absent: as the mailbox has it
 * @see RFC 9051, sections 6.3.2 (SELECT) and 6.3.9.7 (OLDNAME)
 */
export function tellName(session: Session, mailbox: Mailbox, oldName?: string): void {
  writeListedName(session, mailbox.name, plainAttributes(session, { mailbox }), oldName);
}

/** Tells a client of IMAP4rev2 that the name of a mailbox is not quite the one that it has written. */
export async function tellNormalizedName(
  session: Session,
  name: string,
  oldName: string | undefined,
): Promise<void> {
  if (oldName === undefined || !session.isRev2) return;
  const mailbox = await session.store.findMailbox(session.accountId, name);
  if (mailbox !== undefined) tellName(session, mailbox, oldName);
}

/** Tells a client of IMAP4rev2 that a mailbox is gone whose name is not quite the one that it has written. */
export function tellGone(session: Session, name: string, oldName: string): void {
  if (session.isRev2) writeListedName(session, name, ['\\NonExistent'], oldName);
}

/** Writes a LIST response, with the name before if the mailbox had another. */
export function writeListedName(
  { out }: Session,
  name: string,
  attributes: readonly string[],
  oldName: string | undefined,
): void {
  out.begin().atom('LIST').flags(attributes).string(hierarchySeparator).mailbox(name);
  if (oldName !== undefined) out.open().string('OLDNAME').open().mailbox(oldName).close().close();
  out.end();
}

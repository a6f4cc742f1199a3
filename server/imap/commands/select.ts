import type { CommandHandler } from '../command-handler.ts';
import { CommandRefusedError } from '../command-error.ts';
import { SelectedMailbox } from '../selected-mailbox.ts';
import type { Session } from '../session.ts';
import type { MailboxOpening } from '../../../store/mail-store.ts';

/** @see RFC 3501, sections 6.3.1 and 6.3.2; RFC 7162, section 3.1.8 (CONDSTORE) */
export const select: CommandHandler<'SELECT' | 'EXAMINE'> = async (session, command) => {
  const { name, mailboxName, isCondstore } = command;
  if (session.selected !== undefined) {
    session.unselect();
    session.out.untagged('OK [CLOSED] Previous mailbox is closed');
  }
  const mailbox = await session.store.findMailbox(session.accountId, mailboxName);
  if (mailbox === undefined) {
    throw new CommandRefusedError('NO', `No mailbox of that name`, 'NONEXISTENT');
  }
  if (!mailbox.isSelectable) throw new CommandRefusedError('NO', 'The mailbox only holds others');
  if (isCondstore) session.hasCondstore = true;
  const isReadOnly = name === 'EXAMINE';
  const opening = await session.store.openMailbox(mailbox.id);
  const selected = new SelectedMailbox(session.context, mailbox, opening, isReadOnly);
  session.select(selected);
  await selected.claimRecent(opening.status.recentCount);
  describe(session, selected, opening);
  return { text: `${name} completed`, code: isReadOnly ? 'READ-ONLY' : 'READ-WRITE' };
};

function describe(session: Session, selected: SelectedMailbox, opening: MailboxOpening): void {
  const { out } = session;
  const { uidValidity, uidNext, highestModseq } = opening.status;
  const { snapshot } = selected;
  out.untagged(`FLAGS ${selected.formatKnownFlags()}`);
  const permanent = selected.isReadOnly ? '()' : selected.formatKnownFlags('\\*');
  out.untagged(`OK [PERMANENTFLAGS ${permanent}] Flags that can be changed`);
  out.untagged(`${snapshot.uids.length} EXISTS`);
  out.untagged(`${selected.recentCount} RECENT`);
  const unseen = snapshot.sequenceNumberOf(opening.firstUnseenUid ?? 0);
  if (unseen !== undefined) out.untagged(`OK [UNSEEN ${unseen}] First unseen message`);
  out.untagged(`OK [UIDVALIDITY ${uidValidity}] UIDs are valid`);
  out.untagged(`OK [UIDNEXT ${uidNext}] Predicted next UID`);
  out.untagged(`OK [HIGHESTMODSEQ ${highestModseq}] Highest`);
}

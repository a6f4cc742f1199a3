import type { CommandHandler } from '../command-handler.ts';
import { CommandRefusedError } from '../command-error.ts';
import { MailboxView } from '../mailbox-view.ts';
import type { Session } from '../session.ts';
import type { Mailbox } from '../../../store/mail-store.ts';

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
  describe(session, await open(session, mailbox, isReadOnly));
  return { text: `${name} completed`, code: isReadOnly ? 'READ-ONLY' : 'READ-WRITE' };
};

/** If anything fails no mailbox is selected (RFC 3501, section 6.3.1). */
async function open(session: Session, mailbox: Mailbox, isReadOnly: boolean): Promise<MailboxView> {
  const { recentCount } = await session.store.readStatus(mailbox);
  const feed = await session.context.feeds.acquire(mailbox);
  const view = new MailboxView(feed, isReadOnly);
  session.select(view);
  if (isReadOnly) view.showRecent(recentCount);
  else await view.claimRecent();
  return view;
}

function describe({ out }: Session, view: MailboxView): void {
  const { feed } = view;
  out.untagged(`FLAGS ${view.knownFlagsText()}`);
  const permanent = view.isReadOnly ? '()' : view.knownFlagsText('\\*');
  out.untagged(`OK [PERMANENTFLAGS ${permanent}] Flags that can be changed`);
  out.untagged(`${view.count} EXISTS`);
  out.untagged(`${view.recentCount} RECENT`);
  const unseen = view.firstUnseenNumber();
  if (unseen !== undefined) out.untagged(`OK [UNSEEN ${unseen}] First unseen message`);
  out.untagged(`OK [UIDVALIDITY ${feed.uidValidity}] UIDs are valid`);
  out.untagged(`OK [UIDNEXT ${view.uidNext}] Predicted next UID`);
  out.untagged(`OK [HIGHESTMODSEQ ${view.toldModseq}] Highest`);
}

import { encodeFlagList } from '../../../protocol/encoder.ts';
import type { SearchKey } from '../../../protocol/search-key.ts';
import type { CommandHandler } from '../dispatch.ts';
import { CommandRefusedError } from '../responses.ts';
import { SearchVerdicts, verdicts } from './search-verdicts.ts';
import { MailboxView } from '../mailbox-view.ts';
import type { Session } from '../session.ts';
import type { Mailbox } from '../../../store/mail-store.ts';

const isUnseen: SearchKey = { key: 'not', operand: { key: 'flag', flag: '\\Seen' } };

/** Messages that are looked at before it is seen whether one of them is not \Seen. */
const sliceMessages = 4096;

/** @see RFC 3501, sections 6.3.1 and 6.3.2; RFC 7162, section 3.1.8 (CONDSTORE) */
export const select: CommandHandler<'SELECT' | 'EXAMINE'> = async (session, command) => {
  const { name, mailboxName, isCondstore } = command;
  if (session.selected !== undefined) {
    session.unselect();
    session.out.status('*', 'OK', 'Previous mailbox is closed', 'CLOSED');
  }
  const mailbox = await session.store.findMailbox(session.accountId, mailboxName);
  if (mailbox === undefined) {
    throw new CommandRefusedError('NO', `No mailbox of that name`, 'NONEXISTENT');
  }
  if (!mailbox.isSelectable) throw new CommandRefusedError('NO', 'The mailbox only holds others');
  if (isCondstore) session.hasCondstore = true;
  const isReadOnly = name === 'EXAMINE';
  const { view, canAddKeywords } = await open(session, mailbox, isReadOnly);
  describe(session, view, canAddKeywords);
  return { text: `${name} completed`, code: isReadOnly ? 'READ-ONLY' : 'READ-WRITE' };
};

/** If anything fails no mailbox is selected (RFC 3501, section 6.3.1). */
async function open(
  session: Session,
  mailbox: Mailbox,
  isReadOnly: boolean,
): Promise<{ view: MailboxView; canAddKeywords: boolean }> {
  const { context } = session;
  const feed = await context.feeds.acquire(mailbox);
  try {
    const status = await feed.refresh();
    // Before the view is made, which then is up to date while it is described.
    const claimed = isReadOnly ? undefined : await feed.claimRecent();
    if (feed.ended !== undefined) throw new CommandRefusedError('NO', feed.ended.message);
    const view = new MailboxView(feed, isReadOnly);
    if (isReadOnly) view.showRecent(status?.recentCount ?? 0);
    if (claimed !== undefined) view.addRecent(...claimed);
    session.select(view);
    return { view, canAddKeywords: status?.canAddKeywords ?? true };
  } catch (error) {
    context.feeds.release(feed);
    throw error;
  }
}

function describe(session: Session, view: MailboxView, canAddKeywords: boolean): void {
  const { out } = session;
  const { feed } = view;
  out.begin().atom('FLAGS').wire(view.knownFlags()).end();
  const newKeywords = canAddKeywords ? ['\\*'] : [];
  const permanent = view.isReadOnly ? encodeFlagList([]) : view.knownFlags(...newKeywords);
  out.status('*', 'OK', 'Flags that can be changed', `PERMANENTFLAGS ${permanent}`);
  out.begin().number(view.count).atom('EXISTS').end();
  out.begin().number(view.recentCount).atom('RECENT').end();
  const unseen = firstUnseenNumber(view);
  if (unseen !== undefined) out.status('*', 'OK', 'First unseen message', `UNSEEN ${unseen}`);
  out.status('*', 'OK', 'UIDs are valid', `UIDVALIDITY ${feed.uidValidity}`);
  out.status('*', 'OK', 'Predicted next UID', `UIDNEXT ${view.uidNext}`);
  if (session.isOff('CONDSTORE')) return;
  out.status('*', 'OK', 'Highest', `HIGHESTMODSEQ ${view.toldModseq}`);
}

/** The number of the first message without \Seen; undefined if all have it. */
function firstUnseenNumber(view: MailboxView): number | undefined {
  const judged = new SearchVerdicts(isUnseen, view);
  for (let start = 0; start < view.count; start += sliceMessages) {
    const end = Math.min(start + sliceMessages, view.count);
    const place = judged.of(start, end).indexOf(verdicts.yes);
    if (place !== -1) return start + place + 1;
  }
  return undefined;
}

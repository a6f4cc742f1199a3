import { encodeFlagList } from '../../../protocol/wire-text.ts';
import type { SearchKey } from '../../../protocol/search-key.ts';
import type { CommandHandler } from '../dispatch.ts';
import { CommandRefusedError } from '../responses.ts';
import { SearchVerdicts, verdicts } from './search-verdicts.ts';
import { MailboxView } from '../mailbox-view.ts';
import type { Session } from '../session.ts';
import type { Mailbox, MailboxStatus } from '../../../store/mail-store.ts';
import type { MailboxFeed } from '../mailbox-feed.ts';

const isUnseen: SearchKey = { key: 'not', operand: { key: 'flag', flag: '\\Seen' } };

/** Messages that are looked at before it is seen whether one of them is not \Seen. */
const sliceMessages = 4096;

/** Messages among which the store looks for the first without \Seen: ten milliseconds. In larger mailboxes slices do it. */
const maxCountedMessages = 100_000;

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
  const { view, status } = await open(session, mailbox, isReadOnly);
  describe(session, view, status);
  return { text: `${name} completed`, code: isReadOnly ? 'READ-ONLY' : 'READ-WRITE' };
};

/** If anything fails no mailbox is selected (RFC 3501, section 6.3.1). */
async function open(
  session: Session,
  mailbox: Mailbox,
  isReadOnly: boolean,
): Promise<{ view: MailboxView; status: MailboxStatus | undefined }> {
  const { context } = session;
  const feed = await context.feeds.acquire(mailbox);
  try {
    let status = await feed.refreshForSelect(maxCountedMessages);
    if (!canDoWithout(feed, status)) {
      await feed.load();
      status = await feed.refresh({ keywordRoom: true });
    }
    // Before the view is made, which then is up to date while it is described.
    const claimed = isReadOnly || !feed.isLoaded ? undefined : await feed.claimRecent();
    if (feed.ended !== undefined) throw new CommandRefusedError('NO', feed.ended.message);
    const view = new MailboxView(feed, isReadOnly, status?.messageCount);
    if (isReadOnly && feed.isLoaded) view.showRecent(status?.recentCount ?? 0);
    if (claimed !== undefined) view.addRecent(...claimed);
    session.select(view);
    return { view, status };
  } catch (error) {
    context.feeds.release(feed);
    throw error;
  }
}

/**
 * True if the client can be told all from the counters, which are of the same instant as the feed. Whoever claims \Recent
 * messages has to know them.
 */
function canDoWithout(feed: MailboxFeed, status: MailboxStatus | undefined): boolean {
  if (feed.isLoaded) return true;
  if (status?.highestModseq !== feed.modseq || status.recentCount > 0) return false;
  return status.unseenCount === 0 || status.firstUnseenNumber !== undefined;
}

function describe(session: Session, view: MailboxView, status: MailboxStatus | undefined): void {
  const { out } = session;
  const { feed } = view;
  out.begin().atom('FLAGS').wire(view.knownFlags()).end();
  const newKeywords = status?.canAddKeywords === false ? [] : ['\\*'];
  const permanent = view.isReadOnly ? encodeFlagList([]) : view.knownFlags(...newKeywords);
  out.status('*', 'OK', 'Flags that can be changed', `PERMANENTFLAGS ${permanent}`);
  out.begin().number(view.count).atom('EXISTS').end();
  out.begin().number(view.recentCount).atom('RECENT').end();
  const unseen = feed.isLoaded ? firstUnseenNumber(view) : status?.firstUnseenNumber;
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

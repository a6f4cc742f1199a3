import type { KnownMailbox } from '../../../protocol/grammar/select.ts';
import { encodeFlagList } from '../../../protocol/wire-text.ts';
import type { SearchKey } from '../../../protocol/search-key.ts';
import type { Mailbox, MailboxStatus } from '../../../store/mail-store.ts';
import type { CommandHandler } from '../dispatch.ts';
import type { MailboxView } from '../mailbox-view.ts';
import { mailboxIdOf } from '../mailbox-id.ts';
import { CommandRefusedError, uidRequired } from '../responses.ts';
import type { Session } from '../session.ts';
import { tellMissed } from './missed-changes.ts';
import { openMailbox, type OpenedMailbox } from './open-mailbox.ts';
import { expectQresync, tellChanged, tellVanished } from './resynchronize.ts';
import { SearchVerdicts, verdicts } from './search-verdicts.ts';
import { tellName } from './tell-name.ts';

const isUnseen: SearchKey = { key: 'not', operand: { key: 'flag', flag: '\\Seen' } };

/** Messages that are looked at before it is seen whether one of them is not \Seen. */
const sliceMessages = 4096;

/**
 * @see RFC 3501, sections 6.3.1 and 6.3.2; RFC 9051, section 6.3.2; RFC 7162, sections 3.1.8 (CONDSTORE) and 3.2.5 (QRESYNC);
 * RFC 8474, section 4.2 (MAILBOXID)
 */
export const select: CommandHandler<'SELECT' | 'EXAMINE'> = async (session, command) => {
  const { name, mailboxName, isCondstore, known } = command;
  // The mailbox that is selected stays so.
  if (known !== undefined) expectQresync(session);
  if (known?.matches !== undefined && session.isUidOnly) throw uidRequired();
  if (session.selected !== undefined) {
    session.unselect();
    session.out.status('*', 'OK', 'Previous mailbox is closed', 'CLOSED');
  }
  const mailbox = await session.store.findMailbox(session.accountId, mailboxName);
  if (mailbox === undefined) {
    throw new CommandRefusedError('NO', `No mailbox of that name`, 'NONEXISTENT');
  }
  if (!mailbox.isSelectable) throw new CommandRefusedError('NO', 'The mailbox only holds others');
  if (isCondstore) session.enableCondstore();
  const isReadOnly = name === 'EXAMINE';
  const opened = await openMailbox(session, mailbox, { isReadOnly, known });
  try {
    describe(session, opened, { mailbox, oldName: command.oldName });
    if (known !== undefined) await resynchronize(session, opened, known);
  } catch (error) {
    // RFC 3501, section 6.3.1: if it fails no mailbox is selected.
    session.unselect();
    throw error;
  }
  return { text: `${name} completed`, code: isReadOnly ? 'READ-ONLY' : 'READ-WRITE' };
};

function describe(
  session: Session,
  { view, status }: OpenedMailbox,
  { mailbox, oldName }: { readonly mailbox: Mailbox; readonly oldName: string | undefined },
): void {
  const { out } = session;
  const { feed } = view;
  out.begin().atom('FLAGS').wire(view.knownFlags()).end();
  const newKeywords = status?.canAddKeywords === false ? [] : ['\\*'];
  const permanent = view.isReadOnly ? encodeFlagList([]) : view.knownFlags(...newKeywords);
  out.status('*', 'OK', 'Flags that can be changed', `PERMANENTFLAGS ${permanent}`);
  out.begin().number(view.count).atom('EXISTS').end();
  if (session.isRev2) tellName(session, mailbox, oldName);
  else describeAsRev1(session, { view, status });
  if (!session.isOff('OBJECTID')) {
    out.status('*', 'OK', 'Id of the mailbox', `MAILBOXID (${mailboxIdOf(feed)})`);
  }
  out.status('*', 'OK', 'UIDs are valid', `UIDVALIDITY ${feed.uidValidity}`);
  out.status('*', 'OK', 'Predicted next UID', `UIDNEXT ${view.uidNext}`);
  if (session.isOff('CONDSTORE')) return;
  out.status('*', 'OK', 'Highest', `HIGHESTMODSEQ ${view.toldModseq}`);
}

/** What IMAP4rev2 does not tell any more. @see RFC 9051, appendix E */
function describeAsRev1(
  { out, isUidOnly }: Session,
  { view, status }: Pick<OpenedMailbox, 'view' | 'status'>,
): void {
  out.begin().number(view.recentCount).atom('RECENT').end();
  if (isUidOnly) return;
  const unseen = view.feed.isLoaded ? firstUnseenNumber(view, status) : status?.firstUnseenNumber;
  if (unseen !== undefined) out.status('*', 'OK', 'First unseen message', `UNSEEN ${unseen}`);
}

/** The number of the first message without \Seen; undefined if all have it, which the counters may tell at once. */
function firstUnseenNumber(
  view: MailboxView,
  status: MailboxStatus | undefined,
): number | undefined {
  if (status?.highestModseq === view.toldModseq && status.unseenCount === 0) return undefined;
  const judged = new SearchVerdicts(isUnseen, view);
  for (let start = 0; start < view.count; start += sliceMessages) {
    const end = Math.min(start + sliceMessages, view.count);
    const place = judged.of(start, end).indexOf(verdicts.yes);
    if (place !== -1) return start + place + 1;
  }
  return undefined;
}

/** Tells what has changed and gone since the client had the mailbox selected, unless its UIDs stand for others now. */
async function resynchronize(
  session: Session,
  { view, missed }: OpenedMailbox,
  known: KnownMailbox,
): Promise<void> {
  if (known.uidValidity !== view.feed.uidValidity) return;
  if (missed !== undefined) return tellMissed(session, missed);
  const { modseq, uids, matches } = known;
  await tellVanished(session, { since: modseq, set: uids, matches });
  await tellChanged(session, known);
}

import type { StatusItem } from '../../../protocol/grammar/status.ts';
import { defaultMaxAppendBytes } from '../../../protocol/limits.ts';
import type { Mailbox, MailboxStatus } from '../../../store/mail-store.ts';
import { mailboxIdOf } from '../mailbox-id.ts';
import { CommandRefusedError } from '../responses.ts';
import type { CommandHandler } from '../dispatch.ts';
import type { Session } from '../session.ts';

/** The items that are numbers. */
const numbers: {
  readonly [Item in Exclude<StatusItem, 'MAILBOXID'>]: (status: MailboxStatus) => number;
} = {
  MESSAGES: (status) => status.messageCount,
  RECENT: (status) => status.recentCount,
  UIDNEXT: (status) => status.uidNext,
  UIDVALIDITY: (status) => status.uidValidity,
  UNSEEN: (status) => status.unseenCount,
  DELETED: (status) => status.deletedCount,
  HIGHESTMODSEQ: (status) => status.highestModseq,
  APPENDLIMIT: () => defaultMaxAppendBytes,
  SIZE: (status) => status.sizeBytes,
};

/**
 * @see RFC 3501, section 6.3.10; RFC 7162, section 3.1.7; RFC 7889, section 3.1 (APPENDLIMIT); RFC 8438 (SIZE);
 * RFC 8474, section 4.3 (MAILBOXID)
 */
export const status: CommandHandler<'STATUS'> = async (session, { mailboxName, items }) => {
  const mailbox = await session.store.findMailbox(session.accountId, mailboxName);
  if (mailbox === undefined || !mailbox.isSelectable) {
    throw new CommandRefusedError('NO', 'No mailbox of that name', 'NONEXISTENT');
  }
  if (items.includes('HIGHESTMODSEQ')) session.enableCondstore();
  await writeStatus(session, mailbox, items);
  return { text: 'STATUS completed' };
};

/** Writes the STATUS response of a mailbox. `NONEXISTENT`. */
export async function writeStatus(
  session: Session,
  mailbox: Mailbox,
  items: readonly StatusItem[],
): Promise<void> {
  const status = await session.store.readStatus(mailbox);
  writeCounters(session, { mailbox, status }, items);
}

/** The same of counters that have been read. */
export function writeCounters(
  session: Session,
  { mailbox, status: counters }: { readonly mailbox: Mailbox; readonly status: MailboxStatus },
  items: readonly StatusItem[],
): void {
  const out = session.out.begin().atom('STATUS').mailbox(mailbox.name).open();
  for (const item of items) {
    out.atom(item);
    if (item === 'MAILBOXID') out.open().atom(mailboxIdOf(counters)).close();
    else out.number(numbers[item](counters));
  }
  out.close().end();
}

import { limits } from '../limits.ts';
import { StoreError, type MailboxKey } from '../mail-store.ts';
import type { Database } from './database.ts';
import type { Totals } from './selection.ts';
import type { WriteContext } from './write-context.ts';

/** The UID that comes next and UIDVALIDITY of a mailbox that takes messages. */
type TargetRow = [uidNext: number, uidValidity: number];

/** Of a mailbox to which so many messages will be added. `NONEXISTENT`, `LIMIT`. */
export function readTarget(
  { database }: WriteContext,
  { accountId, mailboxId }: MailboxKey,
  count: number,
): TargetRow {
  const row = database.row<TargetRow>(
    `SELECT uid_next, uid_validity FROM mailboxes
     WHERE id = ? AND account_id = ? AND is_selectable = 1`,
    mailboxId,
    accountId,
  );
  if (row === undefined) throw noMailbox();
  if (row[0] + count > limits.maxUid) throw new StoreError('LIMIT', 'The mailbox has no UIDs left');
  return row;
}

/** Counts messages in at the end of a mailbox; the modseq of that. */
export function countIn(
  context: WriteContext,
  mailboxId: number,
  [count, unseenCount, deletedCount, sizeBytes]: Totals,
): number {
  const modseq = context.takeModseq(mailboxId);
  context.database.run(
    `UPDATE mailboxes SET uid_next = uid_next + ?1, message_count = message_count + ?1,
       recent_count = recent_count + ?1, unseen_count = unseen_count + ?2,
       deleted_count = deleted_count + ?3, size_bytes = size_bytes + ?4
     WHERE id = ?5`,
    count,
    unseenCount,
    deletedCount,
    sizeBytes,
    mailboxId,
  );
  return modseq;
}

/** The highest modseq of a mailbox. `NONEXISTENT`, also if it is another account's. */
export function readModseq(database: Database, { accountId, mailboxId }: MailboxKey): number {
  const row = database.row<[number]>(
    'SELECT highest_modseq FROM mailboxes WHERE id = ? AND account_id = ?',
    mailboxId,
    accountId,
  );
  if (row === undefined) throw noMailbox();
  return row[0];
}

/** `NONEXISTENT` if the account has no such mailbox. */
export function checkMailbox(database: Database, box: MailboxKey): void {
  readModseq(database, box);
}

/** What is refused for a mailbox that is gone. */
export function noMailbox(): StoreError {
  return new StoreError('NONEXISTENT', 'The mailbox does not exist');
}

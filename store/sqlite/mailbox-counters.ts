import { limits } from '../limits.ts';
import { StoreError } from '../mail-store.ts';
import type { Totals } from './selection.ts';
import type { WriteContext } from './write-context.ts';

/** The UID that comes next, UIDVALIDITY and account of a mailbox that takes messages. */
type TargetRow = [uidNext: number, uidValidity: number, accountId: number];

/** Of a mailbox to which so many messages will be added. `NONEXISTENT`, `LIMIT`. */
export function readTarget(
  { database }: WriteContext,
  mailboxId: number,
  count: number,
): TargetRow {
  const row = database.row<TargetRow>(
    `SELECT uid_next, uid_validity, account_id FROM mailboxes
     WHERE id = ? AND account_id IS NOT NULL AND is_selectable = 1`,
    mailboxId,
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

/** The highest modseq of a mailbox. `NONEXISTENT`. */
export function readModseq({ database }: WriteContext, mailboxId: number): number {
  const row = database.row<[number]>(
    'SELECT highest_modseq FROM mailboxes WHERE id = ? AND account_id IS NOT NULL',
    mailboxId,
  );
  if (row === undefined) throw noMailbox();
  return row[0];
}

/** What is refused for a mailbox that is gone. */
export function noMailbox(): StoreError {
  return new StoreError('NONEXISTENT', 'The mailbox does not exist');
}

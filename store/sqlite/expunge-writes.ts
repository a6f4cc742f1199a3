import type { CopyResult, ExpungeResult } from '../mail-store.ts';
import { copySelection } from './copy-writes.ts';
import { readModseq } from './mailbox-counters.ts';
import { readTotals, selected, selectedUids, selectMessages } from './selection.ts';
import type { WriteContext } from './write-context.ts';

/** @see MailStore.expungeMessages */
export function expungeMessages(
  context: WriteContext,
  { mailboxId, uids }: { mailboxId: number; uids: Uint32Array | undefined },
): ExpungeResult {
  readModseq(context, mailboxId);
  selectMessages(context, mailboxId, uids, { isDeletedOnly: true });
  const expunged = selectedUids(context);
  return { modseq: removeSelection(context, mailboxId, expunged.length), uids: expunged };
}

/** Expunges what `selection` names; the modseq of that. */
function removeSelection(context: WriteContext, mailboxId: number, count: number): number {
  if (count === 0) return readModseq(context, mailboxId);
  const { database } = context;
  const modseq = context.takeModseq(mailboxId);
  countOut(context, mailboxId);
  releaseBodies(context, mailboxId);
  database.run('INSERT INTO expunged SELECT ?, ?, uid FROM temp.selection', mailboxId, modseq);
  deleteSelection(context, mailboxId);
  return modseq;
}

function countOut(context: WriteContext, mailboxId: number): void {
  context.database.run(
    `UPDATE mailboxes SET message_count = message_count - ?2, unseen_count = unseen_count - ?3,
       deleted_count = deleted_count - ?4, size_bytes = size_bytes - ?5,
       recent_count = recent_count -
         (SELECT count(*) FROM temp.selection WHERE uid >= mailboxes.recent_from_uid)
     WHERE id = ?1`,
    mailboxId,
    ...readTotals(context, mailboxId),
  );
}

/** Takes one reference for each selected message; bodies without any are readable for a while. */
export function releaseBodies({ database, nowMs }: WriteContext, mailboxId: number): void {
  database.run(
    `UPDATE bodies SET reference_count = reference_count - r.count,
       unreferenced_at = CASE WHEN reference_count = r.count THEN ?2 END
     FROM (SELECT m.body_id, count(*) AS count FROM ${selected} GROUP BY m.body_id) r
     WHERE id = r.body_id`,
    mailboxId,
    nowMs,
  );
}

/** Deletes the rows of the selected messages, and nothing else. */
export function deleteSelection({ database }: WriteContext, mailboxId: number): void {
  database.run(
    'DELETE FROM messages WHERE mailbox_id = ? AND uid IN (SELECT uid FROM temp.selection)',
    mailboxId,
  );
}

/** @see MailStore.moveMessages */
export function moveMessages(
  context: WriteContext,
  { mailboxId, uids, targetId }: { mailboxId: number; uids: Uint32Array; targetId: number },
): CopyResult {
  readModseq(context, mailboxId);
  selectMessages(context, mailboxId, uids);
  return moveSelection(context, mailboxId, targetId);
}

/** Moves what `selection` names. */
export function moveSelection(
  context: WriteContext,
  mailboxId: number,
  targetId: number,
): CopyResult {
  const copy = copySelection(context, mailboxId, targetId);
  const sourceModseq = removeSelection(context, mailboxId, copy.sourceUids.length);
  return { ...copy, sourceModseq };
}

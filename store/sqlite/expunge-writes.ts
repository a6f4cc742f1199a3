import type { CopyResult, ExpungeResult, MailboxKey } from '../mail-store.ts';
import { copySelection } from './copy-writes.ts';
import { checkMailbox, readModseq } from './mailbox-counters.ts';
import { readTotals, selected, selectedUids, selectMessages } from './selection.ts';
import type { WriteContext } from './write-context.ts';

/** @see MailStore.expungeMessages */
export function expungeMessages(
  context: WriteContext,
  { box, uids }: { box: MailboxKey; uids: Uint32Array | undefined },
): ExpungeResult {
  checkMailbox(context.database, box);
  selectMessages(context, box.mailboxId, uids, { isDeletedOnly: true });
  const expunged = selectedUids(context);
  return { modseq: removeSelection(context, box, expunged), uids: expunged };
}

/** Expunges what `selection` names (`uids`); the modseq of that. */
function removeSelection(context: WriteContext, box: MailboxKey, uids: Uint32Array): number {
  const { database } = context;
  const { mailboxId } = box;
  if (uids.length === 0) return readModseq(database, box);
  const modseq = context.takeModseq(mailboxId);
  countOut(context, mailboxId);
  releaseBodies(context, mailboxId);
  database.run('INSERT INTO expunged SELECT ?, ?, uid FROM temp.selection', mailboxId, modseq);
  deleteSelection(context, mailboxId);
  context.noteExpunged(mailboxId, uids);
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
  { box, uids, target }: { box: MailboxKey; uids: Uint32Array; target: MailboxKey },
): CopyResult {
  checkMailbox(context.database, box);
  selectMessages(context, box.mailboxId, uids);
  return moveSelection(context, box, target);
}

/** Moves what `selection` names. */
export function moveSelection(
  context: WriteContext,
  box: MailboxKey,
  target: MailboxKey,
): CopyResult {
  const copy = copySelection(context, box.mailboxId, target);
  const sourceModseq = removeSelection(context, box, copy.sourceUids);
  return { ...copy, sourceModseq };
}

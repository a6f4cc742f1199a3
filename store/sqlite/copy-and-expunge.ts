import type { CopyResult, ExpungeResult, MailboxKey } from '../mail-store.ts';
import { deletedBit, mapKeywords, seenBit } from './keywords.ts';
import { checkMailbox, countAdded, readModseq, readTarget } from './mailbox-counters.ts';
import { queryStates, stateColumnsSql } from './message-states.ts';
import type { WriteContext } from './write-context.ts';

/** The tables of the writer's connection: the messages that a statement is about, and a keyword mapping. */
export const temporaryTables = `
  CREATE TEMP TABLE selection (uid INTEGER PRIMARY KEY) STRICT;
  CREATE TEMP TABLE keyword_map (
    low INTEGER NOT NULL, high INTEGER NOT NULL, more TEXT NOT NULL,
    new_low INTEGER NOT NULL, new_high INTEGER NOT NULL, new_more TEXT NOT NULL,
    PRIMARY KEY (low, high, more)
  ) STRICT, WITHOUT ROWID;
`;

/** Puts those of the UIDs that exist into the temporary table `selection`; all where undefined. */
export function selectMessages(
  { database }: WriteContext,
  mailboxId: number,
  uids: Uint32Array | undefined,
  { isDeletedOnly = false } = {},
): void {
  const condition = isDeletedOnly ? `AND m.system_flags & ${deletedBit} <> 0` : '';
  database.run('DELETE FROM temp.selection');
  if (uids === undefined) {
    database.run(
      `INSERT INTO temp.selection SELECT m.uid FROM messages m WHERE m.mailbox_id = ? ${condition}`,
      mailboxId,
    );
    return;
  }
  database.run(
    `INSERT OR IGNORE INTO temp.selection SELECT m.uid FROM json_each(?) j
     CROSS JOIN messages m ON m.mailbox_id = ? AND m.uid = j.value ${condition}`,
    `[${uids.join()}]`,
    mailboxId,
  );
}

/** Sums over messages. */
export type Totals = [count: number, unseenCount: number, deletedCount: number, sizeBytes: number];

/** The messages of the mailbox that `selection` names. */
export const selected =
  'temp.selection s CROSS JOIN messages m ON m.mailbox_id = ?1 AND m.uid = s.uid';

/** Of the selected messages. */
function readTotals({ database }: WriteContext, mailboxId: number): Totals {
  const row = database.row<Totals>(
    `SELECT count(*), total(m.system_flags & ${seenBit} = 0),
       total(m.system_flags & ${deletedBit} <> 0), total(m.size_bytes)
     FROM ${selected}`,
    mailboxId,
  );
  return row ?? [0, 0, 0, 0];
}

/** Ascending. */
function selectedUids({ database }: WriteContext): Uint32Array {
  const row = database.row<[string]>(
    'SELECT json_group_array(uid) FROM (SELECT uid FROM temp.selection ORDER BY uid)',
  );
  return Uint32Array.from(JSON.parse(row?.[0] ?? '[]') as number[]);
}

const copiesSql = stateColumnsSql('messages WHERE mailbox_id = ? AND uid >= ? ORDER BY uid');

/** @see MailStore.copyMessages */
export function copyMessages(
  context: WriteContext,
  { box, uids, target }: { box: MailboxKey; uids: Uint32Array; target: MailboxKey },
): CopyResult {
  checkMailbox(context.database, box);
  selectMessages(context, box.mailboxId, uids);
  return copySelection(context, box.mailboxId, target);
}

/** Copies what `selection` names. */
function copySelection(context: WriteContext, mailboxId: number, target: MailboxKey): CopyResult {
  const { database } = context;
  const targetId = target.mailboxId;
  const sourceUids = selectedUids(context);
  const [uidNext, targetUidValidity] = readTarget(context, target, sourceUids.length);
  const targetUids = sourceUids.map((_, index) => uidNext + index);
  if (sourceUids.length === 0) {
    return {
      targetUidValidity,
      sourceUids,
      targetUids,
      targetModseq: readModseq(database, target),
    };
  }
  mapKeywords(context, mailboxId, targetId);
  const targetModseq = countAdded(context, targetId, readTotals(context, mailboxId));
  database.run(
    `INSERT INTO messages
     SELECT ?2, ?3 - 1 + row_number() OVER (ORDER BY m.uid), ?4, ?4, m.body_id, m.size_bytes,
       m.internal_seconds, m.zone_minutes, m.system_flags, k.new_low, k.new_high, k.new_more,
       ?5
     FROM ${selected}
     JOIN temp.keyword_map k
       ON k.low = m.keywords_low AND k.high = m.keywords_high AND k.more = m.keywords_more`,
    mailboxId,
    targetId,
    uidNext,
    targetModseq,
    Math.floor(context.nowMs / 1000),
  );
  database.run(
    `UPDATE bodies SET reference_count = reference_count + r.count
     FROM (SELECT m.body_id, count(*) AS count FROM ${selected} GROUP BY m.body_id) r
     WHERE id = r.body_id`,
    mailboxId,
  );
  context.noteChanged(targetId, targetUids.length, () =>
    queryStates(database, targetId, copiesSql, targetId, uidNext),
  );
  return { targetUidValidity, sourceUids, targetUids, targetModseq };
}

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

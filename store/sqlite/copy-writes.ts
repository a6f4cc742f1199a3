import type { CopyResult, MailboxKey } from '../mail-store.ts';
import { mapKeywords } from './keyword-writes.ts';
import { checkMailbox, countIn, readModseq, readTarget } from './mailbox-counters.ts';
import { queryStates, stateColumnsSql } from './message-states.ts';
import { readTotals, selected, selectedUids, selectMessages } from './selection.ts';
import type { WriteContext } from './write-context.ts';

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
export function copySelection(
  context: WriteContext,
  mailboxId: number,
  target: MailboxKey,
): CopyResult {
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
  const targetModseq = countIn(context, targetId, readTotals(context, mailboxId));
  database.run(
    `INSERT INTO messages
     SELECT ?2, ?3 - 1 + row_number() OVER (ORDER BY m.uid), ?4, ?4, m.body_id, m.size_bytes,
       m.internal_seconds, m.zone_minutes, m.system_flags, k.new_low, k.new_high
     FROM ${selected}
     JOIN temp.keyword_map k ON k.low = m.keywords_low AND k.high = m.keywords_high`,
    mailboxId,
    targetId,
    uidNext,
    targetModseq,
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

import { deletedBit, seenBit } from './flag-words.ts';
import type { WriteContext } from './write-context.ts';

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
export function readTotals({ database }: WriteContext, mailboxId: number): Totals {
  const row = database.row<Totals>(
    `SELECT count(*), total(m.system_flags & ${seenBit} = 0),
       total(m.system_flags & ${deletedBit} <> 0), total(m.size_bytes)
     FROM ${selected}`,
    mailboxId,
  );
  return row ?? [0, 0, 0, 0];
}

/** Ascending. */
export function selectedUids({ database }: WriteContext): Uint32Array {
  const row = database.row<[string]>(
    'SELECT json_group_array(uid) FROM (SELECT uid FROM temp.selection ORDER BY uid)',
  );
  return Uint32Array.from(JSON.parse(row?.[0] ?? '[]') as number[]);
}

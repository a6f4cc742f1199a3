import { lowerBound } from '../../protocol/sequence-set.ts';
import { limits } from '../limits.ts';
import type { MailboxKey, MessageColumn, MessageRows } from '../mail-store.ts';
import { damage } from './damage.ts';
import type { Database, SqlValue } from './database.ts';
import { readCounters } from './mailbox-counters.ts';
import { type ColumnSource, columnSources, RowBatch } from './row-columns.ts';

/** Columns of every row, before those that were asked for. */
const fixedColumns = 'm.uid, m.size_bytes, m.body_id';
type FixedRow = [uid: number, sizeBytes: number, bodyId: number];

/**
 * The messages of the named UIDs that exist, batch by batch. Nothing of the database is held while the
 * caller has a batch.
 *
 * @see MailStore.rows
 */
export async function* readRows(
  database: Database,
  box: MailboxKey,
  uids: Uint32Array,
  columns: ReadonlySet<MessageColumn>,
): AsyncGenerator<MessageRows> {
  let position = 0;
  // Ends: each batch goes on behind the last UID of the one before.
  while (position < uids.length) {
    const batchUids = uids.subarray(position, position + limits.batchRows);
    const { batch, isWhole } = readBatch(database, box, batchUids, columns);
    const lastUid = isWhole ? batchUids.at(-1)! : batch.uids[batch.count - 1]!;
    position = lowerBound(uids, uids.length, lastUid + 1);
    if (batch.count > 0) yield batch.toRows(columns);
  }
}

/** `isWhole`: false if the batch ended early for its bytes. */
function readBatch(
  database: Database,
  box: MailboxKey,
  uids: Uint32Array,
  columns: ReadonlySet<MessageColumn>,
): { batch: RowBatch; isWhole: boolean } {
  const sources = columnSources.filter(({ column }) => columns.has(column));
  return database.snapshot(() => {
    const { uidNext } = readCounters(database, box);
    const batch = new RowBatch(uids.length, columns);
    let bytes = 0;
    const rows = database.iterate<[...FixedRow, ...SqlValue[]]>(
      batchSql(sources),
      `[${uids.join()}]`,
      box.mailboxId,
      uidNext,
    );
    for (const [uid, sizeBytes, bodyId, ...values] of rows) {
      batch.uids[batch.count] = uid;
      batch.sizeBytes[batch.count] = sizeBytes;
      batch.bodyIds[batch.count] = bodyId;
      for (let index = 0; index < sources.length; index++) {
        const { column, isRequired, put } = sources[index]!;
        const value = values[index]!;
        if (value === null && isRequired) throw damage(`Body ${bodyId} lacks its ${column}`);
        bytes += put(batch, value);
      }
      batch.count += 1;
      if (bytes >= limits.batchBytes) return { batch, isWhole: false };
    }
    return { batch, isWhole: true };
  });
}

function batchSql(sources: readonly ColumnSource[]): string {
  const joins = new Set(sources.flatMap((source) => source.joins));
  return `SELECT ${[fixedColumns, ...sources.map(({ sql }) => sql)].join(', ')} FROM json_each(?) j
    CROSS JOIN messages m ON m.mailbox_id = ? AND m.uid = j.value AND m.uid < ? ${[...joins].join(' ')}`;
}

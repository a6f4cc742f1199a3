import type { SearchKey } from '../../protocol/search-key.ts';
import { limits } from '../limits.ts';
import { StoreError } from '../mail-store.ts';
import type { Database } from '../sqlite/database.ts';
import { readKeywords } from '../sqlite/keyword-table.ts';
import { readStatus } from '../sqlite/mailbox-reads.ts';
import { makeCondition, type Condition, type SearchRow } from './conditions.ts';
import { MessageText } from './message-text.ts';
import { Pacer } from './pacer.ts';
import { UidRanges } from './uid-ranges.ts';

type Row = [
  uid: number,
  modseq: number,
  system: number,
  low: number,
  high: number,
  sizeBytes: number,
  internalSeconds: number,
  zoneMinutes: number,
  bodyId: number,
  sentDay: number | null,
  headerBytes: number,
];

/**
 * Scans the mailbox batch by batch: what the rows decide first, then the octets of the messages that are
 * still open. Memory does not grow with the messages; others run between batches and within large messages.
 *
 * @see MailStore.search
 */
export async function searchMessages(
  database: Database,
  mailboxId: number,
  criteria: SearchKey,
): Promise<Uint32Array> {
  const { condition, first, last } = prepare(database, mailboxId, criteria);
  const pacer = new Pacer();
  const found: number[] = [];
  let next = first;
  while (next <= last) {
    const rows = readRows(database, mailboxId, next, last);
    for (const row of rows) {
      if (await isMatch(database, pacer, condition, row)) found.push(row[0]);
    }
    if (rows.length < limits.searchRows) break;
    next = (rows.at(-1)?.[0] ?? last) + 1;
    await pacer.pause();
  }
  return Uint32Array.from(found);
}

function prepare(
  database: Database,
  mailboxId: number,
  criteria: SearchKey,
): { condition: Condition; first: number; last: number } {
  return database.snapshot(() => {
    readStatus(database, mailboxId);
    const largestUid = readLargestUid(database, mailboxId);
    const keywords = readKeywords(database, mailboxId);
    const bounds = findBounds(criteria, largestUid);
    return { condition: makeCondition(criteria, { keywords, largestUid }), ...bounds };
  });
}

function readLargestUid(database: Database, mailboxId: number): number {
  const row = database.row<[number | null]>(
    'SELECT max(uid) FROM messages WHERE mailbox_id = ?',
    mailboxId,
  );
  return row?.[0] ?? 0;
}

/** The UIDs outside of which nothing can match: most searches of clients name some. */
function findBounds(criteria: SearchKey, largestUid: number): { first: number; last: number } {
  const keys = criteria.key === 'and' ? criteria.keys : [criteria];
  let [first, last] = [1, largestUid];
  for (const key of keys) {
    if (key.key !== 'uid') continue;
    const ranges = new UidRanges(key.set, largestUid);
    first = Math.max(first, ranges.first);
    last = Math.min(last, ranges.last);
  }
  return { first, last };
}

function readRows(database: Database, mailboxId: number, first: number, last: number): Row[] {
  return database.rows<Row>(
    `SELECT m.uid, m.modseq, m.system_flags, m.keywords_low, m.keywords_high, m.size_bytes,
       m.internal_seconds, m.zone_minutes, m.body_id, b.sent_day, b.header_bytes
     FROM messages m CROSS JOIN bodies b ON b.id = m.body_id
     WHERE m.mailbox_id = ? AND m.uid BETWEEN ? AND ? ORDER BY m.uid LIMIT ?`,
    mailboxId,
    first,
    last,
    limits.searchRows,
  );
}

function isMatch(
  database: Database,
  pacer: Pacer,
  condition: Condition,
  row: Row,
): boolean | Promise<boolean> {
  const searchRow = toSearchRow(row);
  const verdict = condition.ofRow(searchRow);
  return verdict ?? isTextMatch(database, pacer, condition, row, searchRow);
}

async function isTextMatch(
  database: Database,
  pacer: Pacer,
  condition: Condition,
  [, , , , , , , , bodyId, , headerBytes]: Row,
  searchRow: SearchRow,
): Promise<boolean> {
  if (pacer.isDue) await pacer.pause();
  try {
    const text = new MessageText(database, pacer, { bodyId, headerBytes });
    return await condition.ofText(searchRow, text);
  } catch (error) {
    // Expunged and collected since its row was read: it matches nothing any more.
    if (error instanceof StoreError && error.code === 'NONEXISTENT') return false;
    throw error;
  }
}

function toSearchRow(row: Row): SearchRow {
  const [uid, modseq, system, low, high, sizeBytes, seconds, zoneMinutes, , sentDay] = row;
  return {
    uid,
    modseq,
    words: [system, low, high],
    sizeBytes,
    internalDay: Math.floor((seconds + zoneMinutes * 60) / 86_400),
    sentDay: sentDay ?? undefined,
  };
}

import type { SearchKey } from '../../protocol/search-key.ts';
import { selectFromSorted } from '../../protocol/sequence-set.ts';
import { limits } from '../limits.ts';
import { StoreError, type MailboxKey } from '../mail-store.ts';
import { isUsualField } from '../usual-fields.ts';
import type { Database } from '../sqlite/database.ts';
import { readKeywords } from '../sqlite/keywords.ts';
import { checkMailbox } from '../sqlite/mailbox-counters.ts';
import { stepSource, UidScan, type UidStep } from '../sqlite/message-states.ts';
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
  more: string,
  sizeBytes: number,
  internalSeconds: number,
  zoneMinutes: number,
  bodyId: number,
  sentDay: number | null,
  headerBytes: number,
  usualFields: Uint8Array | null,
];

/**
 * Walks through the candidates step by step: what the rows decide first, then the bytes of the messages that are
 * still open. Memory does not grow with the messages; others run between steps and within large messages.
 *
 * @see MailStore.search
 */
export async function searchMessages(
  database: Database,
  box: MailboxKey,
  criteria: SearchKey,
  candidates: Uint32Array,
): Promise<Uint32Array> {
  const hasUsualFields = usesUsualField(criteria);
  const { condition, first, last } = prepare(database, box, criteria);
  const wanted = first > last ? new Uint32Array() : selectFromSorted([{ first, last }], candidates);
  const scan = new UidScan(wanted, limits.searchRows);
  const pacer = new Pacer();
  const found: number[] = [];
  for (let step = scan.step; step !== undefined; step = scan.step) {
    const rows = readRows(database, box, step, hasUsualFields);
    const isWanted = scan.take(step, toUids(rows));
    for (let index = 0; index < rows.length; index++) {
      if (isWanted[index] === 0) continue;
      const row = rows[index]!;
      const verdict = isMatch(database, pacer, condition, row);
      // Only a message whose text decides is worth a turn of the microtasks.
      if (verdict === true || (verdict !== false && (await verdict))) found.push(row[0]);
    }
    if (pacer.isDue) await pacer.pause();
  }
  return Uint32Array.from(found);
}

function prepare(
  database: Database,
  box: MailboxKey,
  criteria: SearchKey,
): { condition: Condition; first: number; last: number } {
  return database.snapshot(() => {
    checkMailbox(database, box);
    const largestUid = readLargestUid(database, box.mailboxId);
    const keywords = readKeywords(database, box.mailboxId);
    const bounds = findBounds(criteria, largestUid);
    return { condition: makeCondition(criteria, { keywords, largestUid }), ...bounds };
  });
}

function readLargestUid(database: Database, mailboxId: number): number {
  const row = database.row<[number | null]>(
    // Copies that nobody is to see yet lie behind the end of the mailbox.
    `SELECT max(m.uid) FROM messages m WHERE m.mailbox_id = ?1
       AND m.uid < (SELECT uid_next FROM mailboxes WHERE id = ?1)`,
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

/** True if the fields that a store keeps apart decide, or some of them. */
function usesUsualField(key: SearchKey): boolean {
  switch (key.key) {
    case 'header':
      return isUsualField(key.fieldName);
    case 'and':
      return key.keys.some(usesUsualField);
    case 'or':
      return usesUsualField(key.left) || usesUsualField(key.right);
    case 'not':
      return usesUsualField(key.operand);
    default:
      return false;
  }
}

function readRows(
  database: Database,
  { mailboxId }: MailboxKey,
  step: UidStep,
  hasUsualFields: boolean,
): Row[] {
  // A left join: a message of which the body is lost must not look like the end of the mailbox.
  const fieldsJoin = hasUsualFields ? 'LEFT JOIN header_fields h ON h.body_id = m.body_id' : '';
  const join = `LEFT JOIN bodies b ON b.id = m.body_id ${fieldsJoin}`;
  const { from, values } = stepSource(step, mailboxId, join);
  return database.rows<Row>(
    `SELECT m.uid, m.modseq, m.system_flags, m.keywords_low, m.keywords_high, m.keywords_more,
       m.size_bytes,
       m.internal_seconds, m.zone_minutes, m.body_id, b.sent_day, coalesce(b.header_bytes, 0),
       ${hasUsualFields ? 'h.bytes' : 'NULL'}
     FROM ${from}`,
    ...values,
  );
}

function toUids(rows: readonly Row[]): Uint32Array {
  const uids = new Uint32Array(rows.length);
  for (let index = 0; index < rows.length; index++) uids[index] = rows[index]![0];
  return uids;
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
  [, , , , , , , , , bodyId, , headerBytes]: Row,
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
  const [uid, modseq, system, low, high, more, sizeBytes, seconds, zoneMinutes, , sentDay] = row;
  const usualFields = row[12];
  return {
    uid,
    modseq,
    words: [system, low, high, more],
    sizeBytes,
    internalDay: Math.floor((seconds + zoneMinutes * 60) / 86_400),
    sentDay: sentDay ?? undefined,
    usualFields: usualFields ?? undefined,
  };
}

import { readSortKeys } from '../../sort-keys.ts';
import { bodyState } from '../bodies/bodies.ts';
import type { Database } from '../database.ts';
import { stepLimits } from './limits.ts';
import type { LongStep } from './schema.ts';
import { toSortKeyValues } from '../sort-key-rows.ts';
import { toHeader } from '../bodies/stored-body.ts';

type Row = [
  bodyId: number,
  state: number,
  headerBytes: number,
  sentDay: number | null,
  usualFields: Uint8Array | null,
];

/** Makes the table of sort keys. `message_id` is a hash, and `thread_references` are hashes one behind the other, or null. */
const sortKeysTable = `CREATE TABLE sort_keys (
  body_id INTEGER PRIMARY KEY REFERENCES bodies (id),
  sent_seconds INTEGER,
  is_reply_or_forward INTEGER NOT NULL,
  base_subject TEXT NOT NULL,
  from_key TEXT NOT NULL,
  to_key TEXT NOT NULL,
  cc_key TEXT NOT NULL,
  display_from TEXT NOT NULL,
  display_to TEXT NOT NULL,
  message_id BLOB,
  thread_references BLOB
) STRICT`;

const insertSql = `INSERT INTO sort_keys (body_id, sent_seconds, is_reply_or_forward, base_subject,
    from_key, to_key, cc_key, display_from, display_to, message_id, thread_references)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** Reads the sort keys of every whole body from its usual fields, or else from the begin of its header. */
export const sortKeysStep: LongStep = {
  sql: sortKeysTable,
  end: (database) => database.row<[number | null]>('SELECT max(id) FROM bodies')?.[0] ?? 0,
  growthBytes: (database) => {
    const [count] = database.row<[number]>('SELECT count(*) FROM bodies')!;
    return count * stepLimits.sortKeysBytes;
  },
  advance: (database, position) => {
    // One by one, since rows that lie in memory together cost the heap some MiB.
    const rows = database.iterate<Row>(
      `SELECT b.id, b.state, b.header_bytes, b.sent_day, h.bytes
       FROM bodies b LEFT JOIN header_fields h ON h.body_id = b.id
       WHERE b.id > ? ORDER BY b.id LIMIT ?`,
      position,
      stepLimits.bodies,
    );
    let lastId: number | undefined;
    for (const [bodyId, state, headerBytes, sentDay, usualFields] of rows) {
      lastId = bodyId;
      if (state !== bodyState.whole) continue;
      const header = usualFields ?? readHeaderBegin(database, bodyId, headerBytes);
      const keys = toSortKeyValues(readSortKeys(header, sentDay ?? undefined));
      database.run(insertSql, bodyId, ...keys);
    }
    return lastId;
  },
};

/** As much of a header as the first 64 KiB have, which lie in one chunk; nothing of a body that is damaged. */
function readHeaderBegin(database: Database, bodyId: number, headerBytes: number): Uint8Array {
  const chunk = database.row<[Uint8Array, number | null, Uint8Array | null]>(
    `SELECT c.bytes, c.inflated_bytes, d.bytes FROM chunks c LEFT JOIN chunks d ON d.id = c.id + 1
     WHERE c.id = ?`,
    bodyId * stepLimits.chunksOfBody,
  );
  if (chunk === undefined) return new Uint8Array();
  try {
    return toHeader(Math.min(headerBytes, stepLimits.chunkBytes), chunk) ?? new Uint8Array();
  } catch {
    return new Uint8Array();
  }
}

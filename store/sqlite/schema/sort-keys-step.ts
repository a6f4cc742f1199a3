import { readSortKeys } from '../../sort-keys.ts';
import { bodyState } from '../bodies/bodies.ts';
import type { Database } from '../database.ts';
import { stepLimits } from './limits.ts';
import type { LongStep } from './schema.ts';
import { keepSortKeys } from '../sort-key-rows.ts';
import { openBody } from '../bodies/stored-body.ts';

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
      keepSortKeys(database, bodyId, readSortKeys(header, sentDay ?? undefined));
    }
    return lastId;
  },
};

/** As much of a header as the first 64 KiB have; nothing of a body that is damaged. */
function readHeaderBegin(database: Database, bodyId: number, headerBytes: number): Uint8Array {
  if (headerBytes === 0) return new Uint8Array();
  const body = openBody(database, bodyId, { isWhole: false });
  try {
    return body?.read(0, Math.min(headerBytes, stepLimits.chunkBytes)) ?? new Uint8Array();
  } catch {
    return new Uint8Array();
  }
}

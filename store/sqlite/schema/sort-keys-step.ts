import { limits } from '../../limits.ts';
import { readSortKeys } from '../../sort-keys.ts';
import { bodyState } from '../bodies/bodies.ts';
import type { Database } from '../database.ts';
import type { LongStep } from './schema.ts';
import { keepSortKeys, sortKeysTable } from '../sort-key-rows.ts';
import { openBody } from '../bodies/stored-body.ts';

type Row = [
  bodyId: number,
  state: number,
  headerBytes: number,
  sentDay: number | null,
  usualFields: Uint8Array | null,
];

/** Reads the sort keys of every whole body from its usual fields, or else from the begin of its header. */
export const sortKeysStep: LongStep = {
  sql: sortKeysTable,
  end: (database) => database.row<[number | null]>('SELECT max(id) FROM bodies')?.[0] ?? 0,
  growthBytes: (database) => {
    const [count] = database.row<[number]>('SELECT count(*) FROM bodies')!;
    return count * limits.sortKeysEstimateBytes;
  },
  advance: (database, position) => {
    // One by one, since rows that lie in memory together cost the heap some MiB.
    const rows = database.iterate<Row>(
      `SELECT b.id, b.state, b.header_bytes, b.sent_day, h.bytes
       FROM bodies b LEFT JOIN header_fields h ON h.body_id = b.id
       WHERE b.id > ? ORDER BY b.id LIMIT ?`,
      position,
      limits.migratedBodies,
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
    return body?.read(0, Math.min(headerBytes, limits.chunkBytes)) ?? new Uint8Array();
  } catch {
    return new Uint8Array();
  }
}

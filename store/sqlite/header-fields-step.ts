import { limits } from '../limits.ts';
import { selectUsualFields } from '../usual-fields.ts';
import { insertUsualFields } from './header-fields.ts';
import type { LongStep } from './schema-step.ts';

type Row = [bodyId: number, header: Uint8Array | null];

/** Keeps the usual fields of every whole body in a row of its own. */
export const headerFieldsStep: LongStep = {
  sql: `CREATE TABLE header_fields (
    body_id INTEGER PRIMARY KEY REFERENCES bodies (id),
    bytes BLOB NOT NULL
  ) STRICT`,
  end: (database) => database.row<[number | null]>('SELECT max(id) FROM bodies')?.[0] ?? 0,
  growthBytes: (database) => {
    const [count] = database.row<[number]>('SELECT count(*) FROM bodies')!;
    return count * limits.usualFieldsEstimateBytes;
  },
  advance: (database, position) => {
    const rows = database.iterate<Row>(
      `SELECT b.id, CASE WHEN b.state = 1 AND b.header_bytes BETWEEN 1 AND ${limits.chunkBytes}
         THEN substr(c.octets, 1, b.header_bytes) END
       FROM bodies b LEFT JOIN chunks c ON c.id = b.id * ${limits.maxChunkCount}
       WHERE b.id > ? ORDER BY b.id LIMIT ?`,
      position,
      limits.migratedBodies,
    );
    let lastId: number | undefined;
    for (const [bodyId, header] of rows) {
      lastId = bodyId;
      if (header !== null) insertUsualFields(database, bodyId, selectUsualFields(header));
    }
    return lastId;
  },
};

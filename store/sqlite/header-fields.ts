import type { Database } from './database.ts';

/** Keeps the usual fields of a body apart; does nothing if they are undefined. */
export function insertUsualFields(
  database: Database,
  bodyId: number,
  fields: Uint8Array | undefined,
): void {
  if (fields === undefined) return;
  database.run('INSERT INTO header_fields (body_id, bytes) VALUES (?, ?)', bodyId, fields);
}

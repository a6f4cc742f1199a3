import type { MessageRows } from '../message-rows.ts';
import type { UsualFieldsColumn } from '../usual-fields.ts';
import type { Database } from './database.ts';

type FieldsRow = [lengths: string, bytes: Uint8Array | null];

/*
 * SQLite joins the fields: Node takes longer to make an array for each message than to read them. It joins only what it takes
 * for text, whatever bytes that has, and `octet_length` counts these.
 */
const fieldsSql = `SELECT json_group_array(octet_length(bytes)),
    CAST(group_concat(CAST(bytes AS TEXT), '') AS BLOB)
  FROM (SELECT h.bytes FROM json_each(?) j LEFT JOIN header_fields h ON h.body_id = j.value)`;

/** The usual fields of bodies, in their order; the same body may come more than once. */
export function readUsualFields(database: Database, bodyIds: Float64Array): UsualFieldsColumn {
  const [lengths, bytes] = database.row<FieldsRow>(fieldsSql, `[${bodyIds.join()}]`)!;
  const offsets = new Uint32Array(bodyIds.length + 1);
  let [index, end] = [0, 0];
  for (const length of JSON.parse(lengths) as (number | null)[]) {
    end += length ?? 0;
    offsets[++index] = end;
  }
  return { bytes: bytes ?? new Uint8Array(), offsets };
}

type HeaderBytesRow = [bodyId: number, headerBytes: number];

/** Adds the columns of `usualFields` to rows without them. Bodies do not change, so it need not be in one step with these. */
export function addUsualFields(database: Database, rows: MessageRows): MessageRows {
  const usualFields = readUsualFields(database, rows.bodyIds);
  const { headerBytes = readHeaderBytes(database, rows, usualFields) } = rows;
  return { ...rows, usualFields, headerBytes };
}

/** Only of messages of which no fields are kept. */
function readHeaderBytes(
  database: Database,
  { bodyIds }: MessageRows,
  { offsets }: UsualFieldsColumn,
): Int32Array {
  const headerBytes = new Int32Array(bodyIds.length).fill(-1);
  const unkept = bodyIds.filter((_, index) => offsets[index] === offsets[index + 1]);
  if (unkept.length === 0) return headerBytes;
  const found = new Map(
    database.rows<HeaderBytesRow>(
      'SELECT b.id, b.header_bytes FROM json_each(?) j CROSS JOIN bodies b ON b.id = j.value',
      `[${unkept.join()}]`,
    ),
  );
  return headerBytes.map((_, index) =>
    offsets[index] === offsets[index + 1] ? (found.get(bodyIds[index]!) ?? -1) : -1,
  );
}

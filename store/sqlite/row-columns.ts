import type { MimePart } from '../../protocol/mime/mime-structure.ts';
import type { MessageColumn, MessageRows } from '../mail-store.ts';
import { unpackStructure } from '../packed-structure.ts';
import type { SortKeys } from '../sort-keys.ts';
import { chunkJoin, toHeader } from './bodies/stored-body.ts';
import type { SqlValue } from './database.ts';
import { sortKeysSql, toSortKeys } from './sort-key-rows.ts';

// Not inner joins: a message whose other rows are damaged is not passed over.
const textsJoin = 'LEFT JOIN body_texts t ON t.body_id = m.body_id';
const bodiesJoin = 'LEFT JOIN bodies b ON b.id = m.body_id';
const sortKeysJoin = 'LEFT JOIN sort_keys k ON k.body_id = m.body_id';
const fieldsJoin = 'LEFT JOIN header_fields h ON h.body_id = m.body_id';
const firstChunkJoin = chunkJoin(['c', 'd'], { bodyId: 'm.body_id' });

/** Where the values of a column come from, and where they go; `put` returns the bytes that the value takes in a batch. */
export interface ColumnSource {
  readonly column: MessageColumn;
  readonly sql: string;
  readonly joins: readonly string[];
  /** True if there is no message without a value. */
  readonly isRequired?: true;
  readonly put: (batch: RowBatch, value: SqlValue) => number;
}

/** In the order in which a row has them. */
export const columnSources: readonly ColumnSource[] = [
  {
    column: 'internalDate',
    sql: 'm.internal_seconds',
    joins: [],
    put: (batch, value) => putNumber(batch.internalSeconds, batch, value),
  },
  {
    column: 'internalDate',
    sql: 'm.zone_minutes',
    joins: [],
    put: (batch, value) => putNumber(batch.zoneMinutes, batch, value),
  },
  {
    column: 'savedDate',
    sql: 'm.saved_seconds',
    joins: [],
    put: (batch, value) => putNumber(batch.savedSeconds, batch, value ?? NaN),
  },
  {
    column: 'emailId',
    sql: `'M' || lower(hex(substr(b.sha256, 1, 16))) || '-' || m.internal_seconds || '-' || m.zone_minutes`,
    joins: [bodiesJoin],
    isRequired: true,
    put: (batch, value) => putText(batch.emailIds, value as string),
  },
  {
    column: 'threadId',
    // Of a message that follows none, and has no id, the digest stands for the id.
    sql: `'T' || lower(hex(coalesce(substr(k.thread_references, 1, 8), k.message_id,
      substr(b.sha256, 1, 8))))`,
    joins: [bodiesJoin, sortKeysJoin],
    put: (batch, value) => putText(batch.threadIds, value as string),
  },
  {
    column: 'sortKeys',
    sql: sortKeysSql,
    joins: [sortKeysJoin],
    put: (batch, value) => {
      batch.sortKeys.push(toSortKeys(value));
      return typeof value === 'string' ? value.length : 0;
    },
  },
  {
    column: 'envelope',
    sql: 't.envelope',
    joins: [textsJoin],
    isRequired: true,
    put: (batch, value) => putText(batch.envelopes, value as string),
  },
  {
    column: 'bodyStructure',
    sql: 't.body_structure',
    joins: [textsJoin],
    isRequired: true,
    put: (batch, value) => putText(batch.bodyStructures, value as string),
  },
  {
    column: 'structure',
    sql: 't.structure',
    joins: [textsJoin],
    isRequired: true,
    put: (batch, value) => {
      batch.structures.push(unpackStructure(value as string));
      return (value as string).length;
    },
  },
  {
    column: 'usualFields',
    // Only who finds no fields has to know how long the header is.
    sql: `CASE WHEN h.bytes IS NULL
      THEN (SELECT b.header_bytes FROM bodies b WHERE b.id = m.body_id) ELSE -1 END`,
    joins: [fieldsJoin],
    put: (batch, value) => putNumber(batch.headerBytes, batch, value ?? -1),
  },
  {
    column: 'usualFields',
    sql: 'h.bytes',
    joins: [fieldsJoin],
    put: (batch, value) => putBytes(batch.usualFields, value),
  },
  {
    column: 'header',
    sql: 'b.header_bytes',
    joins: [bodiesJoin],
    isRequired: true,
    put: (batch, value) => putNumber(batch.headerBytes, batch, value ?? -1),
  },
  {
    column: 'header',
    sql: 'c.inflated_bytes',
    joins: [firstChunkJoin],
    put: (batch, value) => {
      batch.inflatedBytes = value as number | null;
      return 0;
    },
  },
  {
    column: 'header',
    sql: 'd.bytes',
    joins: [firstChunkJoin],
    put: (batch, value) => {
      batch.secondRow = value as Uint8Array | null;
      return 0;
    },
  },
  {
    column: 'header',
    sql: 'c.bytes',
    joins: [firstChunkJoin],
    put: (batch, value) => {
      const headerBytes = batch.headerBytes[batch.count]!;
      const row = [value as Uint8Array | null, batch.inflatedBytes, batch.secondRow] as const;
      return putBytes(batch.headers, toHeader(headerBytes, row) ?? null);
    },
  },
];

function putNumber(
  column: Float64Array | Int16Array | Int32Array,
  { count }: RowBatch,
  value: SqlValue,
): number {
  column[count] = value as number;
  return 0;
}

function putText(column: string[], value: string): number {
  column.push(value);
  return value.length;
}

function putBytes(column: (Uint8Array | undefined)[], value: SqlValue): number {
  const bytes = value instanceof Uint8Array ? value : undefined;
  column.push(bytes);
  return bytes?.length ?? 0;
}

/** Rows as they are read, column by column. */
export class RowBatch {
  count = 0;
  readonly uids: Uint32Array;
  readonly sizeBytes: Uint32Array;
  readonly bodyIds: Float64Array;
  readonly internalSeconds: Float64Array;
  readonly zoneMinutes: Int16Array;
  readonly savedSeconds: Float64Array;
  readonly headerBytes: Int32Array;
  readonly emailIds: string[] = [];
  readonly threadIds: string[] = [];
  readonly sortKeys: (SortKeys | undefined)[] = [];
  readonly envelopes: string[] = [];
  readonly bodyStructures: string[] = [];
  readonly structures: MimePart[] = [];
  readonly usualFields: (Uint8Array | undefined)[] = [];
  readonly headers: (Uint8Array | undefined)[] = [];
  /** Of the first chunk of the row that is being read. */
  inflatedBytes: number | null = null;
  secondRow: Uint8Array | null = null;

  /** @param maxCount how many rows there can be */
  constructor(maxCount: number, columns: ReadonlySet<MessageColumn>) {
    const dateCount = columns.has('internalDate') ? maxCount : 0;
    const headerCount = columns.has('usualFields') || columns.has('header') ? maxCount : 0;
    this.uids = new Uint32Array(maxCount);
    this.sizeBytes = new Uint32Array(maxCount);
    this.bodyIds = new Float64Array(maxCount);
    this.internalSeconds = new Float64Array(dateCount);
    this.zoneMinutes = new Int16Array(dateCount);
    this.savedSeconds = new Float64Array(columns.has('savedDate') ? maxCount : 0);
    this.headerBytes = new Int32Array(headerCount);
  }

  toRows(columns: ReadonlySet<MessageColumn>): MessageRows {
    const end = this.count;
    const hasHeaderBytes = columns.has('usualFields') || columns.has('header');
    return {
      uids: this.uids.subarray(0, end),
      sizeBytes: this.sizeBytes.subarray(0, end),
      bodyIds: this.bodyIds.subarray(0, end),
      ...(columns.has('internalDate') && {
        internalSeconds: this.internalSeconds.subarray(0, end),
        zoneMinutes: this.zoneMinutes.subarray(0, end),
      }),
      ...(columns.has('savedDate') && { savedSeconds: this.savedSeconds.subarray(0, end) }),
      ...(columns.has('emailId') && { emailIds: this.emailIds }),
      ...(columns.has('threadId') && { threadIds: this.threadIds }),
      ...(columns.has('sortKeys') && { sortKeys: this.sortKeys }),
      ...(columns.has('envelope') && { envelopes: this.envelopes }),
      ...(columns.has('bodyStructure') && { bodyStructures: this.bodyStructures }),
      ...(columns.has('structure') && { structures: this.structures }),
      ...(hasHeaderBytes && { headerBytes: this.headerBytes.subarray(0, end) }),
      ...(columns.has('usualFields') && { usualFields: this.usualFields }),
      ...(columns.has('header') && { headers: this.headers }),
    };
  }
}

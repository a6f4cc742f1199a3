import type { MimePart } from '../../protocol/mime/mime-structure.ts';
import { limits } from '../limits.ts';
import type { MessageColumn, MessageRows, SortText } from '../message-rows.ts';
import { unpackStructure } from '../packed-structure.ts';
import type { SortKeys } from '../sort-keys.ts';
import { chunkJoin, toHeader } from './bodies/stored-body.ts';
import { damage } from './damage.ts';
import type { SqlValue } from './database.ts';
import { sortKeysSql, sortTextColumns, toSortKeys } from './sort-key-rows.ts';

// Not inner joins: a message whose other rows are damaged is not passed over.
const textsJoin = 'LEFT JOIN body_texts t ON t.body_id = m.body_id';
const bodiesJoin = 'LEFT JOIN bodies b ON b.id = m.body_id';
const sortKeysJoin = 'LEFT JOIN sort_keys k ON k.body_id = m.body_id';
const fieldsJoin = 'LEFT JOIN header_fields h ON h.body_id = m.body_id';
const firstChunkJoin = chunkJoin(['c', 'd'], { bodyId: 'm.body_id' });

/** The email id of a message `m` with a body `b`. */
export const emailIdSql = `'M' || lower(hex(substr(b.sha256, 1, 16))) || '-' || m.internal_seconds || '-' || m.zone_minutes`;

/**
 * The thread id of a message with a body `b` and sort keys `k`. Of a message that follows none, and has no id, the digest
 * stands for the id.
 */
export const threadIdSql = `'T' || lower(hex(coalesce(substr(k.thread_references, 1, 8), k.message_id,
  substr(b.sha256, 1, 8))))`;

/** Where the values of a column come from, and where they go. */
interface ColumnSource {
  readonly column: MessageColumn;
  readonly sql: string;
  readonly joins: readonly string[];
  /** True if there is no message without a value. */
  readonly isRequired?: true;
  /** True if values are texts or bytes that can be large: see {@link RowPlan.boundedSelect}. */
  readonly isLarge?: true;
  /** Returns the bytes that the value takes in a batch. */
  readonly put: (batch: RowBatch, value: SqlValue) => number;
}

/** In the order in which a row has them. */
const columnSources: readonly ColumnSource[] = [
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
    sql: emailIdSql,
    joins: [bodiesJoin],
    isRequired: true,
    put: (batch, value) => putText(batch.emailIds, value as string),
  },
  {
    column: 'threadId',
    sql: threadIdSql,
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
    column: 'sentDate',
    sql: 'k.sent_seconds',
    joins: [sortKeysJoin],
    put: (batch, value) => putNumber(batch.sentSeconds, batch, value ?? NaN),
  },
  ...sortTextColumns.map(([column, name]) => ({
    column,
    sql: `coalesce(k.${name}, '')`,
    joins: [sortKeysJoin],
    put: (batch: RowBatch, value: SqlValue) => putText(batch.textsOf(column), value as string),
  })),
  {
    column: 'links',
    sql: "coalesce(lower(hex(k.message_id)), '')",
    joins: [sortKeysJoin],
    put: (batch, value) => putText(batch.messageIds, value as string),
  },
  {
    column: 'links',
    sql: "coalesce(lower(hex(k.thread_references)), '')",
    joins: [sortKeysJoin],
    put: (batch, value) => putText(batch.references, value as string),
  },
  {
    column: 'links',
    sql: 'coalesce(k.is_reply_or_forward, 0)',
    joins: [sortKeysJoin],
    put: (batch, value) => putNumber(batch.isReplyOrForward, batch, value),
  },
  {
    column: 'envelope',
    sql: 't.envelope',
    joins: [textsJoin],
    isRequired: true,
    isLarge: true,
    put: (batch, value) => putText(batch.envelopes, value as string),
  },
  {
    column: 'bodyStructure',
    sql: 't.body_structure',
    joins: [textsJoin],
    isRequired: true,
    isLarge: true,
    put: (batch, value) => putText(batch.bodyStructures, value as string),
  },
  {
    column: 'structure',
    sql: 't.structure',
    joins: [textsJoin],
    isRequired: true,
    isLarge: true,
    put: (batch, value) => {
      batch.structures.push(unpackStructure(value as string));
      return (value as string).length;
    },
  },
  {
    column: 'usualFields',
    // They are read for a whole batch; here it is seen how many messages that can have.
    sql: 'octet_length(h.bytes)',
    joins: [fieldsJoin],
    put: (_, value) => (value ?? 0) as number,
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
    isLarge: true,
    put: (batch, value) => {
      batch.secondRow = value as Uint8Array | null;
      return 0;
    },
  },
  {
    column: 'header',
    sql: 'c.crc32',
    joins: [firstChunkJoin],
    put: (batch, value) => {
      batch.check = value as number | null;
      return 0;
    },
  },
  {
    column: 'header',
    sql: 'c.bytes',
    joins: [firstChunkJoin],
    isLarge: true,
    put: (batch, value) => {
      const headerBytes = batch.headerBytes[batch.count]!;
      const { inflatedBytes, secondRow, check } = batch;
      const row = [value as Uint8Array | null, inflatedBytes, secondRow, check] as const;
      return putBytes(batch.headers, toHeader(headerBytes, row) ?? null);
    },
  },
];

function putNumber(
  column: Float64Array | Int16Array | Int32Array | Uint8Array,
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

/** Columns of every row, before those that were asked for. */
const fixedColumns = ['m.uid', 'm.size_bytes', 'm.body_id'];

/** A message as it is read: the fixed columns, and a value for each source. */
export type ValueRow = readonly [uid: number, sizeBytes: number, bodyId: number, ...SqlValue[]];

/** What has to be read for some columns. */
export class RowPlan {
  readonly columns: ReadonlySet<MessageColumn>;
  readonly sources: readonly ColumnSource[];
  /** What is selected of each message `m`. */
  readonly select: string;
  /** The same with a number in the place of each value that is too large to be read together with those of other messages. */
  readonly boundedSelect: string;
  /** What is joined to the messages. */
  readonly joins: string;

  constructor(columns: ReadonlySet<MessageColumn>) {
    this.columns = columns;
    this.sources = columnSources.filter(({ column }) => columns.has(column));
    this.select = [...fixedColumns, ...this.sources.map(({ sql }) => sql)].join(', ');
    this.boundedSelect = [...fixedColumns, ...this.sources.map(boundedSql)].join(', ');
    this.joins = [...new Set(this.sources.flatMap(({ joins }) => joins))].join(' ');
  }
}

/** The length is in the row itself, so that SQLite does not read the value to know it. */
function boundedSql({ sql, isLarge }: ColumnSource): string {
  if (isLarge !== true) return sql;
  return `CASE WHEN octet_length(${sql}) > ${limits.stepValueBytes} THEN 0 ELSE ${sql} END`;
}

/** Rows as they are read, column by column. */
export class RowBatch {
  /** Messages that it has. */
  count = 0;
  /** Bytes that they take, about. */
  bytes = 0;
  readonly #plan: RowPlan;
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
  readonly sentSeconds: Float64Array;
  readonly messageIds: string[] = [];
  readonly references: string[] = [];
  readonly isReplyOrForward: Uint8Array;
  readonly #sortTexts: Partial<Record<SortText, string[]>> = {};
  readonly envelopes: string[] = [];
  readonly bodyStructures: string[] = [];
  readonly structures: MimePart[] = [];
  readonly headers: (Uint8Array | undefined)[] = [];
  /** Of the first chunk of the row that is being read. */
  inflatedBytes: number | null = null;
  secondRow: Uint8Array | null = null;
  check: number | null = null;

  /** @param maxCount how many rows there can be */
  constructor(plan: RowPlan, maxCount: number) {
    this.#plan = plan;
    const { columns } = plan;
    const dateCount = columns.has('internalDate') ? maxCount : 0;
    const headerCount = columns.has('header') ? maxCount : 0;
    this.uids = new Uint32Array(maxCount);
    this.sizeBytes = new Uint32Array(maxCount);
    this.bodyIds = new Float64Array(maxCount);
    this.internalSeconds = new Float64Array(dateCount);
    this.zoneMinutes = new Int16Array(dateCount);
    this.savedSeconds = new Float64Array(columns.has('savedDate') ? maxCount : 0);
    this.headerBytes = new Int32Array(headerCount);
    this.sentSeconds = new Float64Array(columns.has('sentDate') ? maxCount : 0);
    this.isReplyOrForward = new Uint8Array(columns.has('links') ? maxCount : 0);
  }

  /** The column of a text, which is there from then on. */
  textsOf(column: SortText): string[] {
    return (this.#sortTexts[column] ??= []);
  }

  /** False if a value is left out that is too large, and nothing was added. Throws if a value is missing. */
  add(row: ValueRow): boolean {
    const { sources } = this.#plan;
    for (let index = 0; index < sources.length; index++) {
      const value = row[index + fixedColumns.length];
      if (sources[index]!.isLarge === true && typeof value === 'number') return false;
    }
    [this.uids[this.count], this.sizeBytes[this.count], this.bodyIds[this.count]] = row;
    for (let index = 0; index < sources.length; index++) {
      const { column, isRequired, put } = sources[index]!;
      const value = row[index + fixedColumns.length]!;
      if (value === null && isRequired) throw damage(`Body ${row[2]} lacks its ${column}`);
      this.bytes += put(this, value);
    }
    this.count += 1;
    return true;
  }

  toRows(): MessageRows {
    const { columns } = this.#plan;
    const end = this.count;
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
      ...(columns.has('sentDate') && { sentSeconds: this.sentSeconds.subarray(0, end) }),
      ...(sortTextColumns.some(([column]) => columns.has(column)) && {
        sortTexts: this.#sortTexts,
      }),
      ...(columns.has('links') && {
        links: {
          messageIds: this.messageIds,
          references: this.references,
          isReplyOrForward: this.isReplyOrForward.subarray(0, end),
        },
      }),
      ...(columns.has('envelope') && { envelopes: this.envelopes }),
      ...(columns.has('bodyStructure') && { bodyStructures: this.bodyStructures }),
      ...(columns.has('structure') && { structures: this.structures }),
      ...(columns.has('header') && {
        headerBytes: this.headerBytes.subarray(0, end),
        headers: this.headers,
      }),
    };
  }
}

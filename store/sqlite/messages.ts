import type { Flag } from '../../protocol/flag.ts';
import type { MimePart } from '../../protocol/mime/mime-structure.ts';
import { lowerBound } from '../../protocol/sequence-set.ts';
import { limits } from '../limits.ts';
import type { SortKeys } from '../sort-keys.ts';
import {
  type AddedMessage,
  type MailboxKey,
  type MessageColumn,
  type MessageRows,
  type MessageTarget,
  StoreError,
} from '../mail-store.ts';
import { unpackStructure } from '../packed-structure.ts';
import { type BodyContent, addReference } from './bodies/bodies.ts';
import type { Database, SqlValue } from './database.ts';
import { BodyCheck, bodyDamage, damage, expectSoundBody } from './damage.ts';
import { noteImported } from './imports.ts';
import { deletedBit, seenBit } from './flag-words.ts';
import { defineFlags } from './keywords.ts';
import { countAdded, readCounters, readTarget } from './mailbox-counters.ts';
import { chunkJoin, openBody, type StoredBody, toHeader } from './bodies/stored-body.ts';
import { sortKeysSql, toSortKeys } from './sort-key-rows.ts';
import type { WriteContext } from './writer/write-context.ts';
import { type Failure, toFailure } from './writer/writer.ts';

/** Columns of every row, before those that were asked for. */
const fixedColumns = 'm.uid, m.size_bytes, m.body_id';
type FixedRow = [uid: number, sizeBytes: number, bodyId: number];

// Not inner joins: a message whose other rows are damaged is not passed over.
const textsJoin = 'LEFT JOIN body_texts t ON t.body_id = m.body_id';
const bodiesJoin = 'LEFT JOIN bodies b ON b.id = m.body_id';
const sortKeysJoin = 'LEFT JOIN sort_keys k ON k.body_id = m.body_id';
const fieldsJoin = 'LEFT JOIN header_fields h ON h.body_id = m.body_id';
const firstChunkJoin = chunkJoin(['c', 'd'], { bodyId: 'm.body_id' });

/** Where the values of a column come from, and where they go; `put` returns the bytes that the value takes in a batch. */
interface ColumnSource {
  readonly column: MessageColumn;
  readonly sql: string;
  readonly joins: readonly string[];
  /** True if there is no message without a value. */
  readonly isRequired?: true;
  readonly put: (batch: RowBatch, value: SqlValue) => number;
}

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

/** Rows as they are read. */
class RowBatch {
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

/**
 * The messages of the named UIDs that exist, batch by batch. Nothing of the database is held while the
 * caller has a batch.
 *
 * @see MailStore.rows
 */
export async function* readRows(
  database: Database,
  box: MailboxKey,
  uids: Uint32Array,
  columns: ReadonlySet<MessageColumn>,
): AsyncGenerator<MessageRows> {
  let position = 0;
  // Ends: each batch goes on behind the last UID of the one before.
  while (position < uids.length) {
    const batchUids = uids.subarray(position, position + limits.batchRows);
    const { batch, isWhole } = readBatch(database, box, batchUids, columns);
    const lastUid = isWhole ? batchUids.at(-1)! : batch.uids[batch.count - 1]!;
    position = lowerBound(uids, uids.length, lastUid + 1);
    if (batch.count > 0) yield batch.toRows(columns);
  }
}

/** `isWhole`: false if the batch ended early for its bytes. */
function readBatch(
  database: Database,
  box: MailboxKey,
  uids: Uint32Array,
  columns: ReadonlySet<MessageColumn>,
): { batch: RowBatch; isWhole: boolean } {
  const sources = columnSources.filter(({ column }) => columns.has(column));
  return database.snapshot(() => {
    const { uidNext } = readCounters(database, box);
    const batch = new RowBatch(uids.length, columns);
    let bytes = 0;
    const rows = database.iterate<[...FixedRow, ...SqlValue[]]>(
      batchSql(sources),
      `[${uids.join()}]`,
      box.mailboxId,
      uidNext,
    );
    for (const [uid, sizeBytes, bodyId, ...values] of rows) {
      batch.uids[batch.count] = uid;
      batch.sizeBytes[batch.count] = sizeBytes;
      batch.bodyIds[batch.count] = bodyId;
      for (let index = 0; index < sources.length; index++) {
        const { column, isRequired, put } = sources[index]!;
        const value = values[index]!;
        if (value === null && isRequired) throw damage(`Body ${bodyId} lacks its ${column}`);
        bytes += put(batch, value);
      }
      batch.count += 1;
      if (bytes >= limits.batchBytes) return { batch, isWhole: false };
    }
    return { batch, isWhole: true };
  });
}

function batchSql(sources: readonly ColumnSource[]): string {
  const joins = new Set(sources.flatMap((source) => source.joins));
  return `SELECT ${[fixedColumns, ...sources.map(({ sql }) => sql)].join(', ')} FROM json_each(?) j
    CROSS JOIN messages m ON m.mailbox_id = ? AND m.uid = j.value AND m.uid < ? ${[...joins].join(' ')}`;
}

/**
 * All of a body is compared with its digest before its last bytes are given out. A part of it is not: it is checked as
 * far as SQLite notices that a page is damaged.
 *
 * @see MailStore.readBody
 */
export async function* readBody(
  database: Database,
  bodyId: number,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  expectSoundBody(database, bodyId);
  const body = openBody(database, bodyId, { isWhole: start <= 0 && end === Infinity });
  if (body === undefined) throw noBody();
  const { sizeBytes, sha256 } = body;
  const isWhole = start <= 0 && end >= sizeBytes;
  const check = isWhole ? new BodyCheck(sizeBytes, sha256) : undefined;
  const stop = Math.min(end, sizeBytes);
  let position = Math.max(0, start);
  while (position < stop) {
    const bytes = readPart(database, body, position, stop);
    if (check?.isSound(bytes) === false) throw bodyDamage(database, bodyId);
    yield bytes;
    position += bytes.length;
  }
}

function readPart(
  database: Database,
  body: StoredBody,
  position: number,
  stop: number,
): Uint8Array {
  try {
    const bytes = body.read(position, stop);
    if (bytes !== undefined) return bytes;
  } catch (error) {
    if (error instanceof StoreError && error.code === 'CORRUPTION') bodyDamage(database, body.id);
    throw error;
  }
  // The collector may have come.
  if (openBody(database, body.id, { isWhole: false }) === undefined) throw noBody();
  throw bodyDamage(database, body.id);
}

function noBody(): StoreError {
  return new StoreError('NONEXISTENT', 'The message is gone');
}

/** What one target made of a message. */
type TargetResult = AddedMessage | { readonly failure: Failure };

/**
 * Adds a message to each of the targets, of which those that refuse are left out.
 *
 * @see MessageDraft.addToEach
 */
export function addMessage(
  context: WriteContext,
  { targets, content }: { readonly targets: readonly MessageTarget[]; content: BodyContent },
): readonly TargetResult[] {
  const added = new Map<number, AddedState[]>();
  const results = targets.map((target): TargetResult => {
    context.database.run('SAVEPOINT target');
    try {
      const { message, state } = addToTarget(context, target, content);
      context.database.run('RELEASE target');
      const { mailboxId } = target.box;
      added.set(mailboxId, [...(added.get(mailboxId) ?? []), state]);
      return message;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      context.database.execute('ROLLBACK TO target; RELEASE target');
      return { failure: toFailure(error) };
    }
  });
  for (const [mailboxId, states] of added) {
    context.noteChanged(mailboxId, states.length, () => ({
      uids: Uint32Array.from(states, ({ uid }) => uid),
      modseqs: Float64Array.from(states, ({ modseq }) => modseq),
      flags: Uint32Array.from(states.keys()),
      flagSets: states.map(({ flags }) => flags),
    }));
  }
  return results;
}

/** What is told of a message that was added. */
interface AddedState {
  readonly uid: number;
  readonly modseq: number;
  readonly flags: readonly Flag[];
}

function addToTarget(
  context: WriteContext,
  target: MessageTarget,
  content: BodyContent,
): { message: AddedMessage; state: AddedState } {
  const { box, internalDate, occurrence } = target;
  const { mailboxId } = box;
  const [uid, uidValidity] = readTarget(context, box, 1);
  if (occurrence !== undefined) {
    noteImported(context.database, mailboxId, { sha256: content.sha256, occurrence });
  }
  const { words, flags } = defineFlags(context, mailboxId, target.flags);
  const bodyId = addReference(context, content);
  const modseq = countAdded(context, mailboxId, [
    1,
    (words[0] & seenBit) === 0 ? 1 : 0,
    (words[0] & deletedBit) === 0 ? 0 : 1,
    content.sizeBytes,
  ]);
  context.database.run(
    'INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    mailboxId,
    uid,
    modseq,
    modseq,
    bodyId,
    content.sizeBytes,
    Math.floor(internalDate.epochMs / 1000),
    internalDate.zoneMinutes,
    ...words,
    Math.floor(context.nowMs / 1000),
  );
  return { message: { uid, uidValidity, modseq }, state: { uid, modseq, flags } };
}

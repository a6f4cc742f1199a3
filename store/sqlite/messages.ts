import type { InternalDate } from '../../protocol/dates.ts';
import type { Flag } from '../../protocol/flag.ts';
import type { MimePart } from '../../protocol/mime/mime-structure.ts';
import { limits } from '../limits.ts';
import {
  type AddedMessage,
  type MailboxKey,
  type MessageField,
  type StoredMessage,
  StoreError,
} from '../mail-store.ts';
import { type BodyContent, addReference } from './bodies.ts';
import type { Database, SqlValue } from './database.ts';
import { defineFlags, deletedBit, seenBit } from './keywords.ts';
import { checkMailbox, countAdded, noMailbox, readTarget } from './mailbox-counters.ts';
import { bodyState } from './bodies.ts';
import type { WriteContext } from './write-context.ts';

/** Columns that every row has, then those of the fields in the order of `fieldColumns`. */
const fixedColumns = 'm.uid, m.size_bytes, m.body_id, m.internal_seconds, m.zone_minutes';
type FixedRow = [number, number, number, number, number];

const textsJoin = 'JOIN body_texts t ON t.body_id = m.body_id';
const bodiesJoin = 'JOIN bodies b ON b.id = m.body_id';

const fieldsJoin = 'LEFT JOIN header_fields h ON h.body_id = m.body_id';

/** A column of a field, and the tables that it needs. */
const fieldColumns: readonly {
  readonly field: MessageField;
  readonly name: keyof StoredMessage;
  readonly column: string;
  readonly joins: readonly string[];
}[] = [
  { field: 'envelope', name: 'envelope', column: 't.envelope', joins: [textsJoin] },
  { field: 'bodyStructure', name: 'bodyStructure', column: 't.body_structure', joins: [textsJoin] },
  { field: 'structure', name: 'structure', column: 't.structure', joins: [textsJoin] },
  {
    field: 'usualFields',
    name: 'headerBytes',
    // Only who finds no fields has to know how long the header is.
    column: `CASE WHEN h.bytes IS NULL
      THEN (SELECT b.header_bytes FROM bodies b WHERE b.id = m.body_id) END`,
    joins: [fieldsJoin],
  },
  {
    field: 'usualFields',
    name: 'usualFields',
    column: 'h.bytes',
    joins: [fieldsJoin],
  },
  { field: 'header', name: 'headerBytes', column: 'b.header_bytes', joins: [bodiesJoin] },
  {
    field: 'header',
    name: 'header',
    column: `CASE WHEN b.header_bytes <= ${limits.chunkBytes} THEN substr(c.octets, 1, b.header_bytes) END`,
    joins: [bodiesJoin, `LEFT JOIN chunks c ON c.id = m.body_id * ${limits.maxChunkCount}`],
  },
];

/**
 * The messages of the named UIDs that exist, batch by batch. Nothing of the database is held while the
 * caller has a batch.
 *
 * @see MailStore.readMessages
 */
export async function* readMessages(
  database: Database,
  box: MailboxKey,
  uids: Uint32Array,
  fields: ReadonlySet<MessageField>,
): AsyncGenerator<readonly StoredMessage[]> {
  let position = 0;
  while (position < uids.length) {
    const batchUids = uids.subarray(position, position + limits.batchRows);
    const batch = readBatch(database, box, batchUids, fields);
    const lastUid = batch.isWhole ? batchUids.at(-1) : batch.messages.at(-1)?.uid;
    while (position < uids.length && uids[position]! <= lastUid!) position++;
    if (batch.messages.length > 0) yield batch.messages;
  }
}

/** `isWhole`: false if the batch ended early for its bytes. */
function readBatch(
  database: Database,
  box: MailboxKey,
  uids: Uint32Array,
  fields: ReadonlySet<MessageField>,
): { messages: StoredMessage[]; isWhole: boolean } {
  return database.snapshot(() => {
    checkMailbox(database, box);
    const messages: StoredMessage[] = [];
    const columns = fieldColumns.filter(({ field }) => fields.has(field));
    let bytes = 0;
    const rows = database.iterate<[...FixedRow, ...SqlValue[]]>(
      batchSql(columns),
      `[${uids.join()}]`,
      box.mailboxId,
    );
    for (const [uid, sizeBytes, bodyId, seconds, zoneMinutes, ...values] of rows) {
      const message: WritableMessage = { uid, sizeBytes, bodyId };
      if (fields.has('dates')) message.internalDate = { epochMs: seconds * 1000, zoneMinutes };
      for (const [index, { name }] of columns.entries())
        bytes += setField(message, name, values[index]!);
      messages.push(message);
      if (bytes >= limits.batchBytes) return { messages, isWhole: false };
    }
    return { messages, isWhole: true };
  });
}

function batchSql(columns: typeof fieldColumns): string {
  const joins = new Set(columns.flatMap((column) => column.joins));
  return `SELECT ${[fixedColumns, ...columns.map(({ column }) => column)].join(', ')} FROM json_each(?) j
    CROSS JOIN messages m ON m.mailbox_id = ? AND m.uid = j.value ${[...joins].join(' ')}`;
}

type WritableMessage = { -readonly [Name in keyof StoredMessage]: StoredMessage[Name] };

/** Returns how much of a batch the value takes, in bytes. */
function setField(message: WritableMessage, name: keyof StoredMessage, value: SqlValue): number {
  if (value === null) return 0;
  if (typeof value === 'number') {
    if (name === 'headerBytes') message.headerBytes = value;
    return 0;
  }
  if (typeof value === 'string') {
    if (name === 'structure') message.structure = JSON.parse(value) as MimePart;
    else if (name === 'envelope' || name === 'bodyStructure') message[name] = value;
  } else if (name === 'usualFields' || name === 'header') message[name] = value;
  return value.length;
}

/** Size of a body that can be read. `NONEXISTENT`. */
function readBodySize(database: Database, bodyId: number): number {
  const row = database.row<[number]>(
    'SELECT size_bytes FROM bodies WHERE id = ? AND state = ?',
    bodyId,
    bodyState.whole,
  );
  if (row === undefined) throw noBody();
  return row[0];
}

/** @see MailStore.readBody */
export async function* readBody(
  database: Database,
  bodyId: number,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  const stop = Math.min(end, readBodySize(database, bodyId));
  let position = Math.max(0, start);
  while (position < stop) {
    const number = Math.floor(position / limits.chunkBytes);
    const chunkStart = number * limits.chunkBytes;
    const chunk = readChunk(database, bodyId, number);
    yield chunk.subarray(position - chunkStart, stop - chunkStart);
    position = chunkStart + limits.chunkBytes;
  }
}

function readChunk(database: Database, bodyId: number, number: number): Uint8Array {
  const row = database.row<[Uint8Array]>(
    'SELECT octets FROM chunks WHERE id = ?',
    bodyId * limits.maxChunkCount + number,
  );
  if (row === undefined) throw noBody();
  return row[0];
}

function noBody(): StoreError {
  return new StoreError('NONEXISTENT', 'The message is gone');
}

/**
 * `accountId` is that of the draft, which has to be the mailbox's.
 *
 * @see MessageDraft.addTo
 */
export function addMessage(
  context: WriteContext,
  message: {
    readonly accountId: number;
    readonly box: MailboxKey;
    readonly flags: readonly Flag[];
    readonly internalDate: InternalDate;
    readonly content: BodyContent;
  },
): AddedMessage {
  const { box, content, internalDate } = message;
  const { mailboxId } = box;
  if (box.accountId !== message.accountId) throw noMailbox();
  const [uid, uidValidity] = readTarget(context, box, 1);
  const { words, flags } = defineFlags(context, mailboxId, message.flags);
  const bodyId = addReference(context, content);
  const modseq = countAdded(context, mailboxId, [
    1,
    (words[0] & seenBit) === 0 ? 1 : 0,
    (words[0] & deletedBit) === 0 ? 0 : 1,
    content.sizeBytes,
  ]);
  context.database.run(
    'INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    mailboxId,
    uid,
    modseq,
    modseq,
    bodyId,
    content.sizeBytes,
    Math.floor(internalDate.epochMs / 1000),
    internalDate.zoneMinutes,
    ...words,
  );
  context.noteChanged(mailboxId, 1, () => ({
    uids: Uint32Array.of(uid),
    modseqs: Float64Array.of(modseq),
    flags: Uint32Array.of(0),
    flagSets: [flags],
  }));
  return { uid, uidValidity, modseq };
}

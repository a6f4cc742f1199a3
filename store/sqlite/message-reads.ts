import type { MimePart } from '../../protocol/mime/mime-structure.ts';
import { limits } from '../limits.ts';
import {
  StoreError,
  type MailboxKey,
  type MessageField,
  type StoredMessage,
} from '../mail-store.ts';
import type { Database, SqlValue } from './database.ts';
import { checkMailbox } from './mailbox-counters.ts';
import { bodyState } from './schema.ts';

/** Columns that every row has, then those of the text fields in the order of `textFields`. */
const fixedColumns = 'm.uid, m.size_bytes, m.body_id, m.internal_seconds, m.zone_minutes';
type FixedRow = [number, number, number, number, number];

const textColumns = [
  ['envelope', 't.envelope'],
  ['bodyStructure', 't.body_structure'],
  ['structure', 't.structure'],
] as const;

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
    let bytes = 0;
    const rows = database.iterate<[...FixedRow, ...SqlValue[]]>(
      batchSql(fields),
      `[${uids.join()}]`,
      box.mailboxId,
    );
    for (const [uid, sizeBytes, bodyId, seconds, zone, ...texts] of rows) {
      const message = { uid, sizeBytes, bodyId };
      messages.push({ ...message, ...readFields(fields, seconds, zone, texts as string[]) });
      bytes += texts.reduce<number>((sum, text) => sum + String(text).length, 0);
      if (bytes >= limits.batchBytes) return { messages, isWhole: false };
    }
    return { messages, isWhole: true };
  });
}

function batchSql(fields: ReadonlySet<MessageField>): string {
  const texts = textColumns.filter(([field]) => fields.has(field)).map(([, column]) => column);
  const join = texts.length === 0 ? '' : 'JOIN body_texts t ON t.body_id = m.body_id';
  return `SELECT ${[fixedColumns, ...texts].join(', ')} FROM json_each(?) j
    CROSS JOIN messages m ON m.mailbox_id = ? AND m.uid = j.value ${join}`;
}

function readFields(
  fields: ReadonlySet<MessageField>,
  seconds: number,
  zoneMinutes: number,
  texts: readonly string[],
): Partial<StoredMessage> {
  const result: { -readonly [Field in keyof StoredMessage]?: StoredMessage[Field] } = {};
  if (fields.has('dates')) result.internalDate = { epochMs: seconds * 1000, zoneMinutes };
  const named = textColumns.filter(([field]) => fields.has(field));
  for (const [index, [field]] of named.entries()) {
    const text = texts[index] ?? '';
    if (field === 'structure') result.structure = JSON.parse(text) as MimePart;
    else result[field] = text;
  }
  return result;
}

/** Size of a body that can be read. `NONEXISTENT`. */
export function readBodySize(database: Database, bodyId: number): number {
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

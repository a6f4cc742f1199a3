import type { MimePart } from '../../../protocol/mime/mime-structure.ts';
import { StoreError } from '../../mail-store.ts';
import { MessageReader, type WalkedFacts } from '../../message-reader.ts';
import { packStructure } from '../../packed-structure.ts';
import { bodyState } from '../bodies/bodies.ts';
import { type Chunk, compressInPlace, toChunkRows, toStoredForm } from '../bodies/chunks.ts';
import type { Database } from '../database.ts';
import { stepLimits } from './limits.ts';
import type { LongStep } from './schema.ts';

type Body = [id: number, state: number, sizeBytes: number];

const { chunksOfBody: oldChunksOfBody } = stepLimits;

/** What walker has read all bodies before this step. Those that are read again by today's are marked so too. */
const firstWalker = 1;

/**
 * Compresses chunks, and packs structures. Rows move from the old tables to new ones, body by body, and not within a table, whose
 * pages would be left half empty; the pages of the rows that moved are used again. The position is an old chunk's id: the
 * next one.
 */
export const compactStep: LongStep = makeCompactStep({
  bodies: stepLimits.bodies,
  bytes: stepLimits.compressedBytes,
});

/** {@link compactStep} with other bounds of a transaction. */
export function makeCompactStep(most: {
  readonly bodies: number;
  readonly bytes: number;
}): LongStep {
  return {
    sql: `
    ALTER TABLE chunks RENAME TO old_chunks;
    ALTER TABLE body_texts RENAME TO old_body_texts;
    ALTER TABLE bodies ADD COLUMN cuts TEXT;
    CREATE TABLE chunks (
      id INTEGER PRIMARY KEY,
      bytes BLOB NOT NULL,
      inflated_bytes INTEGER
    ) STRICT;
    CREATE TABLE body_texts (
      body_id INTEGER PRIMARY KEY REFERENCES bodies (id),
      walker INTEGER NOT NULL,
      envelope TEXT NOT NULL,
      body_structure TEXT NOT NULL,
      structure TEXT NOT NULL
    ) STRICT;
    CREATE TABLE walks (walker INTEGER NOT NULL, body_id INTEGER) STRICT;
    INSERT INTO walks VALUES (0, 0);
  `,
    endSql: 'DROP TABLE old_chunks; DROP TABLE old_body_texts;',
    end: (database) => {
      const [lastId] = database.row<[number | null]>('SELECT max(id) FROM bodies')!;
      return ((lastId ?? 0) + 1) * oldChunksOfBody;
    },
    // Rows are taken away before they are written anew, so that it is what one transaction needs.
    growthBytes: () => 2 * stepLimits.compressedBytes,
    advance: (database, position) => {
      let next = position;
      let bytesLeft = most.bytes;
      for (let count = 0; count < most.bodies && bytesLeft > 0; count++) {
        const body = readBody(database, next);
        if (body === undefined) break;
        const [id, state] = body;
        const first = id * oldChunksOfBody;
        const number = Math.max(next - first, 0);
        const isBegin = state === bodyState.whole && number === 0;
        const structure = isBegin ? moveTexts(database, id) : undefined;
        const chunks = takeChunks(database, first + number);
        bytesLeft -= chunks.reduce((sum, { length }) => sum + length, 0);
        if (state === bodyState.whole) writeChunks(database, body, { number, chunks, structure });
        giveBack(chunks);
        const isDone = chunks.length < chunksAtOnce;
        next = isDone ? first + oldChunksOfBody : first + number + chunksAtOnce;
      }
      return next === position ? undefined : next;
    },
  };
}

/** All of a body that is divided. */
const chunksAtOnce = stepLimits.dividedBytes / stepLimits.chunkBytes;

/** The body that has the old chunk of an id, or the one behind it. */
function readBody(database: Database, chunkId: number): Body | undefined {
  return database.row<Body>(
    'SELECT id, state, size_bytes FROM bodies WHERE id >= ? ORDER BY id LIMIT 1',
    Math.floor(chunkId / oldChunksOfBody),
  );
}

function takeChunks(database: Database, firstId: number): Uint8Array[] {
  const range = [firstId, firstId + chunksAtOnce - 1] as const;
  const sql = 'SELECT octets FROM old_chunks WHERE id BETWEEN ? AND ? ORDER BY id';
  const rows = database.rows<[Uint8Array]>(sql, ...range);
  database.run('DELETE FROM old_chunks WHERE id BETWEEN ? AND ?', ...range);
  return rows.map(([bytes]) => bytes);
}

/** @param part - with the structure, if it is the beginning, and there is one */
function writeChunks(
  database: Database,
  [id, , sizeBytes]: Body,
  part: {
    readonly number: number;
    readonly chunks: readonly Uint8Array[];
    readonly structure: MimePart | undefined;
  },
): void {
  const { number, chunks, structure } = part;
  const isSmall = sizeBytes <= stepLimits.dividedBytes;
  if (isSmall && number > 0) return;
  if (!isSmall || structure === undefined) {
    const compressed = chunks.map((chunk) => compressInPlace(chunk));
    return insertChunks(database, id, number, compressed);
  }
  const [first = new Uint8Array()] = chunks;
  const form = toStoredForm(chunks.length > 1 ? Buffer.concat(chunks) : first, structure);
  insertChunks(database, id, 0, form.chunks);
  if (form.cuts.length === 0) return;
  database.run('UPDATE bodies SET cuts = ? WHERE id = ?', JSON.stringify(form.cuts), id);
}

function insertChunks(
  database: Database,
  bodyId: number,
  firstNumber: number,
  chunks: readonly Chunk[],
): void {
  const sql = 'INSERT INTO chunks (id, bytes, inflated_bytes) VALUES (?, ?, ?)';
  for (const { id, bytes, inflatedBytes } of toChunkRows(database, bodyId, firstNumber, chunks)) {
    database.run(sql, id, bytes, inflatedBytes);
  }
}

/** Frees their memory now: the garbage collector would come only when there are tens of MiB of them. */
function giveBack(chunks: readonly Uint8Array[]): void {
  for (const { buffer } of chunks) if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** The texts of a body. */
interface Texts extends Pick<WalkedFacts, 'envelope' | 'bodyStructure' | 'structure'> {
  /** The structure as `packStructure` writes it. */
  readonly packed: string;
}

/**
 * Returns the structure, which is all of the texts that is looked at. Texts that are missing or damaged are read from the
 * message again. Undefined if that cannot be done: the body stays without, and who asks for its texts is refused.
 */
function moveTexts(database: Database, bodyId: number): MimePart | undefined {
  const texts = takeTexts(database, bodyId) ?? readTextsAgain(database, bodyId);
  if (texts === undefined) return undefined;
  database.run(
    `INSERT INTO body_texts (body_id, walker, envelope, body_structure, structure)
     VALUES (?, ?, ?, ?, ?)`,
    bodyId,
    firstWalker,
    texts.envelope,
    texts.bodyStructure,
    texts.packed,
  );
  return texts.structure;
}

/** Undefined if they are missing, or are not what was written. */
function takeTexts(database: Database, bodyId: number): Texts | undefined {
  const row = database.row<[envelope: string, bodyStructure: string, json: string]>(
    'SELECT envelope, body_structure, structure FROM old_body_texts WHERE body_id = ?',
    bodyId,
  );
  if (row === undefined) return undefined;
  database.run('DELETE FROM old_body_texts WHERE body_id = ?', bodyId);
  const [envelope, bodyStructure, json] = row;
  try {
    const structure = JSON.parse(json) as MimePart;
    return { envelope, bodyStructure, structure, packed: packStructure(structure) };
  } catch {
    // It is no JSON, or that of something else.
    return undefined;
  }
}

/** Reads all of a message, before its chunks are moved; undefined if it is not what was stored, or beyond today's limits. */
function readTextsAgain(database: Database, bodyId: number): Texts | undefined {
  const rows = database.iterate<[Uint8Array]>(
    'SELECT octets FROM old_chunks WHERE id BETWEEN ? AND ? ORDER BY id',
    bodyId * oldChunksOfBody,
    (bodyId + 1) * oldChunksOfBody - 1,
  );
  const reader = new MessageReader();
  try {
    for (const [bytes] of rows) reader.push(bytes);
    const { sha256, ...facts } = reader.finish();
    const sql = 'SELECT 1 FROM bodies WHERE id = ? AND sha256 = ?';
    if (database.row(sql, bodyId, sha256) === undefined) return undefined;
    return { ...facts, packed: packStructure(facts.structure) };
  } catch (error) {
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}

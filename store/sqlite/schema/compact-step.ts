import type { MimePart } from '../../../protocol/mime/mime-structure.ts';
import { limits } from '../../limits.ts';
import { packStructure } from '../../packed-structure.ts';
import { bodyState } from '../bodies/bodies.ts';
import { compressInPlace, insertChunks, toStoredForm } from '../bodies/chunks.ts';
import type { Database } from '../database.ts';
import type { LongStep } from './schema.ts';

type Body = [id: number, state: number, sizeBytes: number];

/** In the file up to this step, a chunk's id was this times the body's, and its number. */
const oldChunksOfBody = 65_536;

/** What walker has read all bodies before this step. */
const firstWalker = 1;

/**
 * Compresses chunks, and packs structures. Rows move from the old tables to new ones, body by body, and not within a table, whose
 * pages would be left half empty; the pages of the rows that moved are used again. The position is an old chunk's id: the
 * next one.
 */
export const compactStep: LongStep = makeCompactStep({
  bodies: limits.migratedBodies,
  bytes: limits.migratedBytes,
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
    growthBytes: () => 2 * limits.migratedBytes,
    advance: (database, position) => {
      let next = position;
      let bytesLeft = most.bytes;
      for (let count = 0; count < most.bodies && bytesLeft > 0; count++) {
        const body = readBody(database, next);
        if (body === undefined) break;
        const [id, state] = body;
        const first = id * oldChunksOfBody;
        const number = Math.max(next - first, 0);
        const chunks = takeChunks(database, first + number);
        bytesLeft -= chunks.reduce((sum, { length }) => sum + length, 0);
        if (state === bodyState.whole) {
          const structure = number === 0 ? moveTexts(database, id) : undefined;
          writeChunks(database, body, { number, chunks, structure });
        }
        giveBack(chunks);
        const isDone = chunks.length < chunksAtOnce;
        next = isDone ? first + oldChunksOfBody : first + number + chunksAtOnce;
      }
      return next === position ? undefined : next;
    },
  };
}

/** What a draft adds in one request. */
const chunksAtOnce = limits.stageBytes / limits.chunkBytes;

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

/** @param part - with the structure, if it is the beginning */
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
  if (sizeBytes > limits.stageBytes) {
    const compressed = chunks.map((chunk) => compressInPlace(chunk));
    return insertChunks(database, id, number, compressed);
  }
  if (structure === undefined) return;
  const [first = new Uint8Array()] = chunks;
  const form = toStoredForm(chunks.length > 1 ? Buffer.concat(chunks) : first, structure);
  insertChunks(database, id, 0, form.chunks);
  if (form.cuts.length === 0) return;
  database.run('UPDATE bodies SET cuts = ? WHERE id = ?', JSON.stringify(form.cuts), id);
}

/** Frees their memory now: the garbage collector would come only when there are tens of MiB of them. */
function giveBack(chunks: readonly Uint8Array[]): void {
  for (const { buffer } of chunks) if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** Returns the structure, which is all of the texts that is looked at. */
function moveTexts(database: Database, bodyId: number): MimePart {
  const [json] = database.row<[string]>(
    'SELECT structure FROM old_body_texts WHERE body_id = ?',
    bodyId,
  )!;
  const structure = JSON.parse(json) as MimePart;
  database.run(
    `INSERT INTO body_texts (body_id, walker, envelope, body_structure, structure)
     SELECT body_id, ?, envelope, body_structure, ? FROM old_body_texts WHERE body_id = ?`,
    firstWalker,
    packStructure(structure),
    bodyId,
  );
  database.run('DELETE FROM old_body_texts WHERE body_id = ?', bodyId);
  return structure;
}

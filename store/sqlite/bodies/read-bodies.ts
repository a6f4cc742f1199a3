import { hash } from 'node:crypto';
import { limits } from '../../limits.ts';
import { StoreError } from '../../mail-store.ts';
import type { MessageRows } from '../../message-rows.ts';
import type { Database } from '../database.ts';
import { firstOfRun, lastOfRun, maxRunLength, toRuns } from '../number-runs.ts';
import { bodyState } from './bodies.ts';
import { rowId, toLayout } from './chunks.ts';
import { type ChunkRow, joinChunks, newBytes } from './stored-body.ts';

/**
 * Two statements for as many bodies as have 64 KiB together, which takes half of what one for each does. Each body is
 * compared with its digest.
 *
 * @see MailStore.readBodies
 */
export async function* readBodies(
  database: Database,
  { bodyIds, sizeBytes }: Pick<MessageRows, 'bodyIds' | 'sizeBytes'>,
): AsyncGenerator<readonly (Uint8Array | undefined)[]> {
  let start = 0;
  while (start < bodyIds.length) {
    const end = endOfGroup(bodyIds, sizeBytes, start);
    const ids = bodyIds.subarray(start, end);
    yield sizeBytes[start]! > limits.chunkBytes ? [undefined] : readGroup(database, ids);
    start = end;
  }
}

/** Ids ascend within a group, and one follows at least. */
function endOfGroup(bodyIds: Float64Array, sizeBytes: Uint32Array, start: number): number {
  let bytes = sizeBytes[start]!;
  let end = start + 1;
  while (end < Math.min(bodyIds.length, start + maxRunLength)) {
    bytes += sizeBytes[end]!;
    if (bytes > limits.chunkBytes || bodyIds[end]! <= bodyIds[end - 1]!) break;
    end++;
  }
  return end;
}

type BodyRow = [id: number, sizeBytes: number, cuts: string | null, sha256: string];

function readGroup(database: Database, bodyIds: Float64Array): (Uint8Array | undefined)[] {
  const group = Array.from<Uint8Array | undefined>({ length: bodyIds.length });
  try {
    const runs = toRuns(bodyIds);
    const bodies = database.rows<BodyRow>(
      `SELECT b.id, b.size_bytes, b.cuts, lower(hex(b.sha256)) FROM json_each(?) run
       CROSS JOIN bodies b ON b.id BETWEEN ${firstOfRun} AND ${lastOfRun} AND b.state = ${bodyState.whole}`,
      runs,
    );
    const rows = new GroupRows(database, runs);
    const memory = new GroupMemory(bodies.reduce((sum, [, sizeBytes]) => sum + sizeBytes, 0));
    let next = 0;
    for (const [place, bodyId] of bodyIds.entries()) {
      const body = bodies[next];
      // It is gone, or never was.
      if (body?.[0] !== bodyId) continue;
      next++;
      group[place] = joinBody(body, rows.take(bodyId), memory);
    }
  } catch (error) {
    // Whoever reads it by itself is told which one is damaged.
    if (!(error instanceof StoreError)) throw error;
  }
  return group;
}

/** Undefined if it is not what was stored, or gone by now. */
function joinBody(
  [bodyId, sizeBytes, cuts, sha256]: BodyRow,
  rows: readonly ChunkRow[],
  memory: GroupMemory,
): Uint8Array | undefined {
  const places = sizeBytes === 0 ? [] : toLayout(sizeBytes, cuts).from(0, sizeBytes);
  const bytes =
    places.length === 0
      ? new Uint8Array()
      : joinChunks(bodyId, rows, places, (count) => memory.take(count));
  return bytes !== undefined && hash('sha256', bytes) === sha256 ? bytes : undefined;
}

/** The rows of the chunks of some bodies, in the order of their ids. */
class GroupRows {
  readonly #rows: readonly ChunkRow[];
  #index = 0;

  constructor(database: Database, runs: string) {
    const rowsOfBody = limits.maxChunkRows;
    this.#rows = database.rows<ChunkRow>(
      `SELECT c.id, c.bytes, c.inflated_bytes, NULL FROM json_each(?) run CROSS JOIN chunks c
       ON c.id BETWEEN ${firstOfRun} * ${rowsOfBody} AND ${lastOfRun} * ${rowsOfBody} + ${rowsOfBody - 1}`,
      runs,
    );
  }

  /** Those of a body, and passes over those before: of bodies that are not whole. */
  take(bodyId: number): readonly ChunkRow[] {
    this.#passOver(rowId(bodyId, 0));
    const first = this.#index;
    this.#passOver(rowId(bodyId + 1, 0));
    return this.#rows.slice(first, this.#index);
  }

  #passOver(id: number): void {
    const rows = this.#rows;
    while (this.#index < rows.length && rows[this.#index]![0]! < id) this.#index++;
  }
}

/** Memory for several bodies, in one piece: pieces of their own cost more than what is in them. */
class GroupMemory {
  readonly #bytes: Uint8Array;
  #used = 0;

  constructor(byteCount: number) {
    this.#bytes = newBytes(byteCount);
  }

  take(count: number): Uint8Array {
    const start = this.#used;
    this.#used += count;
    return this.#bytes.subarray(start, this.#used);
  }
}

import { limits } from '../../limits.ts';
import { bodyState } from './bodies.ts';
import { checkOf, type ChunkLayout, type ChunkPlace, rowId, toLayout } from './chunks.ts';
import { threadCodec } from './compression.ts';
import { damage } from '../damage.ts';
import type { Database, SqlValue } from '../database.ts';

/**
 * A whole body, to be read; undefined if there is none of that id. With it the rows are read that will be wanted: all of a
 * small body, or those of its first chunks, where the text of most messages is. What is read of a part of a body is compared with
 * the checks of its chunks; who reads all of it has its digest.
 *
 * @param end - how far it will be read from its beginning on; 0 if from elsewhere
 */
export function openBody(database: Database, bodyId: number, end: number): StoredBody | undefined {
  const rows = database.rows<FirstRow>(
    `SELECT c.id, c.bytes, c.inflated_bytes, CASE WHEN b.size_bytes > ?3 THEN c.crc32 END,
       b.size_bytes, b.cuts,
       CASE WHEN c.id IS NULL OR c.id = ?2 THEN b.sha256 END
     FROM bodies b LEFT JOIN chunks c ON c.id BETWEEN ?2 AND
       ?2 + CASE WHEN b.size_bytes > ${limits.chunkBytes} THEN ${2 * firstChunks.large - 1}
         WHEN b.size_bytes > ?3 THEN ${2 * firstChunks.small - 1} ELSE ${limits.maxChunkRows - 1} END
     WHERE b.id = ?1 AND b.state = ${bodyState.whole}`,
    bodyId,
    rowId(bodyId, 0),
    end,
  );
  const [first] = rows;
  if (first === undefined) return undefined;
  const [, , , , sizeBytes, cuts, sha256] = first;
  return new StoredBody(database, {
    id: bodyId,
    sha256: sha256 ?? new Uint8Array(),
    layout: toLayout(sizeBytes, cuts),
    rows,
    chunkCount: openedChunks(sizeBytes, end),
    isPart: sizeBytes > end,
  });
}

/** How many chunks are read with a large body, and with a small one of which part is wanted. */
const firstChunks = { small: 2, large: 1 };

function openedChunks(sizeBytes: number, end: number): number {
  if (sizeBytes > limits.chunkBytes) return firstChunks.large;
  return sizeBytes > end ? firstChunks.small : limits.maxChunkRows / 2;
}

/** A row of `chunks`. Of a body without chunks there is one without an id. */
export type ChunkRow = readonly [
  id: number | null,
  bytes: Uint8Array,
  inflatedBytes: number | null,
  /** Null if there is none, or if it is not wanted; see {@link checkOf}. */
  check: number | null,
  ...more: SqlValue[],
];

type FirstRow = [
  id: number | null,
  bytes: Uint8Array,
  inflatedBytes: number | null,
  check: number | null,
  sizeBytes: number,
  cuts: string | null,
  /** Null in the others. */
  sha256: Uint8Array | null,
];

/** A body that is being read. */
export class StoredBody {
  readonly id: number;
  /** Of all its bytes. */
  readonly sha256: Uint8Array;
  readonly #database: Database;
  readonly #layout: ChunkLayout;
  /** Of the first chunks. */
  readonly #firstRows: readonly ChunkRow[];
  /** How many these are. */
  readonly #firstCount: number;
  readonly #checkSql: string;

  constructor(
    database: Database,
    body: {
      readonly id: number;
      readonly sha256: Uint8Array;
      readonly layout: ChunkLayout;
      /** Of its first chunks. */
      readonly rows: readonly ChunkRow[];
      /** How many these are. */
      readonly chunkCount: number;
      /** False if all of it is read. */
      readonly isPart: boolean;
    },
  ) {
    this.#database = database;
    this.id = body.id;
    this.sha256 = body.sha256;
    this.#layout = body.layout;
    this.#firstRows = body.rows;
    this.#firstCount = body.chunkCount;
    this.#checkSql = body.isPart ? 'crc32' : 'NULL';
  }

  get sizeBytes(): number {
    return this.#layout.sizeBytes;
  }

  /**
   * Reads from a position on, as far as `stop` and at most 64 KiB.
   *
   * @returns undefined if the body is gone
   * @throws {StoreError} `CORRUPTION`
   */
  read(position: number, stop: number): Uint8Array | undefined {
    const places = this.#layout.from(position, stop);
    const { start } = places[0]!;
    const { end } = places.at(-1)!;
    const rows = this.#readRows(places[0]!.number, places.at(-1)!.number);
    const bytes = joinChunks(this.id, rows, places);
    if (position === start && stop >= end) return bytes;
    return bytes?.subarray(position - start, Math.min(stop, end) - start);
  }

  #readRows(firstNumber: number, lastNumber: number): readonly ChunkRow[] {
    const firstId = rowId(this.id, firstNumber);
    const lastId = rowId(this.id, lastNumber) + 1;
    if (lastNumber < this.#firstCount) {
      return this.#firstRows.filter(([id]) => id !== null && id >= firstId && id <= lastId);
    }
    return this.#database.rows<ChunkRow>(
      `SELECT id, bytes, inflated_bytes, ${this.#checkSql} FROM chunks WHERE id BETWEEN ? AND ?`,
      firstId,
      lastId,
    );
  }
}

/**
 * What some consecutive chunks of a body hold together; undefined if one is missing.
 *
 * @param rows - those of the chunks, in order
 * @param places - at least one
 * @param take - memory to fill, of so many bytes
 * @throws {StoreError} `CORRUPTION`
 */
export function joinChunks(
  bodyId: number,
  rows: readonly ChunkRow[],
  places: readonly ChunkPlace[],
  take: (count: number) => Uint8Array = newBytes,
): Uint8Array | undefined {
  const { start } = places[0]!;
  const bytes = places.at(-1)!.end - start;
  const [only] = rows;
  if (places.length === 1 && only?.[2] === null && only[1].length === bytes) {
    expectCheck(only[1], only[3]);
    return only[1];
  }
  const target = take(bytes);
  let index = 0;
  for (const place of places) {
    const row = rows[index++];
    if (row?.[0] !== rowId(bodyId, place.number)) return undefined;
    const second = rows[index]?.[0] === row[0] + 1 ? rows[index++] : undefined;
    const chunk = target.subarray(place.start - start, place.end - start);
    inflate(row[1], second?.[1], row[2], chunk);
    expectCheck(chunk, row[3]);
  }
  return target;
}

/** @throws {StoreError} `CORRUPTION` if a chunk is not what was stored */
function expectCheck(chunk: Uint8Array, check: number | null | undefined): void {
  if (check === null || check === undefined || checkOf(chunk) === check) return;
  throw damage('A chunk is not the bytes that were stored');
}

/** Fills the target with a chunk of one row or two. */
function inflate(
  first: Uint8Array,
  second: Uint8Array | undefined,
  inflatedBytes: number | null,
  target: Uint8Array,
): void {
  const bytes = first.length + (second?.length ?? 0);
  if ((inflatedBytes ?? bytes) !== target.length) {
    throw damage(`A chunk has another length than ${target.length} bytes`);
  }
  if (inflatedBytes !== null) {
    const compressed = second ? Buffer.concat([first, second]) : first;
    try {
      threadCodec().decompress(compressed, target);
    } catch {
      throw damage('A chunk cannot be decompressed');
    }
    return;
  }
  target.set(first);
  if (second) target.set(second, first.length);
}

/** Of the two rows of a chunk; null if there is none. */
export type ChunkRows = readonly [
  first: Uint8Array | null,
  inflatedBytes: number | null,
  second: Uint8Array | null,
  /** Absent if it is not wanted, see {@link checkOf}. */
  check?: number | null,
];

/** Joins both rows of a chunk of a body, if it has them, under two names. @param condition if they are wanted at all */
export function chunkJoin(
  [first, second]: readonly [string, string],
  {
    bodyId,
    number = 0,
    condition = 'TRUE',
  }: { bodyId: string; number?: number; condition?: string },
): string {
  const id = `${bodyId} * ${limits.maxChunkRows}`;
  return `LEFT JOIN chunks ${first} ON ${first}.id = ${id} + ${2 * number} AND ${condition}
    LEFT JOIN chunks ${second} ON ${second}.id = ${id} + ${2 * number + 1} AND ${condition}`;
}

/** A chunk of a body from the values of its rows. */
export function toChunk([first, inflatedBytes, second, check]: ChunkRows): Uint8Array | undefined {
  if (first === null) return undefined;
  let chunk = first;
  if (second !== null || inflatedBytes !== null) {
    chunk = newBytes(inflatedBytes ?? first.length + (second?.length ?? 0));
    inflate(first, second ?? undefined, inflatedBytes, chunk);
  }
  expectCheck(chunk, check);
  return chunk;
}

/** The header of a body; undefined if it does not lie in the first chunk whole. */
export function toHeader(headerBytes: number, row: ChunkRows): Uint8Array | undefined {
  const chunk = toChunk(row);
  return chunk && chunk.length >= headerBytes ? chunk.subarray(0, headerBytes) : undefined;
}

/** To be filled: it has what lay there before, and is not pooled, since the caller may pass it on to another thread. */
export function newBytes(count: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(count).buffer);
}

import { crc32 } from 'node:zlib';
import type { MimePart } from '../../../protocol/mime/mime-structure.ts';
import { limits } from '../../limits.ts';
import { StoreError } from '../../mail-store.ts';
import { threadCodec } from './compression.ts';
import type { Database } from '../database.ts';

/** Bytes of a body that are read and written as one, at most 64 KiB, as they are stored. */
export interface Chunk {
  readonly bytes: Uint8Array;
  /** What they are without compression; undefined if they are not compressed. */
  readonly inflatedBytes: number | undefined;
  /** See {@link checkOf}; absent if they are compressed, which has a check of its own. */
  readonly check?: number;
}

/** By what a chunk is known again that is read without the rest of its body: its CRC-32, as the column keeps it. */
export function checkOf(bytes: Uint8Array): number {
  return crc32(bytes) | 0;
}

/** Where a chunk lies in its body. */
export interface ChunkPlace {
  readonly number: number;
  readonly start: number;
  readonly end: number;
}

/**
 * How a body is divided: at some offsets (`bodies.cuts`), so that what is read apart lies apart, and between them every
 * 64 KiB.
 */
export class ChunkLayout {
  readonly sizeBytes: number;
  /** Of what is between the cuts. */
  readonly #ends: readonly number[];

  /** @param cuts ascending, above 0 and below the size */
  constructor(cuts: readonly number[], sizeBytes: number) {
    this.#ends = [...cuts, sizeBytes];
    this.sizeBytes = sizeBytes;
  }

  /** The chunk that has a byte of the body. */
  at(position: number): ChunkPlace {
    let firstNumber = 0;
    let start = 0;
    for (const end of this.#ends) {
      if (position < end) {
        const index = Math.floor((position - start) / limits.chunkBytes);
        const chunkStart = start + index * limits.chunkBytes;
        return {
          number: firstNumber + index,
          start: chunkStart,
          end: Math.min(chunkStart + limits.chunkBytes, end),
        };
      }
      firstNumber += Math.ceil((end - start) / limits.chunkBytes);
      start = end;
    }
    throw new RangeError(`Byte ${position} is past the end`);
  }

  /** The chunks from the one that has a byte on, as far as `stop` and at most 64 KiB together: at least one. */
  from(position: number, stop: number): ChunkPlace[] {
    const places = [this.at(position)];
    const { start } = places[0]!;
    let { end } = places[0]!;
    while (end < stop) {
      const place = this.at(end);
      if (place.end - start > limits.chunkBytes) break;
      places.push(place);
      end = place.end;
    }
    return places;
  }
}

/** The layout that a row of `bodies` names. */
export function toLayout(sizeBytes: number, cuts: string | null): ChunkLayout {
  return new ChunkLayout(cuts === null ? [] : (JSON.parse(cuts) as number[]), sizeBytes);
}

/** Part of a body that lies apart. */
interface Section {
  readonly start: number;
  readonly end: number;
  /** Its chunks are compressed if they have so many bytes. */
  readonly minCompressedBytes: number;
}

/** A body in the form in which it is stored. */
export interface StoredForm {
  readonly cuts: readonly number[];
  readonly chunks: readonly Chunk[];
}

/**
 * Divides a body that is in memory whole, and compresses what is seldom read or large: a long header, and the parts that are
 * no text. Text stays as it is if it is short, since every SEARCH reads it.
 *
 * @param bytes - changed: what is compressed takes the place of what it was
 */
export function toStoredForm(bytes: Uint8Array, structure: MimePart): StoredForm {
  const sections = sectionsOf(structure, bytes.length);
  const chunks: Chunk[] = [];
  for (const { start, end, minCompressedBytes } of sections) {
    for (let position = start; position < end; position += limits.chunkBytes) {
      const part = bytes.subarray(position, Math.min(position + limits.chunkBytes, end));
      chunks.push(compressInPlace(part, minCompressedBytes));
    }
  }
  return { cuts: sections.slice(1).map(({ start }) => start), chunks };
}

/** Compresses a chunk if it gets smaller by an eighth at least; the result then lies at its beginning. */
export function compressInPlace(
  bytes: Uint8Array,
  minCompressedBytes: number = limits.minApartBytes,
): Chunk {
  const plain = (): Chunk => ({ bytes, inflatedBytes: undefined, check: checkOf(bytes) });
  if (bytes.length < minCompressedBytes) return plain();
  const compressed = threadCodec().compress(bytes);
  if (compressed.length > (bytes.length * 7) / 8) return plain();
  const { length } = bytes;
  bytes.set(compressed);
  return { bytes: bytes.subarray(0, compressed.length), inflatedBytes: length };
}

/** Without gaps and in order; none is empty. */
function sectionsOf(structure: MimePart, sizeBytes: number): Section[] {
  const sections: Section[] = [];
  let position = 0;
  const add = (end: number, minCompressedBytes: number): void => {
    if (end > position) sections.push({ start: position, end, minCompressedBytes });
    position = Math.max(position, end);
  };
  if (structure.bodyStart >= limits.minApartBytes) add(structure.bodyStart, limits.minApartBytes);
  for (const { bodyStart, end } of partsApart(structure)) {
    if (sections.length >= limits.maxCuts - 1) break;
    add(bodyStart, limits.minCompressedTextBytes);
    add(end, limits.minApartBytes);
  }
  add(sizeBytes, limits.minCompressedTextBytes);
  return sections;
}

/** Parts that are no text and large enough to lie apart, in order. */
function* partsApart(part: MimePart): Generator<MimePart> {
  const { children, message, type, bodyStart, end } = part;
  for (const child of children ?? []) yield* partsApart(child);
  if (message) yield* partsApart(message);
  if (children || message || type === 'text' || type === 'message') return;
  if (end - bodyStart >= limits.minApartBytes) yield part;
}

/** In `chunks.id`: the first row of a chunk; the second one follows it. */
export function rowId(bodyId: number, number: number): number {
  return bodyId * limits.maxChunkRows + number * 2;
}

/** Writes chunks of a body from a number on. */
export function insertChunks(
  database: Database,
  bodyId: number,
  firstNumber: number,
  chunks: readonly Chunk[],
): void {
  if (firstNumber + chunks.length > limits.maxChunkRows / 2) {
    throw new StoreError('LIMIT', 'The message is too large');
  }
  const sql = 'INSERT INTO chunks (id, bytes, inflated_bytes, crc32) VALUES (?, ?, ?, ?)';
  for (const { id, bytes, inflatedBytes, check } of toChunkRows(
    database,
    bodyId,
    firstNumber,
    chunks,
  )) {
    database.run(sql, id, bytes, inflatedBytes, check);
  }
}

/** A row of `chunks`. */
export interface ChunkRowValues {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly inflatedBytes: number | null;
  /** Of the whole chunk; null in its second row, and if it is compressed. */
  readonly check: number | null;
}

/**
 * The rows of chunks of a body from a number on, to be written at once: each chunk is one, or two if its beginning fits in the
 * last page of the table.
 */
export function* toChunkRows(
  database: Database,
  bodyId: number,
  firstNumber: number,
  chunks: readonly Chunk[],
): Generator<ChunkRowValues> {
  const page = pageOf(database);
  for (const [index, { bytes, inflatedBytes = null, check = null }] of chunks.entries()) {
    const id = rowId(bodyId, firstNumber + index);
    const firstBytes = page.take(bytes.length);
    yield { id, bytes: bytes.subarray(0, firstBytes), inflatedBytes, check };
    if (firstBytes === bytes.length) continue;
    page.take(bytes.length - firstBytes);
    yield { id: id + 1, bytes: bytes.subarray(firstBytes), inflatedBytes, check: null };
  }
}

/** Bytes of a page that rows can take, and of a row that lie in it at most; what is more lies in pages of its own. */
const page = { rows: 4088, maxRow: 4061, minLongRow: 489, next: 4092 };

/** Bytes of a row beside those of its chunk, at most. */
const rowBytes = 27;

/**
 * What is free in the page at the end of the table, about. Rows of half a page and more would leave a fifth of the file
 * empty, since SQLite begins a page for what does not fit in the last one. It is not known at first, and may be wrong
 * after a transaction that is rolled back; then space is wasted, and nothing else.
 */
class LastPage {
  #freeBytes = 0;

  /** Bytes of a chunk that its next row should have: all, or as many as fit. */
  take(bytes: number): number {
    const needed = bytesInPage(bytes + rowBytes);
    if (needed <= this.#freeBytes) {
      this.#freeBytes -= needed;
      return bytes;
    }
    const fitting = this.#freeBytes - rowBytes;
    if (fitting >= limits.minRowBytes && fitting < bytes) {
      this.#freeBytes = 0;
      return fitting;
    }
    this.#freeBytes = page.rows - needed;
    return bytes;
  }
}

/** @see https://sqlite.org/fileformat.html, section 1.6 */
function bytesInPage(bytes: number): number {
  if (bytes <= page.maxRow) return bytes;
  const rest = page.minLongRow + ((bytes - page.minLongRow) % page.next);
  return rest <= page.maxRow ? rest : page.minLongRow;
}

const pages = new WeakMap<Database, LastPage>();

function pageOf(database: Database): LastPage {
  let last = pages.get(database);
  if (last === undefined) {
    last = new LastPage();
    pages.set(database, last);
  }
  return last;
}

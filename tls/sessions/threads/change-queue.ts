import { ByteReader } from '../../bytes.ts';
import type { PutOptions } from '../session-cache.ts';
import type { RecentSessionsMemory } from './recent-sessions.ts';

/** The positions of reader and writer: counts of bytes since the beginning, modulo 2^32. */
const readIndex = 0;
const writeIndex = 1;
const headBytes = 8;
/** Before each record, and before each field in it, comes its length. */
const lengthBytes = 4;

/**
 * A queue of byte records in memory that two threads share: one writes, the other reads. Neither waits for the
 * other, and neither notices what the other does unless it looks. (`shared-cache.ts` tells who wakes whom.)
 */
export class ByteQueue {
  readonly buffer: SharedArrayBuffer;
  readonly #positions: Uint32Array;
  readonly #bytes: Uint8Array;
  readonly #length: Uint8Array = new Uint8Array(lengthBytes);

  /** @param buffer - from {@link allocate}; the same one in both threads */
  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#positions = new Uint32Array(buffer, 0, 2);
    this.#bytes = new Uint8Array(buffer, headBytes);
  }

  /**
   * @param capacityBytes - a power of two, so that positions in the buffer stay right when the counts wrap around
   * @throws RangeError if it is none
   */
  static allocate(capacityBytes: number): SharedArrayBuffer {
    if (!Number.isInteger(Math.log2(capacityBytes))) {
      throw new RangeError(
        `Cannot make a queue of "${capacityBytes}" bytes: expected a power of 2`,
      );
    }
    return new SharedArrayBuffer(headBytes + capacityBytes);
  }

  /** How many bytes of the queue a record takes. */
  static bytesOf(record: Uint8Array): number {
    return lengthBytes + record.length;
  }

  /** Bytes that wait to be read. */
  get waitingBytes(): number {
    const written = Atomics.load(this.#positions, writeIndex);
    return (written - Atomics.load(this.#positions, readIndex)) >>> 0;
  }

  get capacityBytes(): number {
    return this.#bytes.length;
  }

  /** Only for the thread that writes. Returns false if the record does not fit; nothing is written then. */
  write(record: Uint8Array): boolean {
    if (this.waitingBytes + ByteQueue.bytesOf(record) > this.capacityBytes) return false;
    const start = Atomics.load(this.#positions, writeIndex);
    new DataView(this.#length.buffer).setUint32(0, record.length);
    this.#copyIn(this.#length, start);
    this.#copyIn(record, start + lengthBytes);
    // Last: the reader never sees a part of a record, even if this thread dies in between.
    Atomics.store(this.#positions, writeIndex, start + lengthBytes + record.length);
    return true;
  }

  /**
   * Only for the thread that reads. The next record, in a copy that the caller owns, or undefined if there is none.
   * Its bytes in the queue are overwritten with zeros.
   */
  read(): Uint8Array | undefined {
    if (this.waitingBytes === 0) return undefined;
    const start = Atomics.load(this.#positions, readIndex);
    this.#moveOut(this.#length, start);
    const record = new Uint8Array(new DataView(this.#length.buffer).getUint32(0));
    this.#moveOut(record, start + lengthBytes);
    Atomics.store(this.#positions, readIndex, start + lengthBytes + record.length);
    return record;
  }

  #copyIn(bytes: Uint8Array, position: number): void {
    const start = position % this.capacityBytes;
    const fitting = Math.min(bytes.length, this.capacityBytes - start);
    this.#bytes.set(bytes.subarray(0, fitting), start);
    this.#bytes.set(bytes.subarray(fitting), 0);
  }

  #moveOut(bytes: Uint8Array, position: number): void {
    const start = position % this.capacityBytes;
    const fitting = Math.min(bytes.length, this.capacityBytes - start);
    bytes.set(this.#bytes.subarray(start, start + fitting));
    bytes.set(this.#bytes.subarray(0, bytes.length - fitting), fitting);
    this.#bytes.fill(0, start, start + fitting);
    this.#bytes.fill(0, 0, bytes.length - fitting);
  }
}

/** A change that a thread made, and of which it tells the owner without waiting for an answer. */
export type SessionChange =
  | {
      readonly kind: 'put';
      readonly id: Uint8Array;
      /** Secret. */
      readonly session: Uint8Array;
      readonly options: PutOptions;
    }
  | { readonly kind: 'promote'; readonly ids: readonly Uint8Array[]; readonly account: string }
  | { readonly kind: 'delete'; readonly id: Uint8Array; readonly reason: 'superseded' | 'cleared' };

/** A change and its number among the changes of all threads, modulo 2^32. */
export interface NumberedChange {
  readonly number: number;
  readonly change: SessionChange;
}

const kinds = ['put', 'promote', 'delete'] as const;
const reasons = ['superseded', 'cleared'] as const;

/** The bytes of a change. They contain the session, so the caller overwrites them after use. */
export function encodeChange({ number, change }: NumberedChange): Uint8Array {
  const kind = Uint8Array.of(kinds.indexOf(change.kind));
  return joinVectors([wordOf(number), kind, ...fieldsOf(change)]);
}

/** Reads what {@link encodeChange} returned. Ids and session are views on the bytes. */
export function decodeChange(bytes: Uint8Array): NumberedChange {
  const reader = new ByteReader(bytes);
  const next = (): Uint8Array => reader.vector(lengthBytes);
  const number = new ByteReader(next()).number(4);
  const kind = kinds[next()[0]!];
  if (kind === 'put') return { number, change: readPut(next) };
  if (kind === 'delete') {
    return { number, change: { kind, id: next(), reason: reasons[next()[0]!] ?? 'cleared' } };
  }
  const account = textOf(next());
  const ids: Uint8Array[] = [];
  while (reader.hasMore) ids.push(next());
  return { number, change: { kind: 'promote', ids, account } };
}

function fieldsOf(change: SessionChange): Uint8Array[] {
  if (change.kind === 'delete') {
    return [change.id, Uint8Array.of(reasons.indexOf(change.reason))];
  }
  if (change.kind === 'promote') return [bytesOf(change.account), ...change.ids];
  const { expiresAt, address, certificate, account } = change.options;
  const optional = [address, certificate, account].flatMap((text) =>
    text === undefined ? [Uint8Array.of(0), nothing] : [Uint8Array.of(1), bytesOf(text)],
  );
  return [
    change.id,
    change.session,
    new Uint8Array(Float64Array.of(expiresAt).buffer),
    ...optional,
  ];
}

function readPut(next: () => Uint8Array): SessionChange {
  const [id, session] = [next(), next()];
  const expiresAt = new Float64Array(next().slice().buffer)[0]!;
  const [address, certificate, account] = [0, 1, 2].map(() => {
    const isThere = next()[0] === 1;
    const bytes = next();
    return isThere ? textOf(bytes) : undefined;
  });
  const options = {
    expiresAt,
    ...(address !== undefined && { address }),
    ...(certificate !== undefined && { certificate }),
    ...(account !== undefined && { account }),
  };
  return { kind: 'put', id, session, options };
}

const nothing = new Uint8Array(0);

function wordOf(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text);
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

function joinVectors(fields: readonly Uint8Array[]): Uint8Array {
  const size = fields.reduce((sum, field) => sum + lengthBytes + field.length, 0);
  const bytes = new Uint8Array(size);
  let position = 0;
  for (const field of fields) {
    bytes.set(wordOf(field.length), position);
    bytes.set(field, position + lengthBytes);
    position += lengthBytes + field.length;
  }
  return bytes;
}

/** The memory that a thread shares with the owner; the first message that the owner sends. */
export interface SharedSessionMemory {
  /** Shared by all threads. */
  readonly recent: RecentSessionsMemory;
  /** Shared by all threads: {@link SharedCacheState}. */
  readonly state: Int32Array;
  /** Shared by this thread and the owner only. */
  readonly queue: SharedArrayBuffer;
  /** {@link tableCounts} of this thread. Shared with the owner only. */
  readonly tableCounts: Float64Array;
}

/** Where a thread counts, by index: lookups that found a recent session; sessions too large for the table. */
export const tableCounts = { hit: 0, tooLarge: 1 } as const;

/** Makes room for the {@link tableCounts} of a thread. */
export function makeTableCounts(): Float64Array {
  return new Float64Array(new SharedArrayBuffer(16));
}

const changeCountIndex = 0;
const closedIndex = 1;
const purgeCountIndex = 2;

/** The number of changes, and whether the cache is closed or being purged, as all threads see them. */
export class SharedCacheState {
  readonly memory: Int32Array;

  /** @param memory - the `memory` of another thread's state; absent: memory of its own */
  constructor(memory: Int32Array = new Int32Array(new SharedArrayBuffer(12))) {
    this.memory = memory;
  }

  /** How many numbers have been taken, modulo 2^32. */
  get changeCount(): number {
    return Atomics.load(this.memory, changeCountIndex) >>> 0;
  }

  /** Takes the number of a new change. */
  takeNumber(): number {
    return Atomics.add(this.memory, changeCountIndex, 1) >>> 0;
  }

  /** Whether the cache is closed: no thread finds or stores anything from then on. */
  get isClosed(): boolean {
    return Atomics.load(this.memory, closedIndex) !== 0;
  }

  /** Only for the owner. */
  close(): void {
    Atomics.store(this.memory, closedIndex, 1);
  }

  /** Whether purged sessions may still be in the table of recent sessions, so that the owner must be asked. */
  get isPurging(): boolean {
    return Atomics.load(this.memory, purgeCountIndex) !== 0;
  }

  /** Only for the owner; several purges may be under way. */
  beginPurge(): void {
    Atomics.add(this.memory, purgeCountIndex, 1);
  }

  /** Only for the owner. */
  endPurge(): void {
    Atomics.sub(this.memory, purgeCountIndex, 1);
  }
}

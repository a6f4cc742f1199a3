import { ByteReader } from '../../bytes.ts';
import type { PutOptions } from '../session-cache.ts';
import type { RecentSessionsMemory } from './recent-sessions.ts';

/** Where reading and writing stand: counts of bytes since the beginning, modulo 2^32. */
const readIndex = 0;
const writeIndex = 1;
const headBytes = 8;
/** Before each record its length. */
const lengthBytes = 4;

/**
 * A queue of records of bytes in memory that two threads share: one writes, the other reads, neither waits, and
 * neither is told by the other.
 */
export class ByteQueue {
  readonly buffer: SharedArrayBuffer;
  readonly #positions: Uint32Array;
  readonly #bytes: Uint8Array;
  readonly #length: Uint8Array = new Uint8Array(lengthBytes);

  /** @param buffer - from {@link allocate}, or of the other thread's queue */
  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#positions = new Uint32Array(buffer, 0, 2);
    this.#bytes = new Uint8Array(buffer, headBytes);
  }

  /** @param capacityBytes - a power of two, so that positions go round with their counts */
  static allocate(capacityBytes: number): SharedArrayBuffer {
    if (!Number.isInteger(Math.log2(capacityBytes))) {
      throw new RangeError(`Cannot make a queue of "${capacityBytes}" bytes, but of a power of 2`);
    }
    return new SharedArrayBuffer(headBytes + capacityBytes);
  }

  /** Bytes that a record takes. */
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

  /** Only for the thread that writes. False where there is no room, and nothing is written. */
  write(record: Uint8Array): boolean {
    if (this.waitingBytes + ByteQueue.bytesOf(record) > this.capacityBytes) return false;
    const start = Atomics.load(this.#positions, writeIndex);
    new DataView(this.#length.buffer).setUint32(0, record.length);
    this.#copyIn(this.#length, start);
    this.#copyIn(record, start + lengthBytes);
    Atomics.store(this.#positions, writeIndex, start + lengthBytes + record.length);
    return true;
  }

  /** Only for the thread that reads. A copy that the caller owns; what was read is overwritten with zeros. */
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

/** What a thread tells the keeper of a cache, without waiting for an answer. */
export type SessionLetter =
  | {
      readonly kind: 'put';
      readonly id: Uint8Array;
      /** Secret. */
      readonly session: Uint8Array;
      readonly options: PutOptions;
    }
  | { readonly kind: 'promote'; readonly ids: readonly Uint8Array[]; readonly account: string }
  | { readonly kind: 'delete'; readonly id: Uint8Array; readonly reason: 'superseded' | 'cleared' };

/** A letter and its place among those of all threads, modulo 2^32. */
export interface NumberedLetter {
  readonly number: number;
  readonly letter: SessionLetter;
}

const kinds = ['put', 'promote', 'delete'] as const;
const reasons = ['superseded', 'cleared'] as const;

/** The bytes of a letter; the caller overwrites them after use. */
export function encodeLetter({ number, letter }: NumberedLetter): Uint8Array {
  const kind = Uint8Array.of(kinds.indexOf(letter.kind));
  return joinVectors([wordOf(number), kind, ...fieldsOf(letter)]);
}

/** Views on the bytes of a letter. */
export function decodeLetter(bytes: Uint8Array): NumberedLetter {
  const reader = new ByteReader(bytes);
  const next = (): Uint8Array => reader.vector(lengthBytes);
  const number = new ByteReader(next()).number(4);
  const kind = kinds[next()[0]!];
  if (kind === 'put') return { number, letter: readPut(next) };
  if (kind === 'delete') {
    return { number, letter: { kind, id: next(), reason: reasons[next()[0]!] ?? 'cleared' } };
  }
  const account = textOf(next());
  const ids: Uint8Array[] = [];
  while (reader.hasMore) ids.push(next());
  return { number, letter: { kind: 'promote', ids, account } };
}

function fieldsOf(letter: SessionLetter): Uint8Array[] {
  if (letter.kind === 'delete') {
    return [letter.id, Uint8Array.of(reasons.indexOf(letter.reason))];
  }
  if (letter.kind === 'promote') return [bytesOf(letter.account), ...letter.ids];
  const { expiresAt, address, certificate, account } = letter.options;
  const optional = [address, certificate, account].flatMap((text) =>
    text === undefined ? [Uint8Array.of(0), nothing] : [Uint8Array.of(1), bytesOf(text)],
  );
  return [
    letter.id,
    letter.session,
    new Uint8Array(Float64Array.of(expiresAt).buffer),
    ...optional,
  ];
}

function readPut(next: () => Uint8Array): SessionLetter {
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

/** What the keeper of a shared cache sends to a thread that uses it; all of it is memory of both. */
export interface SharedSessionMemory {
  /** Of all threads. */
  readonly recent: RecentSessionsMemory;
  /** Of all threads. */
  readonly state: Int32Array;
  /** Of this thread and the keeper alone, as what follows. */
  readonly queue: SharedArrayBuffer;
  /** How many lookups found a recent session; one number. */
  readonly hitCount: Float64Array;
}

const letterCountIndex = 0;
const closedIndex = 1;

/** What all threads that share a cache know of it. */
export class SharedState {
  readonly memory: Int32Array;

  /** @param memory - of the other threads; absent: new */
  constructor(memory: Int32Array = new Int32Array(new SharedArrayBuffer(8))) {
    this.memory = memory;
  }

  /** How many letters have been begun, modulo 2^32. */
  get letterCount(): number {
    return Atomics.load(this.memory, letterCountIndex) >>> 0;
  }

  /** The number of a new letter. */
  numberLetter(): number {
    return Atomics.add(this.memory, letterCountIndex, 1) >>> 0;
  }

  /** Whether the cache is closed: nobody finds or stores anything any more. */
  get isClosed(): boolean {
    return Atomics.load(this.memory, closedIndex) !== 0;
  }

  close(): void {
    Atomics.store(this.memory, closedIndex, 1);
  }
}

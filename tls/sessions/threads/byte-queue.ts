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

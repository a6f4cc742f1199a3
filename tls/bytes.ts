import { randomInt } from 'node:crypto';

const nothing = new Uint8Array(0);

/**
 * Reads big-endian fields from bytes. It never throws: past the end it returns 0 or an empty view, and
 * {@link isBroken} is true from then on.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #position: number;
  #isBroken = false;

  /** Reads what lies from `start` to `end`; default: all. */
  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#position = start;
    this.#end = end;
  }

  /** Whether a field was read that did not fit into the bytes. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Whether there is more to read. */
  get hasMore(): boolean {
    return !this.#isBroken && this.#position < this.#end;
  }

  /** Reads an unsigned number of so many bytes, at most 4. */
  number(byteCount: number): number {
    const start = this.#advance(byteCount);
    let value = 0;
    for (let at = start; at < this.#position; at++) value = value * 256 + this.#bytes[at]!;
    return value;
  }

  /** Returns a view on the next bytes. */
  bytes(byteCount: number): Uint8Array {
    const start = this.#advance(byteCount);
    return start === this.#position ? nothing : this.#bytes.subarray(start, this.#position);
  }

  /** Reads a vector (its length in so many bytes, then its content); returns a view on the content. */
  vector(lengthBytes: number): Uint8Array {
    return this.bytes(this.number(lengthBytes));
  }

  /** Reads a vector; returns a reader of its content, which costs less than a view. */
  vectorReader(lengthBytes: number): ByteReader {
    const start = this.#advance(this.number(lengthBytes));
    return new ByteReader(this.#bytes, start, this.#position);
  }

  /** Moves on past so many bytes. */
  skip(byteCount: number): void {
    this.#advance(byteCount);
  }

  /** Moves on past a vector. */
  skipVector(lengthBytes: number): void {
    this.#advance(this.number(lengthBytes));
  }

  /** Returns a view on all that is left, but on `maxBytes` at most. */
  rest(maxBytes = Infinity): Uint8Array {
    return this.bytes(Math.min(this.#end - this.#position, maxBytes));
  }

  /** Moves on by so many bytes, if there are that many; returns the position before. */
  #advance(byteCount: number): number {
    const start = this.#position;
    if (start + byteCount > this.#end) this.#isBroken = true;
    if (!this.#isBroken) this.#position = start + byteCount;
    return start;
  }
}

/** Makes a seed for {@link hashBytes}, so that nobody outside can choose bytes whose hashes collide. */
export function makeHashSeed(): number {
  return randomInt(0x1_0000_0000);
}

/** A 32-bit hash of bytes: FNV-1a from a random start, then murmur3's finish, since callers use the high bits. */
export function hashBytes(bytes: Uint8Array, seed: number): number {
  let hash = seed ^ 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) {
    hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

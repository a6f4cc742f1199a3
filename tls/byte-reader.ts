const nothing = new Uint8Array(0);

/**
 * Reads big-endian fields off bytes. It never throws: past the end everything reads as 0 or empty, and
 * {@link isBroken} tells.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #position = 0;
  #isBroken = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Whether something was read that is not there. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Whether there is more to read. */
  get hasMore(): boolean {
    return !this.#isBroken && this.#position < this.#bytes.length;
  }

  /** An unsigned number of so many bytes, at most 4. */
  number(byteCount: number): number {
    const start = this.#advance(byteCount);
    let value = 0;
    for (let at = start; at < this.#position; at++) value = value * 256 + this.#bytes[at]!;
    return value;
  }

  /** A view on the next bytes. */
  bytes(byteCount: number): Uint8Array {
    const start = this.#advance(byteCount);
    return start === this.#position ? nothing : this.#bytes.subarray(start, this.#position);
  }

  /** A vector: its length in so many bytes, then its content. */
  vector(lengthBytes: number): Uint8Array {
    return this.bytes(this.number(lengthBytes));
  }

  /** Goes on by so many bytes, or nowhere where they are not there; where it was before. */
  #advance(byteCount: number): number {
    const start = this.#position;
    if (start + byteCount > this.#bytes.length) this.#isBroken = true;
    if (!this.#isBroken) this.#position = start + byteCount;
    return start;
  }
}

/** Bytes that are allocated first: most clients say less than this in an hour. */
const firstBytes = 1024;

/** The end of a text, to which DEFLATE refers. It takes as much memory as the text is long, up to its bound. */
export class PlainWindow {
  #bytes = new Uint8Array(0);
  /** Where the next byte goes, once the window is full. */
  #position = 0;
  #length = 0;
  readonly #maxBytes: number;

  /** @param maxBytes - that are kept: a power of two, 1024 or more */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that are kept. */
  get length(): number {
    return this.#length;
  }

  /** Bytes of memory that it takes. */
  get heldBytes(): number {
    return this.#bytes.length;
  }

  /** Adds bytes, of which a copy is kept. */
  append(bytes: Uint8Array): void {
    const kept = bytes.subarray(Math.max(0, bytes.length - this.#maxBytes));
    this.#grow(this.#length + kept.length);
    const headBytes = Math.min(kept.length, this.#bytes.length - this.#position);
    this.#bytes.set(kept.subarray(0, headBytes), this.#position);
    this.#bytes.set(kept.subarray(headBytes), 0);
    this.#position = (this.#position + kept.length) % this.#maxBytes;
    this.#length = Math.min(this.#length + kept.length, this.#maxBytes);
  }

  /** Writes what is kept to the beginning of a buffer. */
  copyTo(target: Uint8Array): void {
    if (this.#length < this.#maxBytes) {
      target.set(this.#bytes.subarray(0, this.#length));
      return;
    }
    target.set(this.#bytes.subarray(this.#position));
    target.set(this.#bytes.subarray(0, this.#position), this.#maxBytes - this.#position);
  }

  #grow(neededBytes: number): void {
    if (neededBytes <= this.#bytes.length || this.#bytes.length === this.#maxBytes) return;
    let size = Math.max(this.#bytes.length, firstBytes);
    while (size < neededBytes && size < this.#maxBytes) size *= 2;
    // What is too small is given back at once, not when garbage is collected: an idle server may not do that for long.
    this.#bytes = new Uint8Array(this.#bytes.buffer.transfer(size));
  }
}

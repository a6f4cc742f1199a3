const smallestBytes = 4 * 1024;

/** Collects the bytes of one header after the other, each up to a bound, in one buffer that grows. */
export class HeaderBuffer {
  #bytes = Buffer.allocUnsafe(smallestBytes);
  #length = 0;
  #limit = 0;
  #isCut = false;

  /** Begins a header of which at most `limit` bytes are kept. */
  clear(limit: number): void {
    this.#length = 0;
    this.#limit = Math.max(0, limit);
    this.#isCut = false;
  }

  /** Copies bytes `[start, end)` of the chunk; past the limit they are dropped. */
  append(chunk: Uint8Array, start: number, end: number): void {
    const room = this.#limit - this.#length;
    const count = Math.min(end - start, room);
    this.#isCut ||= end - start > room;
    if (count <= 0) return;
    this.#reserve(this.#length + count);
    this.#bytes.set(chunk.subarray(start, start + count), this.#length);
    this.#length += count;
  }

  /**
   * The header: a view that is valid until the next call. One that was over the limit ends with its last
   * whole line.
   */
  take(): Uint8Array {
    const kept = this.#bytes.subarray(0, this.#length);
    return this.#isCut ? kept.subarray(0, kept.lastIndexOf(10) + 1) : kept;
  }

  #reserve(byteCount: number): void {
    if (byteCount <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(byteCount, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

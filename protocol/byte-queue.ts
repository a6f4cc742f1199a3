/** Places of consumed chunks are kept up to this many, or up to half of all: moving the rest costs time. */
const compactionCount = 256;

/**
 * Chunks of octets in the order in which they came. Nothing is copied; a chunk is let go when its last octet is
 * consumed. Every operation costs the same on average, however many chunks wait.
 */
export class ByteQueue {
  #chunks: (Buffer | undefined)[] = [];
  /** The first chunk that has octets left, and where they begin in it. */
  #index = 0;
  #offset = 0;
  #length = 0;

  /** Octets that wait. */
  get length(): number {
    return this.#length;
  }

  /** Adds a chunk, which belongs to the queue from here on. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    const isBuffer = Buffer.isBuffer(chunk);
    this.#chunks.push(
      isBuffer ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength),
    );
    this.#length += chunk.length;
  }

  /** The octets left of the first chunk, as a view; undefined where none wait. */
  peek(): Buffer | undefined {
    const chunk = this.#chunks[this.#index];
    return this.#offset === 0 ? chunk : chunk?.subarray(this.#offset);
  }

  /** Consumes octets of the first chunk: 0 to as many as it has left. */
  consume(count: number): void {
    this.#offset += count;
    this.#length -= count;
    if (this.#offset < (this.#chunks[this.#index]?.length ?? 0)) return;
    this.#offset = 0;
    if (this.#length === 0) {
      this.#chunks = [];
      this.#index = 0;
      return;
    }
    this.#chunks[this.#index++] = undefined;
    if (this.#index >= compactionCount && this.#index * 2 >= this.#chunks.length) {
      this.#chunks.splice(0, this.#index);
      this.#index = 0;
    }
  }

  /** Up to `maxCount` octets of the first chunk as a view, consumed; undefined where none wait. */
  take(maxCount: number): Buffer | undefined {
    const octets = this.peek()?.subarray(0, maxCount);
    if (octets) this.consume(octets.length);
    return octets;
  }

  /** Drops all; the octets dropped. */
  clear(): number {
    const dropped = this.#length;
    this.#chunks = [];
    this.#index = 0;
    this.#offset = 0;
    this.#length = 0;
    return dropped;
  }
}

/** A chunk and the one behind it. */
interface Link {
  readonly chunk: Buffer;
  next?: Link;
}

/**
 * Chunks of octets in the order in which they came. Nothing is copied; a chunk is let go when its last octet is
 * consumed. Every operation costs the same, however many chunks wait.
 */
export class ByteQueue {
  #first: Link | undefined;
  #last: Link | undefined;
  /** Where the octets left of the first chunk begin. */
  #offset = 0;
  #length = 0;

  /** Octets that wait. */
  get length(): number {
    return this.#length;
  }

  /** Adds a chunk, which belongs to the queue from here on. */
  push(octets: Uint8Array): void {
    if (octets.length === 0) return;
    const isBuffer = Buffer.isBuffer(octets);
    const link: Link = {
      chunk: isBuffer ? octets : Buffer.from(octets.buffer, octets.byteOffset, octets.length),
    };
    if (this.#last) this.#last.next = link;
    else this.#first = link;
    this.#last = link;
    this.#length += octets.length;
  }

  /** The octets left of the first chunk, as a view; undefined where none wait. */
  peek(): Buffer | undefined {
    const chunk = this.#first?.chunk;
    return this.#offset === 0 ? chunk : chunk?.subarray(this.#offset);
  }

  /** Consumes octets of the first chunk: 0 to as many as it has left. */
  consume(count: number): void {
    this.#offset += count;
    this.#length -= count;
    if (this.#offset < (this.#first?.chunk.length ?? 0)) return;
    this.#offset = 0;
    this.#first = this.#first?.next;
    if (!this.#first) this.#last = undefined;
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
    this.#first = undefined;
    this.#last = undefined;
    this.#offset = 0;
    this.#length = 0;
    return dropped;
  }
}

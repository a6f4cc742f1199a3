import { chunkOverheadBytes } from './limits.ts';

/** A chunk and the one behind it. */
interface Link {
  readonly chunk: Buffer;
  next?: Link;
}

/**
 * Chunks of bytes in the order in which they came. Nothing is copied; a chunk is let go when its last byte is
 * consumed. Every operation costs the same, however many chunks wait.
 */
export class ByteQueue {
  #first: Link | undefined;
  #last: Link | undefined;
  /** Where the bytes left of the first chunk begin. */
  #offset = 0;
  #length = 0;
  #heldBytes = 0;

  /** Bytes that wait. */
  get length(): number {
    return this.#length;
  }

  /** Bytes of memory that they take: of whole chunks, and of what each chunk costs beside its bytes. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Adds a chunk, which belongs to the queue from here on. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const isBuffer = Buffer.isBuffer(bytes);
    const link: Link = {
      chunk: isBuffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
    };
    if (this.#last) this.#last.next = link;
    else this.#first = link;
    this.#last = link;
    this.#length += bytes.length;
    this.#heldBytes += bytes.length + chunkOverheadBytes;
  }

  /** The bytes left of the first chunk, as a view; undefined if none wait. */
  peek(): Buffer | undefined {
    const chunk = this.#first?.chunk;
    return this.#offset === 0 ? chunk : chunk?.subarray(this.#offset);
  }

  /** Consumes bytes of the first chunk: 0 to as many as it has left. */
  consume(count: number): void {
    this.#offset += count;
    this.#length -= count;
    if (!this.#first || this.#offset < this.#first.chunk.length) return;
    this.#offset = 0;
    this.#heldBytes -= this.#first.chunk.length + chunkOverheadBytes;
    this.#first = this.#first.next;
    if (!this.#first) this.#last = undefined;
  }

  /** Up to `maxCount` bytes of the first chunk as a view, consumed; undefined if none wait. */
  take(maxCount: number): Buffer | undefined {
    const bytes = this.peek()?.subarray(0, maxCount);
    if (bytes) this.consume(bytes.length);
    return bytes;
  }

  /** Drops all; the bytes dropped. */
  clear(): number {
    const dropped = this.#length;
    this.#first = undefined;
    this.#last = undefined;
    this.#offset = 0;
    this.#length = 0;
    this.#heldBytes = 0;
    return dropped;
  }
}

/** Most commands that come in pieces fit without growing. */
const initialBytes = 256;

/**
 * Bytes that grow at the end. Room doubles as bytes come, so that appending one by one costs linear time, and
 * what is announced but never sent costs nothing.
 */
export class ByteBuffer {
  #bytes: Buffer | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Bytes of memory that they take, since room is made for more. */
  get roomBytes(): number {
    return this.#bytes?.length ?? 0;
  }

  append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    const room = this.#roomFor(length);
    room.set(bytes, this.#length);
    this.#bytes = room;
    this.#length = length;
  }

  #roomFor(length: number): Buffer {
    if (this.#bytes && length <= this.#bytes.length) return this.#bytes;
    // Not from Node's pool, of which a small piece would keep the whole alive
    const grown = Buffer.allocUnsafeSlow(Math.max(initialBytes, length, 2 * this.#length));
    grown.set(this.view());
    return grown;
  }

  /** What was appended, as a view that is good until the next append. */
  view(): Buffer {
    return this.#bytes?.subarray(0, this.#length) ?? Buffer.alloc(0);
  }

  /** Forgets all and lets the room go. A view that was given keeps its bytes. */
  clear(): void {
    this.#bytes = undefined;
    this.#length = 0;
  }
}

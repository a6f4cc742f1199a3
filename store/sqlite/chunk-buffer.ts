import { limits } from '../limits.ts';

/** Cuts what is written to it into chunks of {@link limits.chunkBytes}, each in a buffer of its own. */
export class ChunkBuffer {
  #whole: Uint8Array<ArrayBuffer>[] = [];
  #last = new Uint8Array(0);
  #lastBytes = 0;

  /** Octets held. */
  get bytes(): number {
    return this.#whole.length * limits.chunkBytes + this.#lastBytes;
  }

  /** Copies the octets. */
  write(octets: Uint8Array): void {
    let position = 0;
    while (position < octets.length) {
      const count = Math.min(octets.length - position, limits.chunkBytes - this.#lastBytes);
      this.#reserve(this.#lastBytes + count);
      this.#last.set(octets.subarray(position, position + count), this.#lastBytes);
      this.#lastBytes += count;
      position += count;
      if (this.#lastBytes === limits.chunkBytes) this.#endChunk();
    }
  }

  /** The whole chunks; they are the caller's. */
  takeWhole(): Uint8Array<ArrayBuffer>[] {
    const chunks = this.#whole;
    this.#whole = [];
    return chunks;
  }

  /** Everything, the last chunk as long as it is; the chunks are the caller's. */
  takeAll(): Uint8Array<ArrayBuffer>[] {
    const chunks = this.takeWhole();
    if (this.#lastBytes > 0) chunks.push(this.#last.slice(0, this.#lastBytes));
    this.#last = new Uint8Array(0);
    this.#lastBytes = 0;
    return chunks;
  }

  #endChunk(): void {
    this.#whole.push(this.#last);
    this.#last = new Uint8Array(0);
    this.#lastBytes = 0;
  }

  /** Small messages are many: a chunk grows to its size by doubling. */
  #reserve(bytes: number): void {
    if (bytes <= this.#last.length) return;
    const grown = new Uint8Array(
      Math.min(limits.chunkBytes, Math.max(bytes, 2 * this.#last.length)),
    );
    grown.set(this.#last.subarray(0, this.#lastBytes));
    this.#last = grown;
  }
}

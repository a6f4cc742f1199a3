import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { deflateLevel, minPackedBytes, packedPartBytes, windowBytes } from './limits.ts';

/** Bytes that are allocated first: most clients say less than this in an hour. */
const firstBytes = 1024;

/** Bytes of the buffer into which zlib writes: there is room for all, and it is none of Node's pool. */
const chunkSize = Buffer.poolSize + windowBytes;

/**
 * The end of a text, to which DEFLATE refers. It takes as much memory as the text is long, up to its bound, and less while
 * it is packed.
 */
export class PlainWindow {
  #bytes = new Uint8Array(0);
  /** What is kept, deflated in parts, while `#bytes` is empty; undefined if it is not packed. */
  #packed: readonly Uint8Array[] | undefined;
  /** True if nothing is won by packing what is kept. */
  #isDense = false;
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
    const packed = this.#packed ?? [];
    return packed.reduce(
      (sum, { buffer }) => sum + buffer.byteLength,
      this.#bytes.buffer.byteLength,
    );
  }

  /** True unless {@link pack} has something to do. */
  get isPacked(): boolean {
    return this.#packed !== undefined || this.#isDense || this.#length < minPackedBytes;
  }

  /** Adds bytes, of which a copy is kept. */
  append(bytes: Uint8Array): void {
    this.#unpack();
    const kept = bytes.subarray(Math.max(0, bytes.length - this.#maxBytes));
    this.#grow(this.#length + kept.length);
    const headBytes = Math.min(kept.length, this.#bytes.length - this.#position);
    this.#bytes.set(kept.subarray(0, headBytes), this.#position);
    this.#bytes.set(kept.subarray(headBytes), 0);
    this.#position = (this.#position + kept.length) % this.#maxBytes;
    this.#length = Math.min(this.#length + kept.length, this.#maxBytes);
    this.#isDense = false;
  }

  /** Writes what is kept to the beginning of a buffer. */
  copyTo(target: Uint8Array): void {
    this.#unpack();
    if (this.#length < this.#maxBytes) {
      target.set(this.#bytes.subarray(0, this.#length));
      return;
    }
    target.set(this.#bytes.subarray(this.#position));
    target.set(this.#bytes.subarray(0, this.#position), this.#maxBytes - this.#position);
  }

  /**
   * Deflates what is kept, until it is used next: commands take a tenth of their bytes then, messages in base64 three
   * quarters. Takes half a millisecond for 32 KiB, and the next use a tenth of one.
   */
  pack(): void {
    if (this.isPacked) return;
    const plain = new Uint8Array(this.#length);
    this.copyTo(plain);
    const packed: Uint8Array[] = [];
    for (let at = 0; at < plain.length; at += packedPartBytes) {
      const part = plain.subarray(at, at + packedPartBytes);
      packed.push(alone(deflateRawSync(part, { level: deflateLevel, chunkSize })));
    }
    giveBack(plain);
    const packedBytes = packed.reduce((sum, { length }) => sum + length, 0);
    this.#isDense = packedBytes > this.#length - firstBytes;
    if (this.#isDense) {
      for (const part of packed) giveBack(part);
      return;
    }
    giveBack(this.#bytes);
    this.#bytes = new Uint8Array(0);
    this.#packed = packed;
  }

  #unpack(): void {
    if (this.#packed === undefined) return;
    this.#bytes = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#packed) {
      const plain = inflateRawSync(part, { chunkSize });
      this.#bytes.set(plain, at);
      at += plain.length;
      giveBack(plain);
      giveBack(part);
    }
    this.#packed = undefined;
    this.#position = this.#length % this.#maxBytes;
  }

  #grow(neededBytes: number): void {
    if (neededBytes <= this.#bytes.length || this.#bytes.length === this.#maxBytes) return;
    let size = Math.max(this.#bytes.length, firstBytes);
    while (size < neededBytes) size *= 2;
    this.#bytes = resized(this.#bytes, Math.min(size, this.#maxBytes));
  }
}

/** What zlib has written to the beginning of a buffer of its own, without the rest of that. */
function alone(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return resized(bytes, bytes.length);
}

// What is no longer needed is given back at once, not when garbage is collected: an idle server may not do that for long.
function resized(bytes: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes.buffer.transfer(size));
}

function giveBack(bytes: Uint8Array): void {
  (bytes.buffer as ArrayBuffer).transfer(0);
}

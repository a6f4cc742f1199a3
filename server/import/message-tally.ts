import { createHash } from 'node:crypto';
import type { SourceMessage } from './import-source.ts';

/** A message of this size or less stays in memory between the pass that finds it and its import. */
const maxKeptBytes = 64 * 1024;

/** Measures the octets of a message while they pass by, and keeps those of a small one. */
export class MessageTally {
  readonly #hash = createHash('sha256');
  #sizeBytes = 0;
  #kept: Uint8Array[] = [];

  /** Takes the next octets, which the tally owns from here on. */
  add(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#sizeBytes += bytes.length;
    if (this.#sizeBytes > maxKeptBytes) this.#kept = [];
    else if (bytes.length > 0) this.#kept.push(bytes);
  }

  /** What is known at the end; `readAgain` reads the octets of a message that was not kept. */
  finish(
    readAgain: () => AsyncIterable<Uint8Array>,
  ): Pick<SourceMessage, 'sha256' | 'sizeBytes' | 'read'> {
    const kept = this.#kept;
    return {
      sha256: this.#hash.digest('hex'),
      sizeBytes: this.#sizeBytes,
      read: this.#sizeBytes > maxKeptBytes ? readAgain : () => readKept(kept),
    };
  }
}

async function* readKept(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, undefined> {
  yield* chunks;
}

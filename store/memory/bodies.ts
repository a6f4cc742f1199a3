import type { MimePart } from '../../protocol/mime/mime-structure.ts';
import { limits } from '../limits.ts';
import { StoreError } from '../mail-store.ts';
import type { MessageFacts } from '../message-reader.ts';
import { unpackStructure } from '../packed-structure.ts';
import type { SortKeys } from '../sort-keys.ts';

const noBytes = new Uint8Array();

/** What was read of a message, but for its structure. */
export type BodyFacts = Omit<MessageFacts, 'structure'>;

/** A message that is whole. */
export interface BodyContent {
  readonly facts: BodyFacts;
  /** As `packStructure` writes it. */
  readonly structure: string;
  /** The fields that mail clients ask for; undefined if they are too many to be kept apart. */
  readonly usualFields: Uint8Array | undefined;
  /** Frozen. */
  readonly sortKeys: SortKeys;
  /** Of `limits.chunkBytes` each, but the last. */
  readonly chunks: readonly Uint8Array[];
}

/** The bytes of a message and what was read from them: one object for all messages with the same bytes. */
export class Body {
  /** Never used again. */
  readonly id: number;
  readonly #content: BodyContent;

  constructor(id: number, content: BodyContent) {
    this.id = id;
    this.#content = content;
  }

  get facts(): BodyFacts {
    return this.#content.facts;
  }

  /** A new object at each call. */
  get structure(): MimePart {
    return unpackStructure(this.#content.structure);
  }

  /** As in the content; the store's own bytes. */
  get usualFields(): Uint8Array | undefined {
    return this.#content.usualFields;
  }

  get sortKeys(): SortKeys {
    return this.#content.sortKeys;
  }

  /** The first chunk, which is the store's; empty for an empty message. */
  get beginning(): Uint8Array {
    return this.#content.chunks[0] ?? noBytes;
  }

  /** The header with its blank line, which is the store's; undefined if it has more than one chunk. */
  get header(): Uint8Array | undefined {
    const { headerBytes } = this.facts;
    return headerBytes > limits.chunkBytes ? undefined : this.beginning.subarray(0, headerBytes);
  }

  /** Bytes `[start, end)` in copies of at most `limits.chunkBytes`. */
  *read(start: number, end: number): Generator<Uint8Array> {
    const stop = Math.min(end, this.facts.sizeBytes);
    let position = Math.max(0, start);
    while (position < stop) {
      const number = Math.floor(position / limits.chunkBytes);
      const chunkStart = number * limits.chunkBytes;
      yield this.#content.chunks[number]!.slice(position - chunkStart, stop - chunkStart);
      position = chunkStart + limits.chunkBytes;
    }
  }
}

/** A body of the pool, and who needs it. */
interface PooledBody {
  readonly body: Body;
  /** By its digest. */
  readonly key: string;
  messageCount: number;
  /** When the last message that had it went; undefined as long as there is one. */
  releasedAtMs: number | undefined;
}

/** All bodies of a store. Each is kept once, and for a while after its last message. */
export class BodyPool {
  readonly #byId = new Map<number, PooledBody>();
  readonly #byKey = new Map<string, PooledBody>();
  /** Those without messages, that released first before the others. */
  readonly #released = new Set<PooledBody>();
  #lastId = 0;

  /** All that messages have. */
  *inUse(): Generator<{ readonly body: Body; readonly messageCount: number }> {
    for (const pooled of this.#byId.values()) if (pooled.messageCount > 0) yield pooled;
  }

  /** The body with these bytes: the one that is there already, or a new one. It is kept once it has messages. */
  add(content: BodyContent, nowMs: number): Body {
    const key = digestKey(content.facts.sha256);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known.body;
    const body = new Body(++this.#lastId, content);
    const pooled = { body, key, messageCount: 0, releasedAtMs: nowMs };
    this.#byId.set(body.id, pooled);
    this.#byKey.set(key, pooled);
    this.#released.add(pooled);
    return body;
  }

  /** One more message has it. */
  retain(body: Body): void {
    const pooled = this.#pooled(body.id);
    pooled.messageCount += 1;
    pooled.releasedAtMs = undefined;
    this.#released.delete(pooled);
  }

  /** A message that had it is gone. */
  release(body: Body, nowMs: number): void {
    const pooled = this.#pooled(body.id);
    pooled.messageCount -= 1;
    if (pooled.messageCount > 0) return;
    pooled.releasedAtMs = nowMs;
    this.#released.add(pooled);
  }

  /** `NONEXISTENT`. */
  find(id: number): Body {
    return this.#pooled(id).body;
  }

  /** A copy of all bytes; undefined if they are more than `limits.chunkBytes`, or gone. */
  readSmall(id: number): Uint8Array | undefined {
    const body = this.#byId.get(id)?.body;
    if (body === undefined || body.facts.sizeBytes > limits.chunkBytes) return undefined;
    return [...body.read(0, Infinity)][0] ?? new Uint8Array();
  }

  /** Drops those that have had no message for `limits.bodyRetentionMs`. */
  collect(nowMs: number): void {
    for (const pooled of this.#released) {
      if (pooled.releasedAtMs! > nowMs - limits.bodyRetentionMs) return;
      this.#released.delete(pooled);
      this.#byId.delete(pooled.body.id);
      this.#byKey.delete(pooled.key);
    }
  }

  #pooled(id: number): PooledBody {
    const pooled = this.#byId.get(id);
    if (pooled === undefined) throw new StoreError('NONEXISTENT', 'The message is gone');
    return pooled;
  }
}

/** A digest as the key of a Map. */
export function digestKey(sha256: Uint8Array): string {
  return Buffer.from(sha256).toString('latin1');
}

/** Collects the bytes of a message in chunks, none of which is larger than what is in it in the end. */
export class ChunkList {
  readonly #chunks: Uint8Array[] = [];
  #last = new Uint8Array(0);
  #lastBytes = 0;

  /** Copies the bytes. */
  push(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#lastBytes === limits.chunkBytes) this.#endChunk();
      const count = Math.min(rest.length, limits.chunkBytes - this.#lastBytes);
      this.#reserve(this.#lastBytes + count);
      this.#last.set(rest.subarray(0, count), this.#lastBytes);
      this.#lastBytes += count;
      rest = rest.subarray(count);
    }
  }

  /** All of them; the list is empty after it. */
  take(): readonly Uint8Array[] {
    if (this.#lastBytes > 0) this.#endChunk();
    return this.#chunks.splice(0);
  }

  #endChunk(): void {
    // A copy if it is not full: small messages are many.
    const isFull = this.#lastBytes === this.#last.length;
    this.#chunks.push(isFull ? this.#last : this.#last.slice(0, this.#lastBytes));
    this.#last = new Uint8Array(0);
    this.#lastBytes = 0;
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#last.length) return;
    const capacity = Math.min(limits.chunkBytes, Math.max(bytes, 2 * this.#last.length));
    const grown = new Uint8Array(capacity);
    grown.set(this.#last.subarray(0, this.#lastBytes));
    this.#last = grown;
  }
}

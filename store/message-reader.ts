import { createHash } from 'node:crypto';
import { writeBodyStructure } from '../protocol/mime/body-structure.ts';
import { type MimePart, walkerVersion } from '../protocol/mime/mime-structure.ts';
import { MimeWalker } from '../protocol/mime/mime-walker.ts';
import { limits } from './limits.ts';
import { StoreError } from './mail-store.ts';
import { sentDayOf } from './sent-day.ts';
import { readSortKeys, type SortKeys } from './sort-keys.ts';
import { selectUsualFields } from './usual-fields.ts';

/** What the MIME walker finds in a message. A newer walker may find something else in the same bytes. */
export interface WalkedFacts {
  /** The walker's `walkerVersion`. */
  readonly walker: number;
  /** Bytes before the body: header and blank line. */
  readonly headerBytes: number;
  /** Day of the Date header, in days since 1970; undefined if it has none that can be read. */
  readonly sentDay: number | undefined;
  /** Wire text of ENVELOPE, one character a byte. */
  readonly envelope: string;
  /** Wire text of BODYSTRUCTURE. */
  readonly bodyStructure: string;
  readonly structure: MimePart;
}

/** What a store keeps of a message beside its bytes. */
export interface MessageFacts extends WalkedFacts {
  readonly sha256: Uint8Array;
  readonly sizeBytes: number;
}

/** @param structure - what the walker has come to */
export function toFacts(structure: MimePart): WalkedFacts {
  const envelope = structure.envelope ?? '';
  return {
    walker: walkerVersion,
    headerBytes: structure.bodyStart,
    sentDay: sentDayOf(envelope),
    envelope,
    bodyStructure: writeBodyStructure(structure),
    structure,
  };
}

/**
 * The usual fields of a message, in memory of their own; undefined if it has no header, or one that is not kept apart.
 *
 * @param firstChunk its first `limits.chunkBytes`, or all of it; undefined for an empty message
 */
export function selectUsualFieldsOf(
  firstChunk: Uint8Array | undefined,
  { headerBytes }: Pick<MessageFacts, 'headerBytes'>,
): Uint8Array | undefined {
  if (firstChunk === undefined || headerBytes === 0) return undefined;
  if (headerBytes > Math.min(firstChunk.length, limits.chunkBytes)) return undefined;
  return selectUsualFields(firstChunk.subarray(0, headerBytes));
}

/**
 * The sort keys of a message, from its usual fields or else from as much of its header as the first chunk has.
 *
 * @param firstChunk see {@link selectUsualFieldsOf}
 */
export function readSortKeysOf(
  firstChunk: Uint8Array | undefined,
  facts: Pick<MessageFacts, 'headerBytes' | 'sentDay'>,
  usualFields: Uint8Array | undefined,
): SortKeys {
  const headerEnd = Math.min(facts.headerBytes, limits.chunkBytes);
  const header = usualFields ?? firstChunk?.subarray(0, headerEnd) ?? new Uint8Array();
  return readSortKeys(header, facts.sentDay);
}

/** Reads the structure and the digest of a message as its bytes come. */
export class MessageReader {
  readonly #walker = new MimeWalker();
  readonly #digest = createHash('sha256');
  #sizeBytes = 0;

  /** `LIMIT` if the message is too large, or its structure; then what it has come to cannot be used. */
  push(chunk: Uint8Array): void {
    this.#sizeBytes += chunk.length;
    this.#checkSize();
    this.#walker.push(chunk);
    this.#checkStructure();
    this.#digest.update(chunk);
  }

  /** Bytes of memory that it takes, about, for what it knows of the message so far. */
  get heldBytes(): number {
    return this.#walker.heldBytes;
  }

  /** After the last bytes, once. `LIMIT`. */
  finish(): MessageFacts {
    this.#checkSize();
    const structure = this.#walker.finish();
    this.#checkStructure();
    const sha256 = this.#digest.digest();
    return { ...toFacts(structure), sha256, sizeBytes: this.#sizeBytes };
  }

  #checkSize(): void {
    if (this.#sizeBytes > limits.maxMessageBytes) {
      throw new StoreError('LIMIT', `A message has at most ${limits.maxMessageBytes} bytes`);
    }
  }

  /** A structure that lacks something is not stored. */
  #checkStructure(): void {
    const { excess } = this.#walker;
    if (excess !== undefined) throw new StoreError('LIMIT', excess);
  }
}

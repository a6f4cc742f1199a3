import type { PurgeOwner, PutOptions } from './session-cache.ts';
import type { SharedSessionMemory } from './shared-session-memory.ts';

/** The first message: where the far end writes the cache's figures. */
export type AttachMessage = Float64Array;

/**
 * What one end asks, with a number that its answer carries; several travel together. Ids travel as Latin-1
 * strings, the quickest thing to send; sessions as buffers of their own that are handed over, so that no copy
 * of a secret stays behind.
 */
export type CallMessage =
  | readonly [call: number, kind: 'get' | 'take', id: string]
  | readonly [call: number, kind: 'put', id: string, session: Uint8Array, options: PutOptions]
  | readonly [call: number, kind: 'promote', ids: readonly string[], account: string]
  | readonly [call: number, kind: 'delete', id: string, reason: 'superseded' | 'cleared']
  | readonly [call: number, kind: 'purge', owner: PurgeOwner];

/**
 * A session, or a count, or nothing; `error` is the text of what the cache rejected with. Several travel
 * together.
 */
export type AnswerMessage = readonly [
  call: number,
  value: Uint8Array | number | undefined,
  error?: string | undefined,
];

/** What the end with the cache sends: first the memory of a cache that threads share, and then answers. */
export type ServingMessage = SharedSessionMemory | readonly AnswerMessage[];

/** An id as text, byte by byte. */
export function idText(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('latin1');
}

/** The bytes of {@link idText}. */
export function idBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

/**
 * A copy in a buffer of its own. Sending a view copies all of the buffer below it, other sessions included;
 * handing that buffer over would take it from them.
 */
export function ownCopy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy;
}

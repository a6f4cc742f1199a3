import type { MessagePort } from 'node:worker_threads';
import { ByteReader } from '../../bytes.ts';
import { remoteLimits } from '../../limits.ts';
import { DetachedTimer } from '../../time.ts';
import type { PurgeOwner, PutOptions } from '../session-cache.ts';
import type { SharedSessionMemory } from './thread-end.ts';

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

/** What a thread tells the keeper of a cache, without waiting for an answer. */
export type SessionLetter =
  | {
      readonly kind: 'put';
      readonly id: Uint8Array;
      /** Secret. */
      readonly session: Uint8Array;
      readonly options: PutOptions;
    }
  | { readonly kind: 'promote'; readonly ids: readonly Uint8Array[]; readonly account: string }
  | { readonly kind: 'delete'; readonly id: Uint8Array; readonly reason: 'superseded' | 'cleared' };

/** A letter and its place among those of all threads, modulo 2^32. */
export interface NumberedLetter {
  readonly number: number;
  readonly letter: SessionLetter;
}

const kinds = ['put', 'promote', 'delete'] as const;
const reasons = ['superseded', 'cleared'] as const;
const lengthBytes = 4;

/** The bytes of a letter; the caller overwrites them after use. */
export function encodeLetter({ number, letter }: NumberedLetter): Uint8Array {
  const kind = Uint8Array.of(kinds.indexOf(letter.kind));
  return joinVectors([wordOf(number), kind, ...fieldsOf(letter)]);
}

/** Views on the bytes of a letter. */
export function decodeLetter(bytes: Uint8Array): NumberedLetter {
  const reader = new ByteReader(bytes);
  const next = (): Uint8Array => reader.vector(lengthBytes);
  const number = new ByteReader(next()).number(4);
  const kind = kinds[next()[0]!];
  if (kind === 'put') return { number, letter: readPut(next) };
  if (kind === 'delete') {
    return { number, letter: { kind, id: next(), reason: reasons[next()[0]!] ?? 'cleared' } };
  }
  const account = textOf(next());
  const ids: Uint8Array[] = [];
  while (reader.hasMore) ids.push(next());
  return { number, letter: { kind: 'promote', ids, account } };
}

function fieldsOf(letter: SessionLetter): Uint8Array[] {
  if (letter.kind === 'delete') {
    return [letter.id, Uint8Array.of(reasons.indexOf(letter.reason))];
  }
  if (letter.kind === 'promote') return [bytesOf(letter.account), ...letter.ids];
  const { expiresAt, address, certificate, account } = letter.options;
  const optional = [address, certificate, account].flatMap((text) =>
    text === undefined ? [Uint8Array.of(0), nothing] : [Uint8Array.of(1), bytesOf(text)],
  );
  return [
    letter.id,
    letter.session,
    new Uint8Array(Float64Array.of(expiresAt).buffer),
    ...optional,
  ];
}

function readPut(next: () => Uint8Array): SessionLetter {
  const [id, session] = [next(), next()];
  const expiresAt = new Float64Array(next().slice().buffer)[0]!;
  const [address, certificate, account] = [0, 1, 2].map(() => {
    const isThere = next()[0] === 1;
    const bytes = next();
    return isThere ? textOf(bytes) : undefined;
  });
  const options = {
    expiresAt,
    ...(address !== undefined && { address }),
    ...(certificate !== undefined && { certificate }),
    ...(account !== undefined && { account }),
  };
  return { kind: 'put', id, session, options };
}

const nothing = new Uint8Array(0);

function wordOf(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text);
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

function joinVectors(fields: readonly Uint8Array[]): Uint8Array {
  const size = fields.reduce((sum, field) => sum + lengthBytes + field.length, 0);
  const bytes = new Uint8Array(size);
  let position = 0;
  for (const field of fields) {
    bytes.set(wordOf(field.length), position);
    bytes.set(field, position + lengthBytes);
    position += lengthBytes + field.length;
  }
  return bytes;
}

/**
 * Sends letters to the thread at the other end of a port, several in one message: each message wakes that
 * thread, which costs more than all that it says. A letter that nobody waits for goes with the next one that
 * somebody does, or after a moment.
 */
export class LetterBox<Letter> {
  readonly #port: MessagePort;
  readonly #onSend: () => void;
  readonly #timer = new DetachedTimer(() => this.send());
  #letters: Letter[] = [];
  #enclosed: ArrayBuffer[] = [];

  /** @param onSend - called before each message */
  constructor(port: MessagePort, onSend: () => void = () => {}) {
    this.#port = port;
    this.#onSend = onSend;
  }

  /**
   * Sends a letter, at once where it is urgent.
   *
   * @param enclosed - what is handed over with it, and is gone here
   */
  post(letter: Letter, isUrgent: boolean, enclosed?: ArrayBuffer): void {
    this.#letters.push(letter);
    if (enclosed !== undefined) this.#enclosed.push(enclosed);
    if (isUrgent || this.#letters.length >= remoteLimits.lettersTogether) this.send();
    else if (!this.#timer.isArmed) this.#timer.arm(remoteLimits.letterDelayMs);
  }

  /** Sends what waits. */
  send(): void {
    this.#timer.clear();
    if (this.#letters.length === 0) return;
    this.#onSend();
    this.#port.postMessage(this.#letters, this.#enclosed);
    this.#letters = [];
    this.#enclosed = [];
  }

  /** Forgets what waits. */
  close(): void {
    this.#timer.clear();
    this.#letters = [];
    this.#enclosed = [];
  }
}

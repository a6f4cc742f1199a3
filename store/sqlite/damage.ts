import { createHash, hash } from 'node:crypto';
import { StoreError } from '../mail-store.ts';
import type { Database } from './database.ts';

/** What a client is told if something is missing that the rest of the store says is there. @param detail for the log */
export function damage(detail: string): StoreError {
  return new StoreError('CORRUPTION', 'The mail store is damaged, see the log of the server', {
    cause: new Error(detail),
  });
}

/** By connection: bodies that were found damaged, so that the next reader hears it before the first byte. */
const damagedBodies = new WeakMap<Database, Set<number>>();

/** Bodies that are remembered as damaged, for each connection; beyond that all are forgotten. */
const maxDamagedBodies = 10_000;

/** Throws again what was found of the body before. */
export function expectSoundBody(database: Database, bodyId: number): void {
  if (damagedBodies.get(database)?.has(bodyId)) throw bodyDamage(database, bodyId);
}

/** Remembers a body as damaged; returns the error to throw. */
export function bodyDamage(database: Database, bodyId: number): StoreError {
  const known = damagedBodies.get(database) ?? new Set();
  if (known.size >= maxDamagedBodies) known.clear();
  damagedBodies.set(database, known.add(bodyId));
  return damage(`Body ${bodyId} is not the bytes that were stored`);
}

/** Compares the bytes of a body that is read whole with its digest. */
export class BodyCheck {
  readonly #sizeBytes: number;
  readonly #sha256: Uint8Array;
  #seenBytes = 0;
  #digest: ReturnType<typeof createHash> | undefined;

  constructor(sizeBytes: number, sha256: Uint8Array) {
    this.#sizeBytes = sizeBytes;
    this.#sha256 = sha256;
  }

  /** Takes the next bytes; false if they are the last, and the body is not what was stored. */
  isSound(bytes: Uint8Array): boolean {
    this.#seenBytes += bytes.length;
    const isEnd = this.#seenBytes >= this.#sizeBytes;
    // Most bodies are one piece, for which this takes two thirds of the time.
    if (isEnd && this.#digest === undefined) return this.#isDigest(hash('sha256', bytes));
    this.#digest ??= createHash('sha256');
    this.#digest.update(bytes);
    return !isEnd || this.#isDigest(this.#digest.digest('hex'));
  }

  #isDigest(digest: string): boolean {
    return digest === Buffer.from(this.#sha256).toString('hex');
  }
}

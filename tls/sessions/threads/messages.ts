import type { MessagePort } from 'node:worker_threads';
import { remoteLimits } from '../../limits.ts';
import { DetachedTimer } from '../../time.ts';
import type { PurgeOwner, PutOptions, SessionCacheStats } from '../session-cache.ts';
import type { SharedSessionMemory } from './change-queue.ts';

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

const figureCount = 19;
// NaN says that what begins here is absent.
const oldestAtIndex = 14;
const failuresIndex = 15;

/** Room for the figures of a cache that two threads see. */
export function makeSharedStats(): Float64Array {
  const figures = new Float64Array(
    new SharedArrayBuffer(figureCount * Float64Array.BYTES_PER_ELEMENT),
  );
  figures[oldestAtIndex] = Number.NaN;
  figures[failuresIndex] = Number.NaN;
  return figures;
}

/** Writes the figures of a cache. */
export function writeSharedStats(figures: Float64Array, stats: SessionCacheStats): void {
  const { removed, refused, lookups, failures } = stats;
  figures[0] = stats.entryCount;
  figures[1] = stats.usedBytes;
  figures[2] = stats.heldBytes;
  figures[3] = removed.expired;
  figures[4] = removed.evicted;
  figures[5] = removed.superseded;
  figures[6] = removed.taken;
  figures[7] = removed.cleared;
  figures[8] = removed.purged;
  figures[9] = refused.tooLarge;
  figures[10] = refused.overShare;
  figures[11] = lookups.hit;
  figures[12] = lookups.unknown;
  figures[13] = lookups.expired;
  figures[oldestAtIndex] = stats.oldestAt ?? Number.NaN;
  figures[failuresIndex] = failures?.error ?? Number.NaN;
  figures[16] = failures?.timeout ?? 0;
  figures[17] = failures?.overloaded ?? 0;
  figures[18] = failures?.unsealed ?? 0;
}

/** The figures that {@link writeSharedStats} wrote last; zeros where it has not yet. */
export function readSharedStats(figures: Float64Array): SessionCacheStats {
  const at = (index: number): number => figures[index] ?? 0;
  return {
    entryCount: at(0),
    usedBytes: at(1),
    heldBytes: at(2),
    removed: {
      expired: at(3),
      evicted: at(4),
      superseded: at(5),
      taken: at(6),
      cleared: at(7),
      purged: at(8),
    },
    refused: { tooLarge: at(9), overShare: at(10) },
    lookups: { hit: at(11), unknown: at(12), expired: at(13) },
    ...(Number.isNaN(at(oldestAtIndex)) ? {} : { oldestAt: at(oldestAtIndex) }),
    ...(Number.isNaN(at(failuresIndex))
      ? {}
      : {
          failures: {
            error: at(failuresIndex),
            timeout: at(16),
            overloaded: at(17),
            unsealed: at(18),
          },
        }),
  };
}

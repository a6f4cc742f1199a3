import type { MessagePort } from 'node:worker_threads';
import { remoteLimits } from '../../limits.ts';
import { DetachedTimer } from '../../time.ts';
import type { PurgeOwner, PutOptions, SessionCacheStats } from '../session-cache.ts';
import type { SharedSessionMemory } from './change-queue.ts';

/** The first message of a {@link RemoteSessionCache}: shared memory into which the other end writes statistics. */
export type AttachMessage = Float64Array;

/**
 * A call of the cache at the other end, with a number that its answer repeats; a message is an array of calls. Ids
 * are Latin-1 strings, which are the quickest to send. Sessions are transferred in buffers of their own, so that no
 * copy of a secret stays behind.
 */
export type CallMessage =
  | readonly [call: number, kind: 'get' | 'take', id: string]
  | readonly [call: number, kind: 'put', id: string, session: Uint8Array, options: PutOptions]
  | readonly [call: number, kind: 'promote', ids: readonly string[], account: string]
  | readonly [call: number, kind: 'delete', id: string, reason: 'superseded' | 'cleared']
  | readonly [call: number, kind: 'purge', owner: PurgeOwner];

/**
 * What a call returned: a session, a count, or undefined; `error` is the message of the error if the call was
 * rejected. A message is an array of answers.
 */
export type AnswerMessage = readonly [
  call: number,
  value: Uint8Array | number | undefined,
  error?: string | undefined,
];

/** What the end that has the cache sends: first the shared memory, if threads share the cache; then answers. */
export type ServingMessage = SharedSessionMemory | readonly AnswerMessage[];

/** An id as text, a character for each byte. */
export function idText(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('latin1');
}

/** The id of an {@link idText}. */
export function idFromText(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

/**
 * A copy in a buffer of its own. If a view is sent, all of its buffer is copied, other sessions included; if that
 * buffer were transferred, they would lose it.
 */
export function ownCopy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy;
}

/**
 * Sends items to the thread at the other end of a port, several in one message: a message wakes that thread, which
 * costs more than what is in it. An item that nobody waits for is sent with the next urgent one, or a moment later.
 */
export class MessageBatch<Item> {
  readonly #port: MessagePort;
  readonly #onSend: () => void;
  readonly #timer = new DetachedTimer(() => this.send());
  #items: Item[] = [];
  #transfers: ArrayBuffer[] = [];

  /** @param onSend - called before each message */
  constructor(port: MessagePort, onSend: () => void = () => {}) {
    this.#port = port;
    this.#onSend = onSend;
  }

  /**
   * Sends an item.
   *
   * @param isUrgent - whether to send it, and all that waits, at once
   * @param transfer - a buffer in it that is transferred: it is detached here
   */
  post(item: Item, isUrgent: boolean, transfer?: ArrayBuffer): void {
    this.#items.push(item);
    if (transfer !== undefined) this.#transfers.push(transfer);
    if (isUrgent || this.#items.length >= remoteLimits.batchItems) this.send();
    else if (!this.#timer.isArmed) this.#timer.arm(remoteLimits.batchDelayMs);
  }

  /** Sends what waits, in one message. */
  send(): void {
    this.#timer.clear();
    if (this.#items.length === 0) return;
    this.#onSend();
    this.#port.postMessage(this.#items, this.#transfers);
    this.#items = [];
    this.#transfers = [];
  }

  /** Drops what waits. */
  close(): void {
    this.#timer.clear();
    this.#items = [];
    this.#transfers = [];
  }
}

const statCount = 19;
// NaN: the number, or the group that begins here, is absent.
const oldestAtIndex = 14;
const failuresIndex = 15;

/** Makes memory for the statistics of a cache, which two threads can share. */
export function makeSharedStats(): Float64Array {
  const numbers = new Float64Array(
    new SharedArrayBuffer(statCount * Float64Array.BYTES_PER_ELEMENT),
  );
  numbers[oldestAtIndex] = Number.NaN;
  numbers[failuresIndex] = Number.NaN;
  return numbers;
}

/** Writes the statistics of a cache into shared memory. */
export function writeSharedStats(numbers: Float64Array, stats: SessionCacheStats): void {
  const { removed, refused, lookups, failures } = stats;
  numbers[0] = stats.entryCount;
  numbers[1] = stats.usedBytes;
  numbers[2] = stats.heldBytes;
  numbers[3] = removed.expired;
  numbers[4] = removed.evicted;
  numbers[5] = removed.superseded;
  numbers[6] = removed.taken;
  numbers[7] = removed.cleared;
  numbers[8] = removed.purged;
  numbers[9] = refused.tooLarge;
  numbers[10] = refused.overShare;
  numbers[11] = lookups.hit;
  numbers[12] = lookups.unknown;
  numbers[13] = lookups.expired;
  numbers[oldestAtIndex] = stats.oldestAt ?? Number.NaN;
  numbers[failuresIndex] = failures?.error ?? Number.NaN;
  numbers[16] = failures?.timeout ?? 0;
  numbers[17] = failures?.overloaded ?? 0;
  numbers[18] = failures?.unsealed ?? 0;
}

/** The statistics that {@link writeSharedStats} wrote last; zeros if it has not been called. */
export function readSharedStats(numbers: Float64Array): SessionCacheStats {
  const at = (index: number): number => numbers[index] ?? 0;
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

import { setImmediate as nextTurn } from 'node:timers/promises';
import { cacheLimits, segmentLimits, tlsLimits } from '../../limits.ts';
import { type Clock, DetachedTimer, steadyClock } from '../../time.ts';
import {
  type Answer,
  type PurgeOwner,
  type PutOptions,
  type SessionCache,
  type SessionCacheStats,
  SessionLife,
} from '../session-cache.ts';
import { planSegments, resizableMemory, type SegmentMemory } from './segment.ts';
import { SegmentStore } from './segment-store.ts';

/** How much a {@link SegmentSessionCache} holds, and how long. */
export interface SegmentSessionCacheOptions {
  /** Bytes that the cache may hold, index included; the oldest sessions are evicted for room. */
  readonly maxBytes: number;
  /** Bytes of a segment, and so of the largest session; default: a 64th of `maxBytes`, at most 256 KiB. */
  readonly segmentBytes?: number;
  /** The longest life of a session, in milliseconds; a later `expiresAt` is replaced by its end. */
  readonly lifetimeMs: number;
  /** Default: a clock that nobody can set. */
  readonly clock?: Clock;
  /** Allocates and gives back memory; default: {@link resizableMemory}. */
  readonly memory?: SegmentMemory;
  /** Called after each step of expiry or of a purge, with its duration; it must not throw. */
  readonly onReclaim?: (durationMs: number) => void;
}

/**
 * Keeps sessions in memory, in segments that hold many of them, without an object, timer or buffer for each.
 *
 * All sessions live equally long, so the order of arrival is the order of expiry. A timer walks through the oldest
 * segment, overwrites each session when it expires, and gives the segment back to the system after its last one,
 * whether there is traffic or not. A session that lives shorter than those before it is not found once it has
 * expired, but its bytes are given back only after theirs.
 *
 * Sessions begin in a probation ring, which has an eighth of the bytes; one address may hold an eighth of the ring.
 * {@link promote} moves them out of it. So a flood of handshakes without login evicts only sessions without login.
 */
export class SegmentSessionCache implements SessionCache {
  readonly #life: SessionLife;
  readonly #clock: Clock;
  readonly #store: SegmentStore;
  readonly #onReclaim: ((durationMs: number) => void) | undefined;
  readonly #timer = new DetachedTimer(() => this.#expireInSteps());
  readonly #lookups = { hit: 0, unknown: 0, expired: 0 };
  readonly #refused = { tooLarge: 0, overShare: 0 };
  #isClosed = false;

  /** @throws RangeError if a bound is out of range */
  constructor(options: SegmentSessionCacheOptions) {
    if (!(options.lifetimeMs > 0) || options.lifetimeMs > tlsLimits.lifetimeMs) {
      throw new RangeError(
        `Cannot keep sessions for "${options.lifetimeMs}" ms: allowed are 1 to ${tlsLimits.lifetimeMs}`,
      );
    }
    this.#life = new SessionLife(options.lifetimeMs);
    this.#clock = options.clock ?? steadyClock;
    this.#onReclaim = options.onReclaim;
    const plan = planSegments(options.maxBytes, options.segmentBytes);
    this.#store = new SegmentStore(plan, options.memory ?? resizableMemory);
  }

  get(id: Uint8Array): Answer<Uint8Array | undefined> {
    const location = this.#find(id);
    return location === undefined ? undefined : this.#store.session(location).slice();
  }

  put(id: Uint8Array, session: Uint8Array, options: PutOptions): Answer<void> {
    if (this.#isClosed) return;
    const nowMs = this.#clock();
    const expiresAt = this.#life.end(options.expiresAt, nowMs);
    if (!(expiresAt > nowMs)) return;
    const outcome = this.#store.add(id, session, { ...options, expiresAt });
    if (outcome !== 'stored') this.#refused[outcome]++;
    else if (!this.#timer.isArmed) this.#timer.arm(this.#waitMs());
  }

  take(id: Uint8Array): Answer<Uint8Array | undefined> {
    const location = this.#find(id);
    if (location === undefined) return undefined;
    const session = this.#store.session(location).slice();
    this.#store.remove(location, 'taken');
    this.#reclaimIfEmpty();
    return session;
  }

  promote(ids: readonly Uint8Array[], account: string): Answer<void> {
    for (const id of ids) {
      const location = this.#store.find(id);
      if (location === undefined || this.#isOver(this.#store.expiresAt(location))) continue;
      this.#store.promote(location, account);
    }
  }

  delete(id: Uint8Array, reason: 'superseded' | 'cleared' = 'cleared'): Answer<void> {
    const location = this.#store.find(id);
    if (location === undefined) return;
    this.#store.remove(location, reason);
    this.#reclaimIfEmpty();
  }

  /** Hides the sessions of the owner at once; the promise resolves when all are overwritten. */
  async purge(owner: PurgeOwner): Promise<number> {
    if (owner === 'all') return this.#purgeAll();
    const count =
      'account' in owner
        ? this.#store.retireAccount(owner.account)
        : this.#store.retireCertificate(owner.certificate);
    if (count === 0) return 0;
    const sweep = this.#store.sweepRetired(segmentLimits.entriesPerStep);
    while (this.#timed(() => sweep.next()).done !== true) await nextTurn();
    this.#reclaimIfEmpty();
    return count;
  }

  /** `oldestAt` is computed from the expiry of the oldest session, as if it was given the longest life. */
  stats(): SessionCacheStats {
    const oldestExpiry = this.#store.oldestExpiry();
    return {
      entryCount: this.#store.entryCount,
      usedBytes: this.#store.usedBytes,
      heldBytes: this.#store.heldBytes,
      ...(oldestExpiry !== undefined && { oldestAt: oldestExpiry - this.#life.lifetimeMs }),
      removed: this.#store.removed,
      refused: { ...this.#refused },
      lookups: { ...this.#lookups },
    };
  }

  /**
   * Makes one step of expiry, which takes far below a millisecond. The cache's own timer calls it; tests may, too.
   *
   * @returns whether there may be more to do
   */
  expire(): boolean {
    const nowMs = this.#clock();
    return this.#store.expire(
      (expiresAt) => this.#isOver(expiresAt, nowMs),
      segmentLimits.entriesPerStep,
    );
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer.clear();
    this.#store.clear('cleared');
  }

  async #purgeAll(): Promise<number> {
    this.#timer.clear();
    const count = this.#store.retireAll('purged');
    const { segmentsPerStep } = segmentLimits;
    while (this.#timed(() => this.#store.releaseDiscarded(segmentsPerStep))) await nextTurn();
    return count;
  }

  #find(id: Uint8Array): number | undefined {
    const location = this.#store.find(id);
    if (location === undefined) {
      this.#lookups.unknown++;
      return undefined;
    }
    if (this.#isOver(this.#store.expiresAt(location))) {
      this.#lookups.expired++;
      this.#store.remove(location, 'expired');
      this.#reclaimIfEmpty();
      return undefined;
    }
    this.#lookups.hit++;
    return location;
  }

  #isOver(expiresAt: number, nowMs = this.#clock()): boolean {
    return this.#life.isOver(expiresAt, nowMs);
  }

  #expireInSteps(): void {
    if (this.#timed(() => this.expire())) this.#timer.arm(1);
    else if (this.#store.heldBytes > 0) this.#timer.arm(this.#waitMs());
  }

  #timed<T>(reclaim: () => T): T {
    const startedAt = performance.now();
    const result = reclaim();
    this.#onReclaim?.(performance.now() - startedAt);
    return result;
  }

  // Empty segments are given back soon, but not at once: a client that comes and goes would make and drop one.
  #reclaimIfEmpty(): void {
    if (this.#store.entryCount === 0 && !this.#isClosed) this.#timer.arm(this.#granularityMs);
  }

  #waitMs(): number {
    const nextMs = this.#store.nextExpiry() ?? 0;
    return Math.ceil(
      Math.min(Math.max(nextMs - this.#clock(), this.#granularityMs), cacheLimits.longestWaitMs),
    );
  }

  // So long that, if sessions arrive all the time, each step expires many of them.
  get #granularityMs(): number {
    return Math.min(Math.max(Math.ceil(this.#life.lifetimeMs / 64), 10), 1_000);
  }
}

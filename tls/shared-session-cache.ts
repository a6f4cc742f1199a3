import { type Clock, steadyClock } from './clock.ts';
import { DetachedTimer } from './detached-timer.ts';
import { sharedLimits } from './limits.ts';
import { OctetQueue } from './octet-queue.ts';
import { RecentSessions } from './recent-sessions.ts';
import { SegmentSessionCache, type SegmentSessionCacheOptions } from './segment-session-cache.ts';
import type { PurgeOwner, PutOptions, SessionCacheStats } from './session-cache.ts';
import { decodeLetter, type SessionLetter } from './session-letter.ts';
import { makeSharedSessionMemory, type SharedSessionMemory } from './shared-session-memory.ts';

export interface SharedSessionCacheOptions extends SegmentSessionCacheOptions {
  /** Octets of the longest session that all threads find without asking; default 211. */
  readonly recentSessionBytes?: number;
  /** Called with what goes wrong where no caller waits; it must not throw. Default: nothing. */
  readonly onError?: (error: unknown) => void;
}

/** One thread that uses a shared cache, as the keeper sees it. */
export interface SharedSessionThread {
  /** For the thread's end. */
  readonly memory: SharedSessionMemory;
  /** The thread will write nothing any more. */
  detach(): void;
}

interface AttachedThread {
  readonly queue: OctetQueue;
  readonly hitCount: Float64Array;
}

/**
 * A {@link SegmentSessionCache} for several threads: this one, the keeper, has it and serves it with
 * `serveSessionCache`, the others use it through a `RemoteSessionCache`. They find the sessions that came last in a
 * table that all of them see, and ask the keeper only for older ones. What they store, promote and delete they
 * write into queues, which the keeper reads before each call, and a moment after something was written.
 *
 * The table and the queues are of fixed size: at most a sixteenth of `maxBytes` and 16 MiB, and 256 KiB for each
 * thread. Their memory does not go back to the system, as no thread can take shared memory from another.
 */
export class SharedSessionCache extends SegmentSessionCache {
  readonly #recent: RecentSessions;
  readonly #letterCount = new Int32Array(new SharedArrayBuffer(4));
  readonly #threads = new Set<AttachedThread>();
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  readonly #timer = new DetachedTimer(() => this.#expireRecent());
  /** Of threads that have gone. */
  #hitCount = 0;

  /** @throws RangeError where a bound is out of range */
  constructor(options: SharedSessionCacheOptions) {
    const { lifetimeMs, recentSessionBytes = sharedLimits.recentSessionBytes } = options;
    const tableShare = Math.floor(options.maxBytes * sharedLimits.recentShare);
    const tableBytes = Math.min(tableShare, sharedLimits.recentBytes);
    super({ ...options, maxBytes: options.maxBytes - tableBytes });
    const bounds = { maxBytes: tableBytes, sessionBytes: recentSessionBytes, lifetimeMs };
    this.#recent = new RecentSessions(RecentSessions.allocate(bounds));
    this.#clock = options.clock ?? steadyClock;
    this.#onError = options.onError ?? (() => {});
  }

  /** For a thread that is to use the cache. */
  attach(): SharedSessionThread {
    const queue = new OctetQueue(OctetQueue.allocate(sharedLimits.queueBytes));
    const memory = makeSharedSessionMemory(this.#recent.memory, this.#letterCount, queue.buffer);
    const thread = { queue, hitCount: memory.hitCount };
    this.#threads.add(thread);
    return {
      memory,
      detach: () => {
        this.readLetters();
        if (this.#threads.delete(thread)) this.#hitCount += thread.hitCount[0]!;
      },
    };
  }

  /** Does what the threads have written, in the order of writing. */
  readLetters(): void {
    const written = [...this.#threads].flatMap(({ queue }) => readAll(queue));
    if (written.length === 0) return;
    const letters = written.map((octets) => decodeLetter(octets));
    // The count goes round; no two that wait are far apart.
    letters.sort((one, other) => (one.number - other.number) | 0);
    for (const { letter } of letters) this.#obey(letter).catch(this.#onError);
    for (const octets of written) octets.fill(0);
    if (!this.#timer.isArmed) this.#timer.arm(sharedLimits.expireIntervalMs);
  }

  override async get(id: Uint8Array): Promise<Uint8Array | undefined> {
    this.readLetters();
    return super.get(id);
  }

  override async put(id: Uint8Array, session: Uint8Array, options: PutOptions): Promise<void> {
    this.readLetters();
    return super.put(id, session, options);
  }

  override async take(id: Uint8Array): Promise<Uint8Array | undefined> {
    this.readLetters();
    this.#recent.delete(id);
    return super.take(id);
  }

  override async promote(ids: readonly Uint8Array[], account: string): Promise<void> {
    this.readLetters();
    return super.promote(ids, account);
  }

  override async delete(id: Uint8Array, reason?: 'superseded' | 'cleared'): Promise<void> {
    this.readLetters();
    this.#recent.delete(id);
    return super.delete(id, reason);
  }

  override async purge(owner: PurgeOwner): Promise<number> {
    this.readLetters();
    // Whose they are the table does not know.
    this.#recent.clear();
    return super.purge(owner);
  }

  override stats(): SessionCacheStats {
    this.readLetters();
    const stats = super.stats();
    const { lookups } = stats;
    return { ...stats, lookups: { ...lookups, hit: lookups.hit + this.#recentHitCount } };
  }

  override async close(): Promise<void> {
    this.#timer.clear();
    this.#threads.clear();
    this.#recent.clear();
    await super.close();
  }

  get #recentHitCount(): number {
    const counts = [...this.#threads].map(({ hitCount }) => hitCount[0]!);
    return counts.reduce((sum, count) => sum + count, this.#hitCount);
  }

  #obey(letter: SessionLetter): Promise<void> {
    if (letter.kind === 'put') return super.put(letter.id, letter.session, letter.options);
    if (letter.kind === 'delete') return super.delete(letter.id, letter.reason);
    return super.promote(letter.ids, letter.account);
  }

  #expireRecent(): void {
    const nowMs = this.#clock();
    const nextMs = this.#recent.expire(nowMs);
    if (nextMs === undefined) return;
    const { expireIntervalMs, longestWaitMs } = sharedLimits;
    this.#timer.arm(Math.min(Math.max(nextMs - nowMs, expireIntervalMs), longestWaitMs));
  }
}

function readAll(queue: OctetQueue): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let record = queue.read(); record !== undefined; record = queue.read()) {
    records.push(record);
  }
  return records;
}

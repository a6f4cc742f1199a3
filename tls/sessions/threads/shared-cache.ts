import { sharedLimits } from '../../limits.ts';
import { type Clock, DetachedTimer, steadyClock } from '../../time.ts';
import { defaultSegmentBytes } from '../memory/segment.ts';
import { SegmentSessionCache, type SegmentSessionCacheOptions } from '../memory/segment-cache.ts';
import type { PurgeOwner, PutOptions, SessionCacheStats } from '../session-cache.ts';
import {
  ByteQueue,
  decodeLetter,
  type NumberedLetter,
  type SessionLetter,
  type SharedSessionMemory,
  SharedState,
} from './change-queue.ts';
import { RecentSessions } from './recent-sessions.ts';

/** How much a {@link SharedSessionCache} holds, and what of it all threads find at once. */
export interface SharedSessionCacheOptions extends SegmentSessionCacheOptions {
  /** Bytes of the longest session that all threads find without asking, at least 1; default 211. */
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
  readonly queue: ByteQueue;
  readonly hitCount: Float64Array;
}

/** A letter that was read but not obeyed, and its bytes, which its views are on. */
interface ReadLetter extends NumberedLetter {
  readonly bytes: Uint8Array;
}

/**
 * A {@link SegmentSessionCache} for several threads: this one, the keeper, has it and serves it with
 * `serveSessionCache`, the others use it through a `RemoteSessionCache`. They find the sessions that came last in a
 * table that all of them see, and ask the keeper only for older ones. What they store, promote and delete they
 * write into queues, which the keeper reads before each call, and a moment after something was written.
 *
 * The table and the queues are of fixed size: at most a sixteenth of `maxBytes` and 4 MiB, and 256 KiB for each
 * thread. Their memory does not go back to the system, as no thread can take shared memory from another, and is
 * no part of `heldBytes`.
 */
export class SharedSessionCache extends SegmentSessionCache {
  readonly #recent: RecentSessions;
  readonly #state = new SharedState();
  readonly #threads = new Set<AttachedThread>();
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  readonly #timer = new DetachedTimer(() => this.#expireStep());
  /** Read, but written after another that may not have been. */
  #early: ReadLetter[] = [];
  /** Where expiry goes on, and when the next session expires in what it has passed. */
  #expiry = { firstSet: 0, nextMs: Infinity };
  /** Whether a session may have come into what expiry has passed. */
  #hasCome = false;
  /** Of threads that have gone. */
  #hitCount = 0;

  /** @throws RangeError where a bound is out of range */
  constructor(options: SharedSessionCacheOptions) {
    const { maxBytes, lifetimeMs, segmentBytes = defaultSegmentBytes(maxBytes) } = options;
    const tableShare = Math.floor(maxBytes * sharedLimits.recentShare);
    const tableBytes = Math.min(tableShare, sharedLimits.recentBytes);
    super({ ...options, segmentBytes, maxBytes: maxBytes - tableBytes });
    const sessionBytes = options.recentSessionBytes ?? sharedLimits.recentSessionBytes;
    const bounds = { maxBytes: tableBytes, sessionBytes, lifetimeMs };
    this.#recent = new RecentSessions(RecentSessions.allocate(bounds));
    this.#clock = options.clock ?? steadyClock;
    this.#onError = options.onError ?? (() => {});
  }

  /** For a thread that is to use the cache. */
  attach(): SharedSessionThread {
    const queue = new ByteQueue(ByteQueue.allocate(sharedLimits.queueBytes));
    const hitCount = new Float64Array(new SharedArrayBuffer(8));
    const thread = { queue, hitCount };
    this.#threads.add(thread);
    return {
      memory: {
        recent: this.#recent.memory,
        state: this.#state.memory,
        queue: queue.buffer,
        hitCount,
      },
      detach: () => {
        this.readLetters();
        if (this.#threads.delete(thread)) this.#hitCount += hitCount[0]!;
      },
    };
  }

  /**
   * Does what the threads have written. What one has written after it could know of what another has written
   * comes after that.
   */
  readLetters(): void {
    if (this.#state.isClosed) return this.#dropLetters();
    // Of those with lower numbers all are there now that can have been known to a thread with another one of them.
    const endNumber = this.#state.letterCount;
    const letters = [...this.#early, ...this.#readQueues()];
    if (letters.length === 0) return;
    this.#hasCome = true;
    // The count goes round; no two that wait are far apart.
    letters.sort((one, other) => (one.number - other.number) | 0);
    const isEarly = ({ number }: NumberedLetter) => ((number - endNumber) | 0) >= 0;
    this.#early = letters.filter(isEarly);
    for (const letter of letters) if (!isEarly(letter)) this.#obey(letter);
    if (!this.#timer.isArmed) this.#timer.arm(sharedLimits.expireIntervalMs);
  }

  override async get(id: Uint8Array): Promise<Uint8Array | undefined> {
    this.readLetters();
    return super.get(id);
  }

  override async put(id: Uint8Array, session: Uint8Array, options: PutOptions): Promise<void> {
    this.readLetters();
    this.#recent.delete(id);
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
    const hit = stats.lookups.hit + this.#recentHitCount;
    return { ...stats, lookups: { ...stats.lookups, hit } };
  }

  override async close(): Promise<void> {
    this.#state.close();
    this.#timer.clear();
    // Of a thread that is writing now it is read, and dropped, when that tells of it or ends.
    this.#dropLetters();
    this.#recent.clear();
    await super.close();
  }

  get #recentHitCount(): number {
    const counts = [...this.#threads].map(({ hitCount }) => hitCount[0]!);
    return counts.reduce((sum, count) => sum + count, this.#hitCount);
  }

  #dropLetters(): void {
    for (const { bytes } of [...this.#early, ...this.#readQueues()]) bytes.fill(0);
    this.#early = [];
  }

  #readQueues(): ReadLetter[] {
    return [...this.#threads].flatMap(({ queue }) =>
      readWaiting(queue).map((bytes) => ({ ...decodeLetter(bytes), bytes })),
    );
  }

  #obey({ letter, bytes }: ReadLetter): void {
    this.#done(letter).catch(this.#onError);
    bytes.fill(0);
  }

  #done(letter: SessionLetter): Promise<void> {
    if (letter.kind === 'put') return super.put(letter.id, letter.session, letter.options);
    if (letter.kind === 'delete') return super.delete(letter.id, letter.reason);
    return super.promote(letter.ids, letter.account);
  }

  /** Looks through a part of the table. */
  #expireStep(): void {
    const nowMs = this.#clock();
    const { setsPerStep, expireIntervalMs, longestWaitMs } = sharedLimits;
    const { firstSet } = this.#expiry;
    if (firstSet === 0) this.#hasCome = false;
    const nextHereMs = this.#recent.expire(nowMs, firstSet, setsPerStep) ?? Infinity;
    const nextMs = Math.min(this.#expiry.nextMs, nextHereMs);
    if (firstSet + setsPerStep < this.#recent.memory.setCount) {
      this.#expiry = { firstSet: firstSet + setsPerStep, nextMs };
      this.#timer.arm(1);
      return;
    }
    this.#expiry = { firstSet: 0, nextMs: Infinity };
    if (nextMs === Infinity && !this.#hasCome) return;
    this.#timer.arm(Math.min(Math.max(nextMs - nowMs, expireIntervalMs), longestWaitMs));
  }
}

/** What waits at the call; a thread may write more meanwhile. */
function readWaiting(queue: ByteQueue): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let leftBytes = queue.waitingBytes; leftBytes > 0;) {
    const record = queue.read();
    if (record === undefined) break;
    records.push(record);
    leftBytes -= ByteQueue.bytesOf(record);
  }
  return records;
}

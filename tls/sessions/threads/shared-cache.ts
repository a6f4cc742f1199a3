import { setImmediate as nextTurn } from 'node:timers/promises';
import { cacheLimits, sharedLimits } from '../../limits.ts';
import { type Clock, DetachedTimer, steadyClock } from '../../time.ts';
import { defaultSegmentBytes } from '../memory/segment.ts';
import { SegmentSessionCache, type SegmentSessionCacheOptions } from '../memory/segment-cache.ts';
import type { Answer, PurgeOwner, PutOptions, SessionCacheStats } from '../session-cache.ts';
import {
  ByteQueue,
  decodeChange,
  makeTableCounts,
  type NumberedChange,
  type SessionChange,
  type SharedSessionMemory,
  SharedCacheState,
  tableCounts,
} from './change-queue.ts';
import { RecentSessions } from './recent-sessions.ts';

/*
 * How threads share one session cache
 * ===================================
 *
 * One thread, the owner, has the cache: it made the `SharedSessionCache` (in Reprise it is the main thread). Each
 * worker has a `RemoteSessionCache`, which a message port connects to the owner. A message wakes the thread at the
 * other end, and that costs more than storing a session. So most calls send none: they use memory that is shared.
 *
 * What is shared, and who writes it
 *
 * - The table of recent sessions (`RecentSessions`): all threads read and write it. It has sets of four sessions,
 *   and a lock for each set.
 * - A queue for each worker (`ByteQueue`): the worker writes changes into it (put, promote, delete), the owner reads
 *   them.
 * - The state (`SharedCacheState`): a counter from which each change of any worker takes its number, and whether the
 *   cache is closed or being purged, which only the owner sets.
 * - Counts for each worker, of hits and of sessions too large for the table: the worker writes, the owner reads them.
 * - Statistics for each worker: the owner writes them before it sends a message to that worker, which reads them.
 *
 * The cache itself, with the sessions that the table has no room for, is memory of the owner alone.
 *
 * What a worker does, step by step
 *
 * - put: stores the session in the table, takes a number, writes the change into its queue. If the queue is full, it
 *   deletes the session from the table and sends the change as a message.
 * - delete: deletes from the table, takes a number, writes the change. promote: takes a number, writes the change.
 * - get: looks into the table. If the session is not there, it asks the owner by a message.
 * - take and purge: always ask the owner. Only one caller may take a session, and the table does not know whose
 *   sessions it has.
 * - While a change that went as a message is not answered, the next changes are sent as messages too: the owner
 *   applies queues before messages, so a change in the queue would overtake it.
 *
 * In which order the owner applies changes
 *
 * The owner reads the counter, then all queues, and applies what it read in the order of the numbers. If worker B
 * could know of a change that A made (the client of A came to B), then A wrote its change before B took its number.
 * So for each change below the counter, all changes that it may depend on are in the queues by now. Changes
 * that were numbered after the counter was read are deferred to the next time: one that they depend on may lie in a
 * queue that was read before it came. Numbers have gaps, and nobody waits for a number.
 *
 * The owner does this before each call that it answers, so a lookup always sees the changes that were made before it.
 *
 * put writes to the table before the queue because of purge, which applies the queues and then clears the table: what
 * it finds in neither was stored after it. In the other order, purge could remove a session that came by the
 * queue, and the worker would then store it in the table, so that all threads find it.
 *
 * How a purge reaches all sessions
 *
 * The owner applies the queues and hides the purged sessions in its own memory, in one step. Clearing the table takes
 * several steps. Until the last one the state says that a purge is under way, and workers ask the owner instead of
 * the table. A worker may have taken a number before the purge and write the change after it. So the owner keeps a
 * list of the purges of the last minute, each with the counter at its call, and drops such changes.
 *
 * What a reader may rely on
 *
 * - It gets a whole session, in a copy of its own, or nothing.
 * - It finds what any thread stored before its client came, unless the cache has evicted it: in the table, or
 *   from the owner.
 * - It never finds a session after the promise of its take, delete or purge has resolved.
 * - It never waits for a lock, and may find less in the table than there was: the table forgets at any time.
 *   A change in a queue is not forgotten unless the cache is closed.
 *
 * What a lock is
 *
 * A word for each set: unlocked, locked, or locked and to be cleared. A thread tries a bounded number of times to
 * set it from unlocked to locked, copies some hundred bytes, and unlocks; it allocates nothing meanwhile. If a
 * reader does not get the lock, it finds nothing. A writer must not leave an old session behind, so if it does not
 * get the lock, it marks the set: the holder clears all four sessions when it unlocks, and nobody reads them before.
 *
 * How a queue wakes the owner
 *
 * The worker sends an empty message 100 ms after it wrote into an idle queue, at once when the queue becomes more
 * than half full, and when it closes. At any message of any worker the owner applies all queues.
 *
 * If a thread dies
 *
 * - Its port closes. The owner applies what its queue still holds, keeps its counts and drops the queue.
 * - A record that it was writing is not read: the write position moves only after the whole record.
 * - A session that it stored in the table, but did not get to write into the queue, is found until it leaves the table.
 * - A set that it had locked stays locked: these four places are lost, and what is in them is not overwritten.
 * - If the owner dies, the ports close: workers find nothing, and what they store is dropped.
 *
 * When the cache is closed
 *
 * The owner sets the flag, drops what is in the queues and clears the table. A worker looks at the flag after it has
 * written, too, and then takes back what it stored in the table. What it wrote into the queue is overwritten at its
 * next message, or when its port closes.
 */

/** How much a {@link SharedSessionCache} holds, and which part of it all threads find without a message. */
export interface SharedSessionCacheOptions extends SegmentSessionCacheOptions {
  /** Bytes of the longest session that the table of recent sessions takes, 1 to 65,535; default 211. */
  readonly recentSessionBytes?: number;
  /** Called with the error of a change that no caller waits for; it must not throw. Default: does nothing. */
  readonly onError?: (error: unknown) => void;
}

/** The owner's side of one thread that uses a shared cache. */
export interface ThreadAttachment {
  /** To be sent to that thread. */
  readonly memory: SharedSessionMemory;
  /** Call it when the thread has ended or closed its cache: applies its last changes and drops its queue. */
  detach(): void;
}

interface AttachedThread {
  readonly queue: ByteQueue;
  readonly counts: Float64Array;
}

/** A purge, and the counter at its call: changes with lower numbers were begun before it. */
interface RecentPurge {
  readonly owner: PurgeOwner;
  readonly endNumber: number;
  readonly calledAt: number;
}

/** A change that was read but not applied, and the bytes that it has views on. */
interface ReadChange extends NumberedChange {
  readonly bytes: Uint8Array;
}

/**
 * A {@link SegmentSessionCache} for several threads. The thread that makes it owns it and serves it with
 * `serveSessionCache`; the others use it through a `RemoteSessionCache`. They find recent sessions in shared memory,
 * and ask the owner for older ones only. The top of this file explains how.
 *
 * The shared memory has a fixed size: the table at most a sixteenth of `maxBytes` and 4 MiB, each thread's queue
 * 256 KiB. It is not given back to the system, since no thread can take shared memory from another, and `heldBytes`
 * does not count it.
 */
export class SharedSessionCache extends SegmentSessionCache {
  readonly #recent: RecentSessions;
  readonly #state = new SharedCacheState();
  readonly #threads = new Set<AttachedThread>();
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  readonly #timer = new DetachedTimer(() => this.#expireStep());
  /** Changes that were read but must wait: one that they depend on may not have been read. */
  #deferred: ReadChange[] = [];
  /** The purges of the last minute, oldest first. */
  #purges: RecentPurge[] = [];
  /** The set at which expiry goes on, and the earliest expiry in the sets before it. */
  #expiry = { firstSet: 0, nextMs: Infinity };
  /** Whether changes came since expiry began at the first set. */
  #hasNewChanges = false;
  /** The table counts of threads that are gone, added up. */
  readonly #goneCounts = makeTableCounts();

  /** @throws RangeError if a bound is out of range */
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

  /** Makes the memory that one more thread needs to use the cache. */
  attach(): ThreadAttachment {
    const queue = new ByteQueue(ByteQueue.allocate(sharedLimits.queueBytes));
    const counts = makeTableCounts();
    const thread = { queue, counts };
    this.#threads.add(thread);
    return {
      memory: {
        recent: this.#recent.memory,
        state: this.#state.memory,
        queue: queue.buffer,
        tableCounts: counts,
      },
      detach: () => {
        this.applyChanges();
        if (!this.#threads.delete(thread)) return;
        for (const [index, count] of counts.entries()) this.#goneCounts[index]! += count;
      },
    };
  }

  /**
   * Applies the changes that wait in the queues, in the order of their numbers. Call it when a thread has sent a
   * message; the methods of the cache do it themselves.
   */
  applyChanges(): void {
    if (this.#state.isClosed) return this.#dropChanges();
    // Read before the queues: whatever a change below this number depends on is in a queue now.
    const endNumber = this.#state.changeCount;
    const changes = [...this.#deferred, ...this.#readQueues()];
    if (changes.length === 0) return;
    this.#hasNewChanges = true;
    changes.sort((one, other) => distance(one.number, other.number));
    const isLater = ({ number }: NumberedChange) => distance(number, endNumber) >= 0;
    this.#deferred = changes.filter(isLater);
    for (const change of changes) if (!isLater(change)) this.#apply(change);
    if (!this.#timer.isArmed) this.#timer.arm(sharedLimits.expireIntervalMs);
  }

  override get(id: Uint8Array): Answer<Uint8Array | undefined> {
    this.applyChanges();
    return super.get(id);
  }

  override put(id: Uint8Array, session: Uint8Array, options: PutOptions): Answer<void> {
    this.applyChanges();
    this.#recent.delete(id);
    return super.put(id, session, options);
  }

  override take(id: Uint8Array): Answer<Uint8Array | undefined> {
    this.applyChanges();
    this.#recent.delete(id);
    return super.take(id);
  }

  override promote(ids: readonly Uint8Array[], account: string): Answer<void> {
    this.applyChanges();
    return super.promote(ids, account);
  }

  override delete(id: Uint8Array, reason?: 'superseded' | 'cleared'): Answer<void> {
    this.applyChanges();
    this.#recent.delete(id);
    return super.delete(id, reason);
  }

  override async purge(owner: PurgeOwner): Promise<number> {
    this.applyChanges();
    this.#listPurge(owner);
    this.#state.beginPurge();
    // It hides them at once, but takes many turns to overwrite them.
    const purge = super.purge(owner);
    await this.#clearRecent();
    this.#state.endPurge();
    return purge;
  }

  override stats(): SessionCacheStats {
    this.applyChanges();
    const stats = super.stats();
    const table = { hit: this.#countOf('hit'), tooLarge: this.#countOf('tooLarge') };
    const hit = stats.lookups.hit + table.hit;
    return { ...stats, lookups: { ...stats.lookups, hit }, table };
  }

  override async close(): Promise<void> {
    this.#state.close();
    this.#timer.clear();
    // What a thread is writing now is dropped when its next message comes, or when it ends.
    this.#dropChanges();
    this.#recent.clear();
    await super.close();
  }

  /** Clears the table, which does not know whose sessions it has, in steps. */
  async #clearRecent(): Promise<void> {
    const { setCount } = this.#recent.memory;
    const { setsPerStep } = sharedLimits;
    for (let firstSet = 0; firstSet < setCount; firstSet += setsPerStep) {
      if (firstSet > 0) await nextTurn();
      this.#recent.clear(firstSet, setsPerStep);
    }
  }

  #listPurge(owner: PurgeOwner): void {
    const calledAt = this.#clock();
    const isRecent = (purge: RecentPurge) => calledAt - purge.calledAt < sharedLimits.changeMs;
    const purge = { owner, endNumber: this.#state.changeCount, calledAt };
    this.#purges = [...this.#purges.filter(isRecent), purge];
  }

  #countOf(name: keyof typeof tableCounts): number {
    const index = tableCounts[name];
    const counts = [...this.#threads].map(({ counts }) => counts[index]!);
    return counts.reduce((sum, count) => sum + count, this.#goneCounts[index]!);
  }

  #dropChanges(): void {
    for (const { bytes } of [...this.#deferred, ...this.#readQueues()]) bytes.fill(0);
    this.#deferred = [];
  }

  #readQueues(): ReadChange[] {
    return [...this.#threads].flatMap(({ queue }) =>
      readWaiting(queue).map((bytes) => ({ ...decodeChange(bytes), bytes })),
    );
  }

  #apply({ number, change, bytes }: ReadChange): void {
    const isPurged = this.#purges.some(
      ({ owner, endNumber }) => distance(number, endNumber) < 0 && isOf(change, owner),
    );
    try {
      if (isPurged) this.#drop(change);
      else this.#change(change);
    } catch (error) {
      this.#onError(error);
    }
    // The cache has copied the session by now.
    bytes.fill(0);
  }

  #change(change: SessionChange): void {
    if (change.kind === 'put') void super.put(change.id, change.session, change.options);
    else if (change.kind === 'delete') void super.delete(change.id, change.reason);
    else void super.promote(change.ids, change.account);
  }

  /** Drops a change of sessions that were purged after it was begun. */
  #drop(change: SessionChange): void {
    if (change.kind !== 'promote') return;
    for (const id of change.ids) void super.delete(id);
  }

  /** Clears expired sessions in a part of the table, then arms the timer for the next part, or for the next expiry. */
  #expireStep(): void {
    const nowMs = this.#clock();
    const { setsPerStep, expireIntervalMs } = sharedLimits;
    const { firstSet } = this.#expiry;
    if (firstSet === 0) this.#hasNewChanges = false;
    const nextHereMs = this.#recent.expire(nowMs, firstSet, setsPerStep) ?? Infinity;
    const nextMs = Math.min(this.#expiry.nextMs, nextHereMs);
    if (firstSet + setsPerStep < this.#recent.memory.setCount) {
      this.#expiry = { firstSet: firstSet + setsPerStep, nextMs };
      this.#timer.arm(1);
      return;
    }
    this.#expiry = { firstSet: 0, nextMs: Infinity };
    if (nextMs === Infinity && !this.#hasNewChanges) return;
    this.#timer.arm(
      Math.min(Math.max(nextMs - nowMs, expireIntervalMs), cacheLimits.longestWaitMs),
    );
  }
}

/** The records that wait when it is called. It stops there: the thread may go on writing. */
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

/** Numbers wrap around at 2^32, so they are compared by their difference; those that wait are close together. */
function distance(number: number, other: number): number {
  return (number - other) | 0;
}

/** Whether the sessions of a change belong to the owner of a purge. */
function isOf(change: SessionChange, owner: PurgeOwner): boolean {
  if (change.kind === 'delete') return false;
  if (owner === 'all') return true;
  if (change.kind === 'promote') return 'account' in owner && owner.account === change.account;
  const { account, certificate } = change.options;
  return 'account' in owner ? owner.account === account : owner.certificate === certificate;
}

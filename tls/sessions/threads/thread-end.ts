import { sharedLimits } from '../../limits.ts';
import { type Clock, DetachedTimer } from '../../time.ts';
import type { PutOptions } from '../session-cache.ts';
import { ByteQueue } from './byte-queue.ts';
import { encodeLetter, type SessionLetter } from './messages.ts';
import { RecentSessions, type RecentSessionsMemory } from './recent-sessions.ts';

/** What the end of a thread shares with the keeper. */
export interface SharedSessionEndOptions {
  readonly memory: SharedSessionMemory;
  readonly clock: Clock;
  /** Has the keeper read the queue; called a moment after something was written to it. */
  readonly wakeKeeper: () => void;
}

/**
 * One thread's end of a {@link SharedSessionCache}: what it stores all threads find at once, and the keeper is told
 * in a queue that it reads before it answers anybody. A message for each would wake the keeper's thread, which
 * costs more than the rest.
 */
export class SharedSessionEnd {
  readonly #recent: RecentSessions;
  readonly #queue: ByteQueue;
  readonly #state: SharedState;
  readonly #hitCount: Float64Array;
  readonly #clock: Clock;
  readonly #wakeKeeper: () => void;
  /** The keeper was told that the queue is half full, which it has been since. */
  #isHurried = false;
  readonly #timer = new DetachedTimer(() => this.#wakeKeeper());

  constructor({ memory, clock, wakeKeeper }: SharedSessionEndOptions) {
    this.#recent = new RecentSessions(memory.recent);
    this.#queue = new ByteQueue(memory.queue);
    this.#state = new SharedState(memory.state);
    this.#hitCount = memory.hitCount;
    this.#clock = clock;
    this.#wakeKeeper = wakeKeeper;
  }

  /** A copy that the caller owns; undefined where only the keeper can tell. */
  get(id: Uint8Array): Uint8Array | undefined {
    if (this.#state.isClosed) return undefined;
    const session = this.#recent.get(id, this.#clock());
    if (session !== undefined) this.#hitCount[0]!++;
    return session;
  }

  /** False where there is no room, and the keeper must be told by a message, as with the other calls. */
  put(id: Uint8Array, session: Uint8Array, options: PutOptions): boolean {
    if (this.#state.isClosed) return true;
    // Before the letter: what a purge finds in neither was put after it.
    this.#recent.put(id, session, options.expiresAt, this.#clock());
    const isWritten = this.#write({ kind: 'put', id, session, options });
    // It may have been closed meanwhile.
    if (!isWritten || this.#state.isClosed) this.#recent.delete(id);
    return isWritten;
  }

  promote(ids: readonly Uint8Array[], account: string): boolean {
    return this.#write({ kind: 'promote', ids, account });
  }

  delete(id: Uint8Array, reason: 'superseded' | 'cleared'): boolean {
    this.forget(id);
    return this.#write({ kind: 'delete', id, reason });
  }

  /** Only the keeper can tell from now on what is under this id. */
  forget(id: Uint8Array): void {
    this.#recent.delete(id);
  }

  /** The keeper is to read what it has not been told to read yet. */
  close(): void {
    if (!this.#timer.isArmed) return;
    this.#timer.clear();
    this.#wakeKeeper();
  }

  #write(letter: SessionLetter): boolean {
    if (this.#state.isClosed) return true;
    const bytes = encodeLetter({ number: this.#state.numberLetter(), letter });
    const isWritten = this.#queue.write(bytes);
    bytes.fill(0);
    const isHalfFull = this.#queue.waitingBytes > this.#queue.capacityBytes / 2;
    if (isHalfFull && !this.#isHurried) this.#wakeKeeper();
    this.#isHurried = isHalfFull;
    // Also then: the keeper may have looked before this was written.
    if (isWritten && !this.#timer.isArmed) this.#timer.arm(sharedLimits.queueDelayMs);
    return isWritten;
  }
}

/** What the keeper of a shared cache sends to a thread that uses it; all of it is memory of both. */
export interface SharedSessionMemory {
  /** Of all threads. */
  readonly recent: RecentSessionsMemory;
  /** Of all threads. */
  readonly state: Int32Array;
  /** Of this thread and the keeper alone, as what follows. */
  readonly queue: SharedArrayBuffer;
  /** How many lookups found a recent session; one number. */
  readonly hitCount: Float64Array;
}

const letterCountIndex = 0;
const closedIndex = 1;

/** What all threads that share a cache know of it. */
export class SharedState {
  readonly memory: Int32Array;

  /** @param memory - of the other threads; absent: new */
  constructor(memory: Int32Array = new Int32Array(new SharedArrayBuffer(8))) {
    this.memory = memory;
  }

  /** How many letters have been begun, modulo 2^32. */
  get letterCount(): number {
    return Atomics.load(this.memory, letterCountIndex) >>> 0;
  }

  /** The number of a new letter. */
  numberLetter(): number {
    return Atomics.add(this.memory, letterCountIndex, 1) >>> 0;
  }

  /** Whether the cache is closed: nobody finds or stores anything any more. */
  get isClosed(): boolean {
    return Atomics.load(this.memory, closedIndex) !== 0;
  }

  close(): void {
    Atomics.store(this.memory, closedIndex, 1);
  }
}

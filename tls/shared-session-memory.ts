import type { RecentSessionsMemory } from './recent-sessions.ts';

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

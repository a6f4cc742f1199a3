import type { RecentSessionsMemory } from './recent-sessions.ts';

/** What the keeper of a shared cache sends to a thread that uses it; all of it is memory of both. */
export interface SharedSessionMemory {
  /** Of all threads. */
  readonly recent: RecentSessionsMemory;
  /** How many letters all threads have written, modulo 2^32; one number. */
  readonly letterCount: Int32Array;
  /** Of this thread and the keeper alone, as what follows. */
  readonly queue: SharedArrayBuffer;
  /** How many lookups found a recent session; one number. */
  readonly hitCount: Float64Array;
}

/** @param recent - of the cache, and so the count of letters */
export function makeSharedSessionMemory(
  recent: RecentSessionsMemory,
  letterCount: Int32Array,
  queue: SharedArrayBuffer,
): SharedSessionMemory {
  return { recent, letterCount, queue, hitCount: new Float64Array(new SharedArrayBuffer(8)) };
}

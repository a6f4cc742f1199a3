/**
 * How many connections there are in all threads of a process. Each thread counts in a slot of its own in shared memory,
 * so that a thread that crashed is set right by the one that replaces it. Two threads that accept at the same instant
 * may both take the last place: the bound is exact to one for each thread.
 */
export class ConnectionCounts {
  readonly #slots: Int32Array;
  readonly #slot: number;

  /**
   * @param slots - from {@link makeConnectionSlots}; absent: this thread is the only one
   * @param slot - the thread's own, which begins at 0 again
   */
  constructor(slots: Int32Array = new Int32Array(1), slot = 0) {
    this.#slots = slots;
    this.#slot = slot;
    Atomics.store(slots, slot, 0);
  }

  /** Connections of this thread. */
  get own(): number {
    return Atomics.load(this.#slots, this.#slot);
  }

  /** Connections of all threads. */
  get total(): number {
    let total = 0;
    for (let slot = 0; slot < this.#slots.length; slot++) total += Atomics.load(this.#slots, slot);
    return total;
  }

  /** Counts one connection more. */
  add(): void {
    Atomics.add(this.#slots, this.#slot, 1);
  }

  /** Counts one connection less. */
  remove(): void {
    Atomics.sub(this.#slots, this.#slot, 1);
  }
}

/** Shared memory for the counts of so many threads. */
export function makeConnectionSlots(threadCount: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(threadCount * Int32Array.BYTES_PER_ELEMENT));
}

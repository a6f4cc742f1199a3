/** The length of the window in which commands are counted, in milliseconds. */
const windowMs = 1_000;

/** How many commands come from a client in a second. */
export class CommandRate {
  #windowStart = 0;
  #count = 0;

  /** Counts one more; how many came in its second so far. @param nowMs - of the steady clock */
  count(nowMs: number): number {
    if (nowMs - this.#windowStart >= windowMs) {
      this.#windowStart = nowMs;
      this.#count = 0;
    }
    this.#count += 1;
    return this.#count;
  }
}

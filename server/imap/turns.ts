/**
 * Lets the long work of many sessions take turns: in each round of the event loop one of those that wait goes on, the
 * one that has waited longest. Short work of others then waits for one slice, however many clients are told much at once.
 */
class Turns {
  readonly #waiting: (() => void)[] = [];
  #isScheduled = false;

  /** Settles when it is the caller's turn. */
  take(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      // What it does with its turn follows behind this callback, before the loop goes round.
      this.#waiting.shift()?.();
      if (this.#waiting.length > 0) this.#schedule();
    });
  }
}

/** Those of this thread, whose event loop they share. */
export const turns = new Turns();

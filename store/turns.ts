/**
 * Lets the long work of many clients take turns: in each round of the event loop one of those that wait goes on, the one
 * that has waited longest. Short work of others then waits for one turn, however many searches and notifications a
 * thread has to do.
 */
class TurnQueue {
  readonly #waiting: (() => void)[] = [];
  /** True until the loop has gone round, if there was a turn since it last did, or somebody waits for one. */
  #isScheduled = false;

  takeIfFree(): Promise<void> | undefined {
    if (this.#isScheduled) return this.take();
    this.#schedule();
    return undefined;
  }

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

/** That of this thread, whose event loop they share. */
const queue = new TurnQueue();

/** Settles when it is the caller's turn, which lasts until it awaits what does not come at once: a millisecond or two. */
export function takeTurn(): Promise<void> {
  return queue.take();
}

/** As {@link takeTurn}, but undefined if the caller may go on at once: nobody waits, or has just had a turn in this way. */
export function takeTurnIfFree(): Promise<void> | undefined {
  return queue.takeIfFree();
}

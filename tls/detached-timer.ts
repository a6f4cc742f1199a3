import { AsyncLocalStorage } from 'node:async_hooks';

// A timer belongs to the async context that starts it and keeps its stores alive. Ours are shared, and often
// started on behalf of one connection, which would stay reachable for as long as the timer starts itself anew.
const runOutsideContexts = AsyncLocalStorage.snapshot();

/** The owner's one timer: it keeps neither the process alive nor the connection it was started for. */
export class DetachedTimer {
  readonly #task: () => void;
  #timeout: NodeJS.Timeout | undefined;

  /** @param task - what it does each time it fires */
  constructor(task: () => void) {
    this.#task = task;
  }

  get isArmed(): boolean {
    return this.#timeout !== undefined;
  }

  /**
   * Fires once after so many milliseconds, at least 1, also where nothing else happens: an immediate that
   * keeps no process alive would wait for something else to wake the event loop. Replaces what was set.
   */
  arm(delayMs: number): void {
    this.clear();
    runOutsideContexts(() => {
      this.#timeout = setTimeout(() => this.#fire(), delayMs).unref();
    });
  }

  clear(): void {
    clearTimeout(this.#timeout);
    this.#timeout = undefined;
  }

  #fire(): void {
    this.clear();
    this.#task();
  }
}

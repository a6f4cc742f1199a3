import { AsyncLocalStorage } from 'node:async_hooks';

// A timer belongs to the async context that starts it and keeps its stores alive. Ours are shared, and often
// started on behalf of one connection, which would stay reachable for as long as the timer starts itself anew.
const runOutsideContexts = AsyncLocalStorage.snapshot();

/** The owner's one timer: it keeps neither the process alive nor the connection it was started for. */
export class DetachedTimer {
  readonly #task: () => void;
  #timeout: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;

  /** @param task - what it does each time it fires */
  constructor(task: () => void) {
    this.#task = task;
  }

  get isArmed(): boolean {
    return this.#timeout !== undefined || this.#immediate !== undefined;
  }

  /** Fires once after so many milliseconds; 0: as soon as waiting events are handled. Replaces what was set. */
  arm(delayMs: number): void {
    this.clear();
    runOutsideContexts(() => {
      if (delayMs === 0) this.#immediate = setImmediate(() => this.#fire()).unref();
      else this.#timeout = setTimeout(() => this.#fire(), delayMs).unref();
    });
  }

  clear(): void {
    clearTimeout(this.#timeout);
    clearImmediate(this.#immediate);
    this.#timeout = undefined;
    this.#immediate = undefined;
  }

  #fire(): void {
    this.clear();
    this.#task();
  }
}

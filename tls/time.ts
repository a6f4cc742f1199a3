import { AsyncLocalStorage } from 'node:async_hooks';

/** Milliseconds since 1970. Injected, so that tests move time and never sleep. */
export type Clock = () => number;

const startedAt = performance.timeOrigin;

/** The time by a clock that nobody sets: it never goes back, and no session lives longer because of it. */
export const steadyClock: Clock = () => startedAt + performance.now();

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

interface Deadline {
  readonly dueMs: number;
  readonly onDue: () => void;
}

/** Cancels a deadline; harmless after it was due. */
export type CancelDeadline = () => void;

/** Many deadlines of one length on one timer: they are due in the order they were set. */
export class Deadlines {
  readonly #lengthMs: number;
  readonly #pending = new Set<Deadline>();
  readonly #timer = new DetachedTimer(() => this.#ring());

  /** @param lengthMs - how long each of them is */
  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs;
  }

  get count(): number {
    return this.#pending.size;
  }

  /** Calls `onDue` unless it is cancelled before. */
  set(onDue: () => void): CancelDeadline {
    const deadline = { dueMs: performance.now() + this.#lengthMs, onDue };
    this.#pending.add(deadline);
    if (!this.#timer.isArmed) this.#timer.arm(Math.max(1, this.#lengthMs));
    return () => void this.#pending.delete(deadline);
  }

  /** Drops all of them without a call. */
  clear(): void {
    this.#pending.clear();
    this.#timer.clear();
  }

  #ring(): void {
    const nowMs = performance.now();
    for (const deadline of this.#pending) {
      if (deadline.dueMs > nowMs) {
        this.#timer.arm(Math.ceil(deadline.dueMs - nowMs));
        return;
      }
      this.#pending.delete(deadline);
      deadline.onDue();
    }
  }
}

import { AsyncLocalStorage } from 'node:async_hooks';
import { type Linked, LinkedList } from './linked-list.ts';

/** Milliseconds since 1970. Injected, so that tests move time and never sleep. */
export type Clock = () => number;

const startedAt = performance.timeOrigin;

/** A clock that nobody can set: it never goes back, so no session lives longer because of a change of the time. */
export const steadyClock: Clock = () => startedAt + performance.now();

// A timer keeps the async context alive in which it was started. Ours are shared, and often started on behalf of
// one connection, which would stay reachable for as long as the timer is armed again and again.
const runOutsideContexts = AsyncLocalStorage.snapshot();

/** A timer that can be armed again and again. It keeps neither the process nor the connection that armed it alive. */
export class DetachedTimer {
  readonly #task: () => void;
  #timeout: NodeJS.Timeout | undefined;

  /** @param task - called each time the timer fires */
  constructor(task: () => void) {
    this.#task = task;
  }

  /** Whether it will fire. */
  get isArmed(): boolean {
    return this.#timeout !== undefined;
  }

  /**
   * Makes the timer fire once, after so many milliseconds, at least 1. It replaces what was armed before.
   * (An immediate would not do: one that keeps no process alive waits for something else to wake the event loop.)
   */
  arm(delayMs: number): void {
    this.clear();
    runOutsideContexts(() => {
      this.#timeout = setTimeout(() => this.#fire(), delayMs).unref();
    });
  }

  /** Disarms the timer. */
  clear(): void {
    clearTimeout(this.#timeout);
    this.#timeout = undefined;
  }

  #fire(): void {
    this.clear();
    this.#task();
  }
}

class Deadline implements Linked<Deadline> {
  readonly dueMs: number;
  /** Undefined once it is due or cancelled. */
  onDue: (() => void) | undefined;
  before: Deadline | undefined;
  after: Deadline | undefined;

  constructor(dueMs: number, onDue: () => void) {
    this.dueMs = dueMs;
    this.onDue = onDue;
  }
}

/** Cancels a deadline; does nothing after it was due. */
export type CancelDeadline = () => void;

/** Many deadlines of one length on one timer: they are due in the order in which they were set. */
export class Deadlines {
  readonly #lengthMs: number;
  readonly #pending = new LinkedList<Deadline>();
  readonly #timer = new DetachedTimer(() => this.#ring());

  /** @param lengthMs - how long each of them is */
  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs;
  }

  /** How many are pending. */
  get count(): number {
    return this.#pending.size;
  }

  /** Sets a deadline: calls `onDue` at its end, unless it is cancelled before. */
  set(onDue: () => void): CancelDeadline {
    const deadline = new Deadline(performance.now() + this.#lengthMs, onDue);
    this.#pending.add(deadline);
    if (!this.#timer.isArmed) this.#timer.arm(Math.max(1, this.#lengthMs));
    return () => void this.#take(deadline);
  }

  /** Cancels all of them. */
  clear(): void {
    for (const deadline of this.#pending.toArray()) this.#take(deadline);
    this.#timer.clear();
  }

  /** Takes a deadline out; what it calls, undefined if it is out already. */
  #take(deadline: Deadline): (() => void) | undefined {
    const { onDue } = deadline;
    if (onDue !== undefined) this.#pending.remove(deadline);
    deadline.onDue = undefined;
    return onDue;
  }

  #ring(): void {
    const nowMs = performance.now();
    // Ends, since those that are set meanwhile are due later.
    for (let first = this.#pending.first; first !== undefined; first = this.#pending.first) {
      if (first.dueMs > nowMs) {
        this.#timer.arm(Math.ceil(first.dueMs - nowMs));
        return;
      }
      this.#take(first)?.();
    }
  }
}

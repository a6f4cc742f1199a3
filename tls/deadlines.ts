import { DetachedTimer } from './detached-timer.ts';

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

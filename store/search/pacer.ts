import { setImmediate } from 'node:timers/promises';

/** How long a search may keep the event loop to itself, in milliseconds: several searches of a thread follow each other. */
const sliceMs = 2;

/** Lets others run whenever a slice of time is used up. */
export class Pacer {
  #sliceEnd = performance.now() + sliceMs;

  /** True where it is time to call {@link pause}. */
  get isDue(): boolean {
    return performance.now() >= this.#sliceEnd;
  }

  /** Settles after the event loop has gone round once. */
  async pause(): Promise<void> {
    await setImmediate();
    this.#sliceEnd = performance.now() + sliceMs;
  }
}

import { takeTurn } from '../turns.ts';

/** How long a search may keep the event loop to itself, in milliseconds. */
const sliceMs = 1;

/** Lets others run whenever a slice of time is used up. */
export class Pacer {
  #sliceEnd = performance.now() + sliceMs;

  /** True if it is time to call {@link pause}. */
  get isDue(): boolean {
    return performance.now() >= this.#sliceEnd;
  }

  /** Settles when it is the search's turn again. */
  async pause(): Promise<void> {
    await takeTurn();
    this.#sliceEnd = performance.now() + sliceMs;
  }
}

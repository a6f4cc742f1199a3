import { type Linked, LinkedList } from '../linked-list.ts';

/** Ranks items by a count that each of them has, and finds one with the highest count in constant time. */
export class CountRanking<T extends Linked<T>> {
  /** A list for each count; those above the highest count are empty. */
  #byCount: LinkedList<T>[] = [];
  #highest = 0;

  /** An item with the highest count; of several, the one that changed longest ago. Undefined if there is none. */
  get first(): T | undefined {
    return this.#byCount[this.#highest]?.first;
  }

  /** The highest count; 0 if there is none. */
  get highest(): number {
    return this.#highest;
  }

  /** How many lists are kept: one for each count, up to a bound that follows the highest count. */
  get listCount(): number {
    return this.#byCount.length;
  }

  /**
   * Changes an item's count by one, up or down.
   *
   * @param item - an item that is in no other list
   * @param from - its count until now; 0 if it is new
   * @param to - its count from now on; 0 removes it
   */
  change(item: T, from: number, to: number): void {
    if (from > 0) this.#listOf(from).remove(item);
    if (to > 0) this.#listOf(to).add(item);
    if (to > this.#highest) this.#highest = to;
    // It went down by one: if no other item has the highest count, the next lower count is its own.
    else if (from === this.#highest && this.#listOf(from).size === 0) this.#highest = to;
    if (this.#byCount.length > spareLists + 2 * this.#highest) this.#trim();
  }

  #listOf(count: number): LinkedList<T> {
    while (this.#byCount.length <= count) this.#byCount.push(new LinkedList());
    return this.#byCount[count] as LinkedList<T>;
  }

  #trim(): void {
    this.#byCount = this.#byCount.slice(0, this.#highest + 1);
  }
}

/** How many empty lists are kept, so that small counts do not allocate and drop lists all the time. */
const spareLists = 64;

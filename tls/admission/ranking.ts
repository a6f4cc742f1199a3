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

/** An item that can be in one {@link LinkedList} at a time: the list stores its neighbours in it. */
export interface Linked<T> {
  before: T | undefined;
  after: T | undefined;
}

/**
 * A list in which items are added at the end and removed anywhere, in constant time. Unlike a `Set` it allocates
 * nothing; each connection is added to several lists and removed again.
 */
export class LinkedList<T extends Linked<T>> {
  #first: T | undefined;
  #last: T | undefined;
  #size = 0;

  /** The item that was added first; undefined if there is none. */
  get first(): T | undefined {
    return this.#first;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds an item that is in no list. */
  add(item: T): void {
    item.before = this.#last;
    if (this.#last === undefined) this.#first = item;
    else this.#last.after = item;
    this.#last = item;
    this.#size += 1;
  }

  /** Removes an item that is in this list. */
  remove(item: T): void {
    const { before, after } = item;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    item.before = undefined;
    item.after = undefined;
    this.#size -= 1;
  }
}

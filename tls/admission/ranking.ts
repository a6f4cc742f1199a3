/** Ranks things by a count that each of them has, and finds one with the highest count in constant time. */
export class CountRanking<T extends Linked<T>> {
  /** By count; lists above the highest are empty. */
  #byCount: LinkedList<T>[] = [];
  #highest = 0;

  /** One of the highest count: of several the one whose count changed longest ago; undefined if there is none. */
  get first(): T | undefined {
    return this.#byCount[this.#highest]?.first;
  }

  /** The highest count; 0 if there is none. */
  get highest(): number {
    return this.#highest;
  }

  /** Lists that are kept, one for each count up to a bound that follows the highest. */
  get listCount(): number {
    return this.#byCount.length;
  }

  /**
   * Changes a thing's count by one, up or down.
   *
   * @param thing - in no list but this one's
   * @param from - its count until now; 0: it is new
   * @param to - its count from now on; 0: it goes
   */
  change(thing: T, from: number, to: number): void {
    if (from > 0) this.#listOf(from).remove(thing);
    if (to > 0) this.#listOf(to).add(thing);
    if (to > this.#highest) this.#highest = to;
    // It stepped down by one: if nothing else has the highest count, the next lower one is its own.
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

/** Empty lists that are kept, so that few things need no new ones. */
const spareLists = 64;

/** What can stand in one {@link LinkedList} at a time: the list keeps the neighbours here. */
export interface Linked<T> {
  before: T | undefined;
  after: T | undefined;
}

/**
 * A list that items join at the end and leave from anywhere, in constant time. Unlike a `Set` it allocates nothing: each
 * connection joins and leaves several.
 */
export class LinkedList<T extends Linked<T>> {
  #first: T | undefined;
  #last: T | undefined;
  #size = 0;

  /** The item that has been here for longest; undefined if there is none. */
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

  /** Takes out an item that is in this list. */
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

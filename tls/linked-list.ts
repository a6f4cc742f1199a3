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

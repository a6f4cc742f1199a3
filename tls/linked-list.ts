/** An item that can be in one {@link LinkedList} at a time: the list stores its neighbours in it. */
export interface Linked<T> {
  before: T | undefined;
  after: T | undefined;
}

/**
 * A list in which items are added at the end and removed anywhere, in constant time: for what each connection is added
 * to and removed from.
 *
 * A `Set` or a `Map` makes its table anew every few additions, and the old table refers to the new one. If V8 has moved
 * one of these tables to the old generation, it keeps its successor alive through collections of the young one, which
 * then becomes old too, and so on. So every connection, with all that belongs to it, is copied twice, and stays in
 * memory until the next major collection.
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

  /** A copy, the item that was added first at the front: items may be removed while it is gone through. */
  toArray(): T[] {
    const items: T[] = [];
    for (let item = this.#first; item !== undefined; item = item.after) items.push(item);
    return items;
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

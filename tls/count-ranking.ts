/** Ranks things by a count that each of them has, and finds one with the highest count in constant time. */
export class CountRanking<T> {
  readonly #byCount = new Map<number, Set<T>>();
  #highest = 0;

  /** One of the highest count: of several the one whose count changed longest ago; undefined if there is none. */
  get first(): T | undefined {
    return this.#byCount.get(this.#highest)?.values().next().value;
  }

  /** The highest count; 0 if there is none. */
  get highest(): number {
    return this.#highest;
  }

  /**
   * Changes a thing's count by one, up or down.
   *
   * @param from - its count until now; 0: it is new
   * @param to - its count from now on; 0: it goes
   */
  change(thing: T, from: number, to: number): void {
    if (from > 0) this.#remove(thing, from);
    if (to > 0) this.#add(thing, to);
    if (to > this.#highest) this.#highest = to;
    // It stepped down by one: if nothing else has the highest count, the next lower one is its own.
    else if (from === this.#highest && !this.#byCount.has(from)) this.#highest = to;
  }

  #add(thing: T, count: number): void {
    const things = this.#byCount.get(count);
    if (things === undefined) this.#byCount.set(count, new Set([thing]));
    else things.add(thing);
  }

  #remove(thing: T, count: number): void {
    const things = this.#byCount.get(count);
    things?.delete(thing);
    if (things?.size === 0) this.#byCount.delete(count);
  }
}

/** Numbers in a typed array that grows as they come: 4 or 8 bytes each, without an object. */
export class NumberColumn<T extends Uint32Array | Float64Array> {
  readonly #make: new (length: number) => T;
  #numbers: T;
  #length = 0;

  constructor(make: new (length: number) => T) {
    this.#make = make;
    this.#numbers = new make(16);
  }

  get length(): number {
    return this.#length;
  }

  push(number: number): void {
    if (this.#length === this.#numbers.length) {
      const grown = new this.#make(2 * this.#length);
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    this.#numbers[this.#length++] = number;
  }

  /** A copy of what is there, from an index on. */
  toArray(from = 0): T {
    return this.#numbers.slice(from, this.#length) as T;
  }
}

/** Digits of the hash of a Message-ID. */
const idDigits = 16;

/** Ids that there is room for at first. */
const firstCapacity = 64;

/**
 * Numbers, from 1 up, for hashes of Message-IDs: 12 to 24 bytes each, in typed arrays, since a mailbox has more ids than
 * messages.
 */
export class MessageIds {
  #count = 0;
  /** Both halves of the hashes, by number. */
  #high: Uint32Array = new Uint32Array(firstCapacity);
  #low: Uint32Array = new Uint32Array(firstCapacity);
  /** Numbers, each at the first free place from that of its hash on; at least half of the places are free. */
  #places = new Uint32Array(2 * firstCapacity);

  get sizeBytes(): number {
    return this.#high.byteLength + this.#low.byteLength + this.#places.byteLength;
  }

  /** How many there are, which is the largest number. */
  get count(): number {
    return this.#count;
  }

  /** The number of the hash whose 16 hexadecimal digits begin at an index of a text. */
  numberOf(digits: string, start: number): number {
    const high = readHalf(digits, start);
    const low = readHalf(digits, start + idDigits / 2);
    const known = this.#places[this.#placeOf(high, low)]!;
    if (known !== 0) return known;
    if (this.#count + 1 === this.#high.length) this.#grow();
    const number = ++this.#count;
    [this.#high[number], this.#low[number]] = [high, low];
    this.#places[this.#placeOf(high, low)] = number;
    return number;
  }

  /** Reads one behind the other all hashes of a text. */
  numbersOf(digits: string): Uint32Array {
    const numbers = new Uint32Array(digits.length / idDigits);
    for (let index = 0; index < numbers.length; index++) {
      numbers[index] = this.numberOf(digits, index * idDigits);
    }
    return numbers;
  }

  #grow(): void {
    const length = 2 * this.#high.length;
    this.#high = copyInto(new Uint32Array(length), this.#high);
    this.#low = copyInto(new Uint32Array(length), this.#low);
    this.#places = new Uint32Array(2 * length);
    for (let number = 1; number <= this.#count; number++) {
      this.#places[this.#placeOf(this.#high[number]!, this.#low[number]!)] = number;
    }
  }

  /** The place that has the number of a hash, or else is free for it. */
  #placeOf(high: number, low: number): number {
    const mask = this.#places.length - 1;
    let place = low & mask;
    // Ends at a free place.
    for (let number = this.#places[place]!; number !== 0; number = this.#places[place]!) {
      if (this.#low[number] === low && this.#high[number] === high) break;
      place = (place + 1) & mask;
    }
    return place;
  }
}

function copyInto(target: Uint32Array, source: Uint32Array): Uint32Array {
  target.set(source);
  return target;
}

/** Eight lower-case hexadecimal digits as a number. */
function readHalf(digits: string, start: number): number {
  let value = 0;
  for (let index = start; index < start + idDigits / 2; index++) {
    const code = digits.charCodeAt(index);
    value = (value << 4) | (code < 0x60 ? code - 0x30 : code - 0x57);
  }
  return value >>> 0;
}

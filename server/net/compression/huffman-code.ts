/** Bits of the longest code. @see RFC 1951, section 3.2.7 */
const maxCodeBits = 15;

/** Codes up to this many bits are found by one look into a table of 1 KiB; longer ones are rare. */
const quickBits = 9;

/** Symbols of the largest code. @see RFC 1951, section 3.2.6 */
const maxSymbols = 288;

/** A symbol that was read. */
const symbolShift = 4;
const lengthMask = (1 << symbolShift) - 1;

/** What {@link HuffmanCode.read} returns if the bits are no code. */
export const noSymbol = (0x7fff << symbolShift) | maxCodeBits;

/** The symbol in what {@link HuffmanCode.read} has returned. */
export function symbolOf(found: number): number {
  return found >>> symbolShift;
}

/** The number of bits in what {@link HuffmanCode.read} has returned. */
export function bitsOf(found: number): number {
  return found & lengthMask;
}

/** One of the codes of a DEFLATE block: which bits stand for which symbol. @see RFC 1951, section 3.2.2 */
export class HuffmanCode {
  /** How many codes there are of each length, in bits. */
  readonly #counts = new Uint16Array(maxCodeBits + 1);
  /** The symbols in the order of their codes. */
  readonly #symbols = new Uint16Array(maxSymbols);
  /** What begins with some bits, as {@link read} returns it; 0 if its code is longer than those. */
  readonly #quick = new Uint16Array(1 << quickBits);
  #symbolCount = 0;

  /** @param lengths - as {@link assign} takes them */
  constructor(lengths: Uint8Array) {
    this.assign(lengths);
  }

  /**
   * Makes it another code.
   *
   * @param lengths - of the code of each symbol, in bits; 0 if it has none
   */
  assign(lengths: Uint8Array): void {
    this.#counts.fill(0);
    this.#quick.fill(0);
    this.#symbolCount = lengths.length;
    for (const length of lengths) this.#counts[length]! += 1;
    const offsets = new Uint16Array(maxCodeBits + 2);
    const nextCode = new Uint16Array(maxCodeBits + 2);
    for (let length = 1; length <= maxCodeBits; length++) {
      offsets[length + 1] = offsets[length]! + this.#counts[length]!;
      nextCode[length + 1] = (nextCode[length]! + this.#counts[length]!) << 1;
    }
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      const length = lengths[symbol]!;
      if (length === 0) continue;
      this.#symbols[offsets[length]!++] = symbol;
      this.#addQuick(symbol, length, nextCode[length]!++);
    }
  }

  /** True if every sequence of bits is a code. */
  get isComplete(): boolean {
    return this.#spareCodes === 0;
  }

  /**
   * True if it is complete, or a code of one symbol with one bit, which may do without its other half, or none.
   *
   * @see RFC 1951, section 3.2.7
   */
  get isUsable(): boolean {
    const codeCount = this.#symbolCount - this.#counts[0]!;
    return this.isComplete || codeCount === 0 || (codeCount === 1 && this.#counts[1] === 1);
  }

  /** How many codes of the longest length are left over; less than 0 if there are too many codes. */
  get #spareCodes(): number {
    let left = 1;
    for (let length = 1; length <= maxCodeBits; length++) {
      left = left * 2 - this.#counts[length]!;
      if (left < 0) return left;
    }
    return left;
  }

  /** @param bits - at least 15 of the stream, the first one lowest; returns {@link noSymbol}, or a symbol and its bits */
  read(bits: number): number {
    const found = this.#quick[bits & ((1 << quickBits) - 1)]!;
    return found === 0 ? this.#readLong(bits) : found;
  }

  #readLong(bits: number): number {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= maxCodeBits; length++) {
      code |= (bits >>> (length - 1)) & 1;
      const count = this.#counts[length]!;
      if (code - first < count) {
        return (this.#symbols[index + code - first]! << symbolShift) | length;
      }
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    return noSymbol;
  }

  #addQuick(symbol: number, length: number, code: number): void {
    if (length > quickBits) return;
    let reversed = 0;
    for (let bit = 0; bit < length; bit++) reversed |= ((code >>> bit) & 1) << (length - 1 - bit);
    for (let bits = reversed; bits < 1 << quickBits; bits += 1 << length) {
      this.#quick[bits] = (symbol << symbolShift) | length;
    }
  }
}

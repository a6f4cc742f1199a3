import { HuffmanCode, bitsOf, noSymbol, symbolOf } from './huffman-code.ts';
import { inflatedPieceBytes, maxCodesPerPiece, windowBytes } from './limits.ts';
import { PlainWindow } from './plain-window.ts';

/** What a client sends is not the DEFLATE that it should be. The message says why. */
export class InflateError extends Error {
  constructor(reason: string) {
    super(`Cannot inflate what was sent: ${reason}`);
    this.name = 'InflateError';
  }
}

/** Bytes of the longest match. */
const maxMatchBytes = 258;
/** Zeros behind the input, so that bits may be looked at beyond its end. */
const paddingBytes = 8;
const endOfBlock = 256;

// RFC 1951, section 3.2.5: the first length and distance of each symbol, and how many bits are added to it.
const lengthBits = [
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
];
const distanceBits = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];
const firstLengths = [...sums(lengthBits, 3).slice(0, -1), maxMatchBytes];
const firstDistances = sums(distanceBits, 1);
/** Codes for bytes, for the end and for lengths; two more would fit into their number. @see RFC 1951, section 3.2.7 */
const maxLengthCount = 286;
/** The order in which the lengths of the code of code lengths come. @see RFC 1951, section 3.2.7 */
const lengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

function sums(bits: readonly number[], first: number): number[] {
  let sum = first;
  return bits.map((count) => {
    const value = sum;
    sum += 1 << count;
    return value;
  });
}

/** The codes of a block. */
interface BlockCodes {
  readonly lengths: HuffmanCode;
  readonly distances: HuffmanCode;
}

/** @see RFC 1951, section 3.2.6 */
const fixedCodes: BlockCodes = {
  lengths: new HuffmanCode(new Uint8Array(288).fill(8).fill(9, 144, 256).fill(7, 256, 280)),
  distances: new HuffmanCode(new Uint8Array(32).fill(5)),
};

/** For the lengths of codes; nothing is kept in it. */
const codeOfLengths = new HuffmanCode(new Uint8Array(0));
/** Of a block that has ended, for the next block on this thread: commands are short, and mostly each is a block. */
let spareCodes: BlockCodes | undefined;

/** One for all that are read on this thread: a window, and a piece behind it. */
const workspace = Buffer.alloc(windowBytes + inflatedPieceBytes + maxMatchBytes);
const noBytes = Buffer.alloc(0);

/**
 * Reads a raw DEFLATE stream that never ends, in pieces of a bounded size. Zlib does the same, but takes 60 KiB for each
 * client that waits, and cannot say whether it may be set aside: many clients do not fill the last byte when they flush
 * (Z_PARTIAL_FLUSH). This one holds the window, which is as long as what the client has said, and little more.
 *
 * What needs more bytes than have come is begun anew when they have come: a symbol, or the head of a block.
 *
 * @see RFC 1951
 */
export class Inflater {
  readonly #window = new PlainWindow(windowBytes);
  /** What has been pushed, and padding. */
  #input = noBytes;
  /** In bits of the input. */
  #position = 0;
  #endPosition = 0;
  /** What the next bits are: the head of a block, bytes as they are, or symbols of these codes. */
  #block: 'head' | 'stored' | BlockCodes = 'head';
  #isLastBlock = false;
  #hasEnded = false;
  #storedBytes = 0;
  /** Blocks whose codes have been read for the present piece. */
  #codesCount = 0;
  #isCutShort = false;

  /** True once the client has said that nothing follows. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /**
   * True if the last piece ended early, since it took long to read: more of what was pushed can be read, but others should have
   * their turn before.
   */
  get isCutShort(): boolean {
    return this.#isCutShort;
  }

  /** Bytes of memory that are held between two calls. */
  get heldBytes(): number {
    return this.#window.heldBytes + this.#input.length;
  }

  /** True unless {@link pack} has something to do. */
  get isPacked(): boolean {
    return this.#window.isPacked;
  }

  /** Makes what is held smaller, until more is read. */
  pack(): void {
    this.#window.pack();
  }

  /** Adds bytes, of which a copy is kept. */
  push(chunk: Uint8Array): void {
    if (this.#hasEnded) return;
    const rest = this.#input.subarray(this.#position >>> 3, this.#endPosition >>> 3);
    const size = rest.length + chunk.length;
    const input = Buffer.allocUnsafeSlow(size + paddingBytes);
    input.set(rest);
    input.set(chunk, rest.length);
    input.fill(0, size);
    this.#input = input;
    this.#position &= 7;
    this.#endPosition = size * 8;
  }

  /**
   * The next piece of what was pushed; empty if nothing was read but heads of blocks, and undefined until more comes.
   *
   * @throws InflateError if it is no DEFLATE
   */
  next(): Buffer | undefined {
    if (this.#position === this.#endPosition && this.#input.length === 0) return undefined;
    const begin = this.#window.length;
    this.#codesCount = 0;
    this.#isCutShort = false;
    this.#window.copyTo(workspace);
    const end = this.#inflate(begin, begin + inflatedPieceBytes);
    if (end - begin < inflatedPieceBytes && !this.#isCutShort) this.#setRestAside();
    if (end === begin) return this.#isCutShort ? noBytes : undefined;
    // Not from Node's pool: one command that is kept would keep 64 KiB.
    const piece = Buffer.allocUnsafeSlow(end - begin);
    workspace.copy(piece, 0, begin, end);
    this.#window.append(piece);
    return piece;
  }

  /** Writes plain bytes to the workspace from `at` to about `limit`; returns where they end. */
  #inflate(begin: number, limit: number): number {
    let at = begin;
    while (at < limit && !this.#hasEnded) {
      const block = this.#block;
      const position = this.#position;
      if (block === 'head') this.#readHead();
      else if (block === 'stored') at = this.#copyStored(at, limit);
      else at = this.#readSymbols(at, limit, block);
      // Nothing more can be read until bytes come.
      if (this.#position === position && this.#block === block) break;
    }
    return at;
  }

  #setRestAside(): void {
    if (this.#hasEnded || this.#position === this.#endPosition) {
      this.#input = noBytes;
      this.#position = 0;
      this.#endPosition = 0;
    } else {
      this.push(noBytes);
    }
  }

  #bits(position: number): number {
    const at = position >>> 3;
    const input = this.#input;
    const bits =
      input[at]! | (input[at + 1]! << 8) | (input[at + 2]! << 16) | (input[at + 3]! << 24);
    return bits >>> (position & 7);
  }

  /** @see RFC 1951, section 3.2.3 */
  #readHead(): void {
    const head = this.#bits(this.#position);
    if (this.#position + 3 > this.#endPosition) return;
    const kind = (head >>> 1) & 3;
    if (kind === 3) throw new InflateError('there is no block of type 3');
    if (kind === 0 && !this.#readStoredHead()) return;
    if (kind === 1) this.#beginBlock(fixedCodes, this.#position + 3);
    if (kind === 2 && !this.#readCodes()) return;
    this.#isLastBlock = (head & 1) === 1;
    if (this.#block === 'stored' && this.#storedBytes === 0) this.#endBlock();
  }

  #beginBlock(block: 'stored' | BlockCodes, position: number): true {
    this.#block = block;
    this.#position = position;
    return true;
  }

  #endBlock(): void {
    if (typeof this.#block === 'object' && this.#block !== fixedCodes) spareCodes = this.#block;
    this.#block = 'head';
    this.#hasEnded = this.#isLastBlock;
  }

  /** @see RFC 1951, section 3.2.4 */
  #readStoredHead(): boolean {
    const at = (this.#position + 3 + 7) >>> 3;
    if ((at + 4) * 8 > this.#endPosition) return false;
    const size = this.#input.readUInt16LE(at);
    if (size !== (~this.#input.readUInt16LE(at + 2) & 0xffff)) {
      throw new InflateError('a stored block has two sizes');
    }
    this.#storedBytes = size;
    return this.#beginBlock('stored', (at + 4) * 8);
  }

  #copyStored(begin: number, limit: number): number {
    const at = this.#position >>> 3;
    const there = (this.#endPosition >>> 3) - at;
    const count = Math.min(this.#storedBytes, there, limit - begin);
    workspace.set(this.#input.subarray(at, at + count), begin);
    this.#position += count * 8;
    this.#storedBytes -= count;
    if (this.#storedBytes === 0) this.#endBlock();
    return begin + count;
  }

  /** Reads the codes of a block; false if they have not all come, or have to wait for the next piece. @see RFC 1951, section 3.2.7 */
  #readCodes(): boolean {
    this.#isCutShort = this.#codesCount === maxCodesPerPiece;
    if (this.#isCutShort) return false;
    this.#codesCount++;
    const counts = this.#bits(this.#position + 3);
    const lengthCount = (counts & 31) + 257;
    const distanceCount = ((counts >>> 5) & 31) + 1;
    const orderCount = ((counts >>> 10) & 15) + 4;
    let position = this.#position + 17;
    if (position > this.#endPosition) return false;
    if (lengthCount > maxLengthCount || distanceCount > distanceBits.length) {
      throw new InflateError('a block has too many codes');
    }
    if (position + orderCount * 3 > this.#endPosition) return false;
    const order = new Uint8Array(lengthOrder.length);
    for (const symbol of lengthOrder.slice(0, orderCount)) {
      order[symbol] = this.#bits(position) & 7;
      position += 3;
    }
    const lengths = new Uint8Array(lengthCount + distanceCount);
    codeOfLengths.assign(order);
    if (!codeOfLengths.isComplete) throw new InflateError('a code is no code');
    const end = this.#readLengths(lengths, codeOfLengths, position);
    if (end === undefined) return false;
    if (lengths[endOfBlock] === 0) throw new InflateError('a block has no end');
    const codes = takeCodes(lengths.subarray(0, lengthCount), lengths.subarray(lengthCount));
    return this.#beginBlock(codes, end);
  }

  /** Returns the position behind the lengths of codes; undefined if they have not all come. */
  #readLengths(lengths: Uint8Array, code: HuffmanCode, begin: number): number | undefined {
    let position = begin;
    for (let index = 0; index < lengths.length;) {
      const bits = this.#bits(position);
      const found = code.read(bits);
      const symbol = symbolOf(found);
      const [first, addedBits] = repeats[symbol - 16] ?? [1, 0];
      position += bitsOf(found) + addedBits;
      if (position > this.#endPosition) return undefined;
      const count = first + ((bits >>> bitsOf(found)) & ((1 << addedBits) - 1));
      const isLost = found === noSymbol || (symbol === 16 && index === 0);
      if (isLost || index + count > lengths.length) {
        throw new InflateError('the codes of a block cannot be read');
      }
      const length = symbol < 16 ? symbol : symbol === 16 ? lengths[index - 1]! : 0;
      lengths.fill(length, index, index + count);
      index += count;
    }
    return position;
  }

  #readSymbols(begin: number, limit: number, codes: BlockCodes): number {
    const { lengths, distances } = codes;
    const input = this.#input;
    const endPosition = this.#endPosition;
    let position = this.#position;
    let at = begin;
    while (at < limit) {
      // Most of what is read are symbols for one byte, so this is #bits() once more.
      const from = position >>> 3;
      const bits =
        (input[from]! | (input[from + 1]! << 8) | (input[from + 2]! << 16)) >>> (position & 7);
      const found = lengths.read(bits);
      const next = position + bitsOf(found);
      if (next > endPosition) break;
      const symbol = symbolOf(found);
      if (symbol < endOfBlock) {
        position = next;
        workspace[at++] = symbol;
      } else if (symbol === endOfBlock) {
        position = next;
        this.#endBlock();
        break;
      } else {
        this.#position = position;
        const matchEnd = this.#copyMatch(at, symbol - endOfBlock - 1, next, distances);
        if (matchEnd === at) break;
        at = matchEnd;
        position = this.#position;
      }
    }
    this.#position = position;
    return at;
  }

  /** Copies what has been before; returns where it ends, which is `at` if the bits have not all come. */
  #copyMatch(at: number, symbol: number, begin: number, distances: HuffmanCode): number {
    // What is no code at all is beyond them, too.
    if (symbol >= lengthBits.length) throw new InflateError('there is no such length');
    const addedBits = lengthBits[symbol]!;
    const length = firstLengths[symbol]! + (this.#bits(begin) & ((1 << addedBits) - 1));
    const found = distances.read(this.#bits(begin + addedBits));
    const distanceBegin = begin + addedBits + bitsOf(found);
    const distanceSymbol = symbolOf(found);
    const distanceAdded = distanceBits[distanceSymbol] ?? 0;
    const position = distanceBegin + distanceAdded;
    if (position > this.#endPosition) return at;
    const added = this.#bits(distanceBegin) & ((1 << distanceAdded) - 1);
    const distance = (firstDistances[distanceSymbol] ?? Infinity) + added;
    if (found === noSymbol || distance > Math.min(at, windowBytes)) {
      throw new InflateError('it refers to what has not been');
    }
    // A byte at a time: a match may repeat what it has just written.
    for (let to = at; to < at + length; to++) workspace[to] = workspace[to - distance]!;
    this.#position = position;
    return at + length;
  }
}

/** How often the symbols 16 to 18 repeat a length: at least so many times, and bits that are added to it. */
const repeats = [
  [3, 2],
  [3, 3],
  [11, 7],
] as const;

/** @throws InflateError if they are no codes */
function takeCodes(lengths: Uint8Array, distances: Uint8Array): BlockCodes {
  const codes = spareCodes;
  spareCodes = undefined;
  codes?.lengths.assign(lengths);
  codes?.distances.assign(distances);
  const taken = codes ?? {
    lengths: new HuffmanCode(lengths),
    distances: new HuffmanCode(distances),
  };
  if (taken.lengths.isUsable && taken.distances.isUsable) return taken;
  throw new InflateError('a code is no code');
}

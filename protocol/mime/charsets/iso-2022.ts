import { iconv } from '../text-libraries.ts';
import { replacementCharacter, toBuffer, type CharsetDecoder } from './charset-decoder.ts';
import { cnsPlane1, cnsPlane2 } from './cns-11643.ts';
import {
  gb2312,
  jisX0208,
  jisX0212,
  ksX1001,
  unknownSet,
  type DoubleByteSet,
} from './double-bytes.ts';

/** A set of characters that an escape sequence chooses: bytes of each, and how a run of them is read. */
interface CharacterSet {
  readonly width: 1 | 2;
  readonly read: (run: Uint8Array) => string;
}

const ascii: CharacterSet = { width: 1, read: (run) => toBuffer(run).toString('latin1') };
const jisRoman: CharacterSet = {
  width: 1,
  read: (run) => ascii.read(run).replaceAll('\\', '¥').replaceAll('~', '\u203e'),
};
const katakana: CharacterSet = {
  width: 1,
  read: (run) =>
    Array.from(run, (byte) =>
      byte < 0x60 ? String.fromCharCode(byte - 0x21 + 0xff61) : replacementCharacter,
    ).join(''),
};

function pairsOf(set: DoubleByteSet): CharacterSet {
  return { width: 2, read: (run) => set.read(run) };
}

/** The upper half of an 8-bit charset, which SS2 takes single characters from. */
function upperHalfOf(charset: string): CharacterSet {
  return {
    width: 1,
    read: (run) =>
      iconv().decode(
        Buffer.from(run).map((byte) => byte | 0x80),
        charset,
      ),
  };
}

/** Which of the four places of ISO 2022 an escape sequence fills. */
type Place = 0 | 1 | 2 | 3;

/** Sequences behind ESC, of all charsets of the family: they do not contradict each other. */
const designations = new Map<string, readonly [place: Place, set: CharacterSet]>([
  ['(B', [0, ascii]],
  ['(J', [0, jisRoman]],
  // Written for JIS X 0201 by mailers that took its number for its letter
  ['(H', [0, jisRoman]],
  ['(I', [0, katakana]],
  ['$@', [0, pairsOf(jisX0208)]],
  ['$B', [0, pairsOf(jisX0208)]],
  ['$(@', [0, pairsOf(jisX0208)]],
  ['$(B', [0, pairsOf(jisX0208)]],
  ['$(D', [0, pairsOf(jisX0212)]],
  // JIS X 0213: plane 1 has JIS X 0208 in it, and the rest is rare.
  ['$(O', [0, pairsOf(jisX0208)]],
  ['$(Q', [0, pairsOf(jisX0208)]],
  ['$(P', [0, pairsOf(unknownSet)]],
  ['$A', [0, pairsOf(gb2312)]],
  ['$(A', [0, pairsOf(gb2312)]],
  ['$(C', [0, pairsOf(ksX1001)]],
  ['$)C', [1, pairsOf(ksX1001)]],
  ['$)A', [1, pairsOf(gb2312)]],
  // ISO-IR-165 is GB 2312 and more.
  ['$)E', [1, pairsOf(gb2312)]],
  ['$)G', [1, pairsOf(cnsPlane1)]],
  ['$*H', [2, pairsOf(cnsPlane2)]],
  ...['I', 'J', 'K', 'L', 'M'].map((plane): [string, readonly [Place, CharacterSet]] => [
    `$+${plane}`,
    [3, pairsOf(unknownSet)],
  ]),
  ['.A', [2, upperHalfOf('iso-8859-1')]],
  ['.F', [2, upperHalfOf('iso-8859-7')]],
]);

const escape = 0x1b;
const shiftOut = 0x0e;
const shiftIn = 0x0f;
/** Bytes of the longest escape sequence above. */
const maxEscapeBytes = 4;

/**
 * The charsets that switch between sets of characters by escape sequences and shifts: ISO-2022-JP with -1, -2, -3 and
 * -2004, ISO-2022-KR, ISO-2022-CN with -EXT. A line begins in ASCII, also after one that did not return to it.
 *
 * @see RFC 1468, RFC 1554, RFC 2237 (JP); RFC 1557 (KR); RFC 1922 (CN)
 */
export class Iso2022Decoder implements CharsetDecoder {
  readonly #sets: [CharacterSet, CharacterSet, CharacterSet, CharacterSet];
  #isShifted = false;
  /** SS2 or SS3 has been read: the next character is of that place. */
  #singleShift: Place | undefined;
  /** The beginning of an escape sequence or a character that a piece has cut. */
  #held = Buffer.alloc(0);

  readonly #family: 'jp' | 'kr' | 'cn';

  /** @param family what a shift means before any designation, and bytes that the charset does not have */
  constructor(family: 'jp' | 'kr' | 'cn') {
    this.#family = family;
    this.#sets = [
      ascii,
      pairsOf(family === 'kr' ? ksX1001 : gb2312),
      pairsOf(unknownSet),
      pairsOf(unknownSet),
    ];
  }

  write(bytes: Uint8Array): string {
    const input = this.#held.length > 0 ? Buffer.concat([this.#held, bytes]) : toBuffer(bytes);
    let text = '';
    let position = 0;
    while (position < input.length) {
      const read = this.#readNext(input, position);
      if (read === undefined) break;
      text += read.text;
      position = read.end;
    }
    this.#held = Buffer.from(input.subarray(position));
    return text;
  }

  end(): string {
    return this.#held.length > 0 ? replacementCharacter : '';
  }

  /** A control, or a run of characters; undefined if the bytes end within. */
  #readNext(input: Buffer, position: number): { text: string; end: number } | undefined {
    const byte = input[position]!;
    if (byte === escape) return this.#readEscape(input, position);
    const end = position + 1;
    if (byte === shiftOut || byte === shiftIn) {
      this.#isShifted = byte === shiftOut;
      return { text: '', end };
    }
    if (byte === 0x0a || byte === 0x0d) {
      this.#isShifted = false;
      this.#sets[0] = ascii;
      this.#singleShift = undefined;
    }
    // A half that SS2 takes from has characters at these two as well.
    const isOfHalf = this.#singleShift !== undefined && byte >= 0x20;
    if ((byte <= 0x20 || byte === 0x7f) && !isOfHalf) {
      return { text: String.fromCharCode(byte), end };
    }
    if (byte > 0x7f) return this.#readHighBytes(input, position);
    return this.#readRun(input, position);
  }

  #readEscape(input: Buffer, position: number): { text: string; end: number } | undefined {
    const second = input[position + 1];
    if (second === 0x4e || second === 0x4f) {
      this.#singleShift = second === 0x4e ? 2 : 3;
      return { text: '', end: position + 2 };
    }
    // Intermediate bytes, then a final one
    let end = position + 1;
    while (end < input.length && (input[end]! & 0xf0) === 0x20) end++;
    if (end === input.length && end - position < maxEscapeBytes) return undefined;
    const found = designations.get(input.toString('latin1', position + 1, end + 1));
    // What is unknown is text.
    if (!found) return { text: '\x1b', end: position + 1 };
    this.#sets[found[0]] = found[1];
    return { text: '', end: end + 1 };
  }

  #readRun(input: Buffer, position: number): { text: string; end: number } | undefined {
    const set = this.#sets[this.#singleShift ?? (this.#isShifted ? 1 : 0)];
    const { width, read } = set;
    // Words of ASCII are one run with the spaces between them.
    const first =
      this.#singleShift !== undefined || set === ascii || set === jisRoman ? 0x20 : 0x21;
    const last = this.#singleShift === undefined ? input.length : position + width;
    const limit = this.#singleShift === undefined ? 0x7e : 0x7f;
    let end = position;
    while (end < last && input[end]! >= first && input[end]! <= limit) end++;
    const whole = end - ((end - position) % width);
    if (whole === position) {
      // Half a character: more may come, unless something else stands there.
      return end === input.length ? undefined : { text: replacementCharacter, end };
    }
    this.#singleShift = undefined;
    return { text: read(input.subarray(position, whole)), end: whole };
  }

  /**
   * No charset of the family has bytes above 0x7F, but mailers send them: half-width katakana in Japan, elsewhere the same
   * characters as 8-bit text.
   */
  #readHighBytes(input: Buffer, position: number): { text: string; end: number } | undefined {
    const byte = input[position]!;
    if (this.#family === 'jp') {
      const isKatakana = byte > 0xa0 && byte < 0xe0;
      return {
        text: isKatakana ? katakana.read(Uint8Array.of(byte & 0x7f)) : replacementCharacter,
        end: position + 1,
      };
    }
    if (position + 1 === input.length) return undefined;
    const second = input[position + 1]!;
    if (byte < 0xa1 || second < 0xa1) return { text: replacementCharacter, end: position + 1 };
    return {
      text: this.#sets[1].read(Uint8Array.of(byte & 0x7f, second & 0x7f)),
      end: position + 2,
    };
  }
}

function isGraphic(byte: number): boolean {
  return byte > 0x20 && byte < 0x7f;
}

const tilde = 0x7e;
const lineFeed = 0x0a;

/**
 * HZ: GB 2312 between `~{` and `~}`. A line begins in ASCII.
 *
 * @see RFC 1843
 */
export class HzDecoder implements CharsetDecoder {
  #isChinese = false;
  #held = Buffer.alloc(0);

  write(bytes: Uint8Array): string {
    const input = this.#held.length > 0 ? Buffer.concat([this.#held, bytes]) : toBuffer(bytes);
    let text = '';
    let position = 0;
    while (position < input.length) {
      const end = this.#findEnd(input, position);
      if (end > input.length) break;
      text += this.#read(input, position, end);
      position = end;
    }
    this.#held = Buffer.from(input.subarray(position));
    return text;
  }

  end(): string {
    return this.#held.length > 0 ? replacementCharacter : '';
  }

  /** Behind what begins here: two bytes, or plain text up to what is not; past the input if it is cut. */
  #findEnd(input: Buffer, position: number): number {
    if (input[position] === tilde || (this.#isChinese && isGraphic(input[position]!))) {
      return position + 2;
    }
    if (this.#isChinese) return position + 1;
    const next = input.indexOf(tilde, position);
    return next === -1 ? input.length : next;
  }

  #read(input: Buffer, start: number, end: number): string {
    if (input[start] === lineFeed) this.#isChinese = false;
    const text = input.toString('latin1', start, end);
    if (input[start] === tilde) return this.#readTilde(text);
    if (this.#isChinese && isGraphic(input[start]!)) {
      return isGraphic(input[start + 1]!)
        ? gb2312.read(input.subarray(start, end))
        : replacementCharacter;
    }
    return text.replace(/[\x80-\xff]/g, replacementCharacter);
  }

  #readTilde(pair: string): string {
    if (pair === '~{') this.#isChinese = true;
    else if (pair === '~}') this.#isChinese = false;
    else if (pair === '~~') return '~';
    else if (pair !== '~\n') return pair;
    return '';
  }
}

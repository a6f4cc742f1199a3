import type { DecoderStream } from 'iconv-lite';
import { iconv } from '../../protocol/mime/text-libraries.ts';
import type { MimePart } from '../../protocol/mime/mime-structure.ts';
import { decodePartBytes, decodePartText } from '../../protocol/mime/part-text.ts';

/** Octets of a part that are decoded at once. */
const windowBytes = 256 * 1024;

const lineFeed = 10;

/**
 * The text of a part whose octets come in pieces, in windows of bounded size. A part of one window is decoded
 * as {@link decodePartText} does it; a longer one may differ from that only where its charset is unknown or
 * its octets are broken.
 */
export class PartTextDecoder {
  readonly #part: MimePart;
  readonly #window = Buffer.allocUnsafe(windowBytes);
  #bytes = 0;
  #charsetDecoder: DecoderStream | undefined;

  constructor(part: MimePart) {
    this.#part = part;
  }

  /** Takes octets, and yields text each time a window is full. */
  *push(octets: Uint8Array): Generator<string> {
    let position = 0;
    while (position < octets.length) {
      const count = Math.min(octets.length - position, windowBytes - this.#bytes);
      this.#window.set(octets.subarray(position, position + count), this.#bytes);
      this.#bytes += count;
      position += count;
      if (this.#bytes === windowBytes) yield this.#decodeWindow();
    }
  }

  /** The rest of the text. */
  finish(): string {
    const rest = this.#window.subarray(0, this.#bytes);
    if (this.#charsetDecoder === undefined) return decodePartText(this.#part, rest);
    const text = this.#charsetDecoder.write(Buffer.from(decodePartBytes(this.#part, rest)));
    return text + (this.#charsetDecoder.end() ?? '');
  }

  #decodeWindow(): string {
    this.#charsetDecoder ??= iconv().getDecoder(charsetOf(this.#part));
    const cut = this.#findCut();
    const octets = decodePartBytes(this.#part, this.#window.subarray(0, cut));
    const text = this.#charsetDecoder.write(Buffer.from(octets));
    this.#window.copyWithin(0, cut, this.#bytes);
    this.#bytes -= cut;
    return text;
  }

  /** Where the window can be cut without cutting through something encoded. */
  #findCut(): number {
    if (this.#part.encoding === 'base64') return findBase64Cut(this.#window);
    if (this.#part.encoding === 'quoted-printable') return findQuotedPrintableCut(this.#window);
    return this.#window.length;
  }
}

/** After a whole number of groups of four since the last padding. Others than base64's octets do not count. */
function findBase64Cut(window: Buffer): number {
  let groupCharacters = 0;
  let cut = window.lastIndexOf('=') + 1;
  for (let index = cut; index < window.length; index++) {
    if (!isBase64Character(window[index]!)) continue;
    groupCharacters++;
    if (groupCharacters % 4 === 0) cut = index + 1;
  }
  // No group at all: octets that say nothing, which can be dropped as well here as anywhere.
  return cut === 0 ? window.length : cut;
}

function isBase64Character(octet: number): boolean {
  const isDigit = octet >= 0x30 && octet <= 0x39;
  const letter = octet | 0x20;
  const isLetter = letter >= 0x61 && letter <= 0x7a;
  return (
    isDigit || isLetter || octet === 0x2b || octet === 0x2f || octet === 0x2d || octet === 0x5f
  );
}

/** Behind the last line, or where there is none, before an equals sign that may begin something. */
function findQuotedPrintableCut(window: Buffer): number {
  const lineEnd = window.lastIndexOf(lineFeed) + 1;
  if (lineEnd > 0) return lineEnd;
  const equalsSign = window.indexOf('=', window.length - 3);
  return equalsSign > 0 ? equalsSign : window.length;
}

function charsetOf(part: MimePart): string {
  const charset = part.parameters.find(([name]) => name === 'charset')?.[1].trim() ?? '';
  const isNamed = !/^(us-)?ascii$/i.test(charset) && iconv().encodingExists(charset);
  return isNamed ? charset : 'utf-8';
}

import { decodePartBytes } from './part-text.ts';
import type { MimePart } from './mime-structure.ts';

/** Bytes of a part that are decoded at once, at most. */
const maxWindowBytes = 64 * 1024;

const lineFeed = 10;

/** True for a transfer encoding that can be taken off. @see RFC 2045, section 6.1 */
export function isKnownEncoding(encoding: string): boolean {
  return isIdentity(encoding) || encoding === 'base64' || encoding === 'quoted-printable';
}

/** True for a transfer encoding that leaves the bytes as they are. */
export function isIdentity(encoding: string): boolean {
  return encoding === '7bit' || encoding === '8bit' || encoding === 'binary';
}

/**
 * Takes the transfer encoding off a part whose bytes come in pieces, in windows of bounded size. What it gives depends on the
 * bytes alone, not on how they are cut. A part of one window is decoded as {@link decodePartBytes} does it; a longer one may
 * differ from that only where its encoding is broken.
 */
export class TransferDecoder {
  readonly #part: Pick<MimePart, 'encoding'>;
  readonly #window: Buffer;
  #bytes = 0;
  #cutBytes = 0;

  constructor(part: Pick<MimePart, 'encoding' | 'bodyStart' | 'end'>) {
    this.#part = part;
    // Most parts are small, and a large buffer for each would be most of a search's work. One byte more than there are,
    // so that a part of one window never fills it.
    const windowBytes = Math.min(maxWindowBytes, part.end - part.bodyStart + 1);
    this.#window = Buffer.allocUnsafe(windowBytes);
  }

  /** Bytes that were taken and are decoded: there a new decoder would go on with the same. */
  get cutBytes(): number {
    return this.#cutBytes;
  }

  /** Takes bytes, and yields decoded ones each time a window is full; they may be a view that is good until the next step. */
  *push(bytes: Uint8Array): Generator<Uint8Array> {
    let position = 0;
    while (position < bytes.length) {
      const count = Math.min(bytes.length - position, this.#window.length - this.#bytes);
      this.#window.set(bytes.subarray(position, position + count), this.#bytes);
      this.#bytes += count;
      position += count;
      if (this.#bytes < this.#window.length) continue;
      const cut = this.#findCut();
      this.#cutBytes += cut;
      yield decodePartBytes(this.#part, this.#window.subarray(0, cut));
      this.#window.copyWithin(0, cut, this.#bytes);
      this.#bytes -= cut;
    }
  }

  /** The rest, once. */
  finish(): Uint8Array {
    return decodePartBytes(this.#part, this.#window.subarray(0, this.#bytes));
  }

  /** Where the window can be cut without cutting through something encoded. */
  #findCut(): number {
    if (this.#part.encoding === 'base64') return findBase64Cut(this.#window);
    if (this.#part.encoding === 'quoted-printable') return findQuotedPrintableCut(this.#window);
    return this.#window.length;
  }
}

/** After a whole number of groups of four since the last padding. Others than base64's bytes do not count. */
function findBase64Cut(window: Buffer): number {
  let groupCharacters = 0;
  let cut = window.lastIndexOf('=') + 1;
  for (let index = cut; index < window.length; index++) {
    if (!isBase64Character(window[index]!)) continue;
    groupCharacters++;
    if (groupCharacters % 4 === 0) cut = index + 1;
  }
  // No group at all: bytes that say nothing, which can be dropped as well here as anywhere.
  return cut === 0 ? window.length : cut;
}

function isBase64Character(byte: number): boolean {
  const isDigit = byte >= 0x30 && byte <= 0x39;
  const letter = byte | 0x20;
  const isLetter = letter >= 0x61 && letter <= 0x7a;
  return isDigit || isLetter || byte === 0x2b || byte === 0x2f || byte === 0x2d || byte === 0x5f;
}

/** Behind the last line or, if there is none, before an equals sign that may begin something. */
function findQuotedPrintableCut(window: Buffer): number {
  const lineEnd = window.lastIndexOf(lineFeed) + 1;
  if (lineEnd > 0) return lineEnd;
  const equalsSign = window.indexOf('=', window.length - 3);
  return equalsSign > 0 ? equalsSign : window.length;
}

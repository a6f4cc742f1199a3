import type { DecoderStream } from 'iconv-lite';
import { iconv } from '../text-libraries.ts';
import { toBuffer, type CharsetDecoder } from './charset-decoder.ts';

/** Bytes of the sequence that begins at the position; the second byte may lie past the end. */
type LengthOf = (bytes: Buffer, position: number) => number;

const lengthInGb: LengthOf = (bytes, position) => {
  if (bytes[position]! < 0x81) return 1;
  const second = bytes[position + 1] ?? 0;
  return second >= 0x30 && second <= 0x39 ? 4 : 2;
};

const lengthInEucJp: LengthOf = (bytes, position) => {
  if (bytes[position] === 0x8f) return 3;
  return bytes[position]! < 0x8e ? 1 : 2;
};

const lengthInShiftJis: LengthOf = (bytes, position) => {
  const byte = bytes[position]!;
  return byte < 0x81 || (byte > 0x9f && byte < 0xe0) ? 1 : 2;
};

const lengthInOthers: LengthOf = (bytes, position) => (bytes[position]! < 0x81 ? 1 : 2);

/** Charsets of several bytes a character, by the beginning of their names. */
const multiByteCharsets: readonly (readonly [name: RegExp, lengthOf: LengthOf])[] = [
  [/^(?:gb|cp936|windows936|936)/, lengthInGb],
  [/^eucjp/, lengthInEucJp],
  [/^(?:shiftjis|sjis|cp932|windows932|windows31j|mskanji|932)/, lengthInShiftJis],
  [/^(?:big5|cnbig5|cp95|windows95|95|euckr|cp949|windows949|949|ksc|korean)/, lengthInOthers],
];

/**
 * Reads a charset of iconv-lite. Its own decoders of East Asian charsets lose a character after a piece that ends within a
 * sequence of which two UTF-16 units come, so they only get whole sequences.
 */
export class IconvDecoder implements CharsetDecoder {
  readonly #decoder: DecoderStream;
  readonly #lengthOf: LengthOf | undefined;
  #held = Buffer.alloc(0);

  constructor(charset: string) {
    this.#decoder = iconv().getDecoder(charset);
    const plain = charset.toLowerCase().replace(/^x|[^0-9a-z]/g, '');
    this.#lengthOf = multiByteCharsets.find(([name]) => name.test(plain))?.[1];
  }

  write(bytes: Uint8Array): string {
    if (!this.#lengthOf) return this.#decoder.write(toBuffer(bytes));
    const input = this.#held.length > 0 ? Buffer.concat([this.#held, bytes]) : toBuffer(bytes);
    const end = findWholeEnd(input, this.#lengthOf);
    this.#held = Buffer.from(input.subarray(end));
    return this.#decoder.write(input.subarray(0, end));
  }

  end(): string {
    return this.#decoder.write(this.#held) + (this.#decoder.end() ?? '');
  }
}

/** Behind the last sequence that is whole. */
function findWholeEnd(input: Buffer, lengthOf: LengthOf): number {
  // No sequence has a byte below 0x30 in it: most text has a line break or a space near its end.
  let position = input.length;
  while (position > 0 && input[position - 1]! >= 0x30) position--;
  while (position < input.length) {
    const length = lengthOf(input, position);
    if (position + length > input.length) return position;
    position += length;
  }
  return position;
}

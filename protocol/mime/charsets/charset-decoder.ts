/**
 * Turns the bytes of one text into characters. The bytes come in pieces of any size, and the text does not depend on how
 * they were divided. Never throws: what is no text in the charset becomes U+FFFD.
 */
export interface CharsetDecoder {
  /** Takes bytes, which stay the caller's; returns the characters that are whole. */
  write(bytes: Uint8Array): string;
  /** What is left when the bytes have ended. The decoder is used up. */
  end(): string;
}

/** What stands for bytes that are no character. */
export const replacementCharacter = '\ufffd';

/** The same bytes as a Buffer, not copied. */
export function toBuffer(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** How a charset of one to four bytes a character is read. */
export interface SequenceReader {
  /** Bytes of the sequence that begins with this byte; at least 1. */
  lengthOf(bytes: Buffer, position: number): number;
  /** Its text. The sequence is whole. */
  decode(bytes: Buffer, position: number): string;
}

/** Decodes sequences of which the first bytes tell the length, and holds back one that is cut. */
export class SequenceDecoder implements CharsetDecoder {
  readonly #reader: SequenceReader;
  #held = Buffer.alloc(0);

  constructor(reader: SequenceReader) {
    this.#reader = reader;
  }

  write(bytes: Uint8Array): string {
    const input = this.#held.length > 0 ? Buffer.concat([this.#held, bytes]) : toBuffer(bytes);
    let text = '';
    let position = 0;
    while (position < input.length) {
      const length = this.#reader.lengthOf(input, position);
      if (position + length > input.length) break;
      text += this.#reader.decode(input, position);
      position += length;
    }
    this.#held = Buffer.from(input.subarray(position));
    return text;
  }

  end(): string {
    return this.#held.length > 0 ? replacementCharacter : '';
  }
}

import { toBuffer, type CharsetDecoder } from './charset-decoder.ts';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const valueOfByte = new Map(Array.from(alphabet, (letter, value) => [letter.charCodeAt(0), value]));
const plus = 0x2b;
const hyphen = 0x2d;

/**
 * UTF-7: ASCII, and UTF-16 in base64 between `+` and what is no base64, of which a hyphen belongs to it.
 *
 * @see RFC 2152
 */
export class Utf7Decoder implements CharsetDecoder {
  /** Characters of base64 since the `+`; undefined outside of base64. */
  #length: number | undefined;
  #bits = 0;
  #bitCount = 0;

  write(bytes: Uint8Array): string {
    const input = toBuffer(bytes);
    let text = '';
    let position = 0;
    while (position < input.length) {
      if (this.#length !== undefined) {
        text += this.#readBase64(input[position]!);
        position++;
        continue;
      }
      const found = input.indexOf(plus, position);
      const end = found === -1 ? input.length : found;
      text += input.toString('latin1', position, end);
      if (found !== -1) this.#length = 0;
      position = end + 1;
    }
    return text;
  }

  end(): string {
    return '';
  }

  #readBase64(byte: number): string {
    const value = valueOfByte.get(byte);
    if (value === undefined) return this.#endBase64(byte);
    this.#length!++;
    this.#bits = ((this.#bits << 6) | value) & 0x3f_ffff;
    this.#bitCount += 6;
    if (this.#bitCount < 16) return '';
    this.#bitCount -= 16;
    return String.fromCharCode((this.#bits >> this.#bitCount) & 0xffff);
  }

  #endBase64(byte: number): string {
    const isPlus = this.#length === 0 && byte === hyphen;
    this.#length = undefined;
    this.#bits = 0;
    this.#bitCount = 0;
    if (isPlus) return '+';
    return byte === hyphen ? '' : String.fromCharCode(byte);
  }
}

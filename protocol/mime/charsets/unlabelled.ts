import { toBuffer, type CharsetDecoder } from './charset-decoder.ts';
import { Iso2022Decoder } from './iso-2022.ts';
import { MixedUtf8Decoder } from './mixed-utf-8.ts';

const escape = 0x1b;
/** What begins Japanese in ISO-2022-JP, and nothing else: terminals have other escape sequences. */
const designations = ['\x1b$B', '\x1b$@', '\x1b$(D'];
const longestBytes = 4;

/** True if bytes have the beginning of Japanese text in ISO-2022-JP in them. */
export function isIso2022Jp(bytes: Uint8Array): boolean {
  return findJapanese(toBuffer(bytes)) !== -1;
}

function findJapanese(bytes: Buffer): number {
  if (!bytes.includes(escape)) return -1;
  const found = designations.map((text) => bytes.indexOf(text)).filter((index) => index !== -1);
  return found.length === 0 ? -1 : Math.min(...found);
}

/**
 * Text that names no charset, or one that nobody knows: {@link MixedUtf8Decoder}, and from an escape sequence of
 * ISO-2022-JP on that, which Japanese mail had without a label for years.
 */
export class UnlabelledDecoder implements CharsetDecoder {
  #decoder: CharsetDecoder = new MixedUtf8Decoder();
  #isJapanese = false;
  /** The end of a piece that may be the beginning of an escape sequence. */
  #held = Buffer.alloc(0);

  write(bytes: Uint8Array): string {
    if (this.#isJapanese) return this.#decoder.write(bytes);
    const input = this.#held.length > 0 ? Buffer.concat([this.#held, bytes]) : toBuffer(bytes);
    const found = findJapanese(input);
    if (found === -1) return this.#writePlain(input);
    const before = this.#decoder.write(input.subarray(0, found)) + this.#decoder.end();
    this.#isJapanese = true;
    this.#held = Buffer.alloc(0);
    this.#decoder = new Iso2022Decoder('jp');
    return before + this.#decoder.write(input.subarray(found));
  }

  end(): string {
    return this.#decoder.write(this.#held) + this.#decoder.end();
  }

  #writePlain(input: Buffer): string {
    const last = input.lastIndexOf(escape);
    const end = last === -1 || last <= input.length - longestBytes ? input.length : last;
    this.#held = Buffer.from(input.subarray(end));
    return this.#decoder.write(input.subarray(0, end));
  }
}

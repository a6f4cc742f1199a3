import type { CharsetDecoder } from '../../protocol/mime/charsets/charset-decoder.ts';
import { createCharsetDecoder, decodeCharset } from '../../protocol/mime/charsets/charset.ts';
import type { MimePart } from '../../protocol/mime/mime-structure.ts';
import { charsetOf } from '../../protocol/mime/part-text.ts';
import { TransferDecoder } from '../../protocol/mime/transfer-decoder.ts';

/**
 * The text of a part whose bytes come in pieces, in windows of bounded size. A part of one window is decoded
 * as `decodePartText` does it; a longer one may differ from that only where its transfer encoding is broken.
 */
export class PartTextDecoder {
  readonly #part: MimePart;
  readonly #bytes: TransferDecoder;
  #charsetDecoder: CharsetDecoder | undefined;

  constructor(part: MimePart) {
    this.#part = part;
    this.#bytes = new TransferDecoder(part);
  }

  /** Takes bytes, and yields text each time a window is full. */
  *push(bytes: Uint8Array): Generator<string> {
    for (const decoded of this.#bytes.push(bytes)) {
      this.#charsetDecoder ??= createCharsetDecoder(charsetOf(this.#part));
      yield this.#charsetDecoder.write(decoded);
    }
  }

  /** The rest of the text. */
  finish(): string {
    const rest = this.#bytes.finish();
    if (this.#charsetDecoder === undefined) return decodeCharset(rest, charsetOf(this.#part));
    return this.#charsetDecoder.write(rest) + this.#charsetDecoder.end();
  }
}

import { isAscii, isUtf8 } from 'node:buffer';
import { toBuffer, type CharsetDecoder } from './charset-decoder.ts';

/** A sequence of UTF-8 that is no ASCII, as wire text. @see RFC 3629, section 4 */
const sequence =
  /(?:[\xc2-\xdf]|\xe0[\xa0-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]|\xed[\x80-\x9f]|\xf0[\x90-\xbf][\x80-\xbf]|[\xf1-\xf3][\x80-\xbf]{2}|\xf4[\x80-\x8f][\x80-\xbf])[\x80-\xbf]/g;

/** The beginning of such a sequence at the end of the text. */
const cutSequence =
  /(?:[\xc2-\xf4]|\xe0[\xa0-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]|\xed[\x80-\x9f]|\xf0[\x90-\xbf][\x80-\xbf]?|[\xf1-\xf3][\x80-\xbf]{1,2}|\xf4[\x80-\x8f][\x80-\xbf]?)$/;

/**
 * UTF-8 that may be none: what is valid UTF-8 is read so, each other byte is the
 * character of the same number (ISO 8859-1).
 */
export class MixedUtf8Decoder implements CharsetDecoder {
  #held = Buffer.alloc(0);

  write(bytes: Uint8Array): string {
    if (this.#held.length === 0 && isAscii(bytes)) return toBuffer(bytes).toString('latin1');
    const input = this.#held.length > 0 ? Buffer.concat([this.#held, bytes]) : toBuffer(bytes);
    const tail = input.toString('latin1', Math.max(0, input.length - 3));
    const cut = input.length - (cutSequence.exec(tail)?.[0].length ?? 0);
    this.#held = Buffer.from(input.subarray(cut));
    return decodeMixed(input.subarray(0, cut));
  }

  end(): string {
    return this.#held.toString('latin1');
  }
}

function decodeMixed(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  return bytes
    .toString('latin1')
    .replace(sequence, (match) => Buffer.from(match, 'latin1').toString('utf8'));
}

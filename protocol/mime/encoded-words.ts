import { isAsciiText } from './ascii-text.ts';
import { decodeCharset } from './charsets/charset.ts';
import { readHexDigits } from './quoted-printable.ts';

const equalsSign = 0x3d;

/**
 * An encoded word: charset (perhaps with a language, RFC 2231 section 5), encoding, text. White space in the text is
 * forbidden, and written by some.
 */
const encodedWord = /=\?([^?*\s]{1,80})(?:\*[^?\s]{0,80})?\?([bq])\?([^?]*)\?=/gi;

/** White space between two encoded words is not shown. */
const onlySpace = /^[ \t\r\n]*$/;

/**
 * The text of a field's value: encoded words are decoded, and bytes outside of them are read as text without a
 * charset is ({@link createCharsetDecoder}). Words that follow each other in one charset are decoded together, because some
 * writers cut through characters. Takes linear time and never throws.
 *
 * @param value wire text of an unfolded value
 * @see RFC 2047
 */
export function decodeEncodedWords(value: string): string {
  if (!value.includes('=?')) return decodePlain(value);
  let text = '';
  let end = 0;
  let charset = '';
  // Of words that follow each other in one charset.
  let words: Uint8Array[] = [];
  const decodeWords = (): string => {
    const bytes = words.length === 1 ? words[0]! : Buffer.concat(words);
    words = [];
    return decodeCharset(bytes, charset);
  };
  for (const match of value.matchAll(encodedWord)) {
    const between = value.slice(end, match.index);
    const wordCharset = match[1]!.toLowerCase();
    const isAdjacent = words.length > 0 && onlySpace.test(between);
    if (words.length > 0 && (wordCharset !== charset || !isAdjacent)) text += decodeWords();
    if (!isAdjacent) text += decodePlain(between);
    words.push(decodeWord(match[2]!, match[3]!));
    charset = wordCharset;
    end = match.index + match[0].length;
  }
  if (words.length > 0) text += decodeWords();
  return text + decodePlain(value.slice(end));
}

/** Wire text without encoded words. */
function decodePlain(text: string): string {
  // An escape character may begin Japanese.
  if (isAsciiText(text) && !text.includes('\x1b')) return text;
  return decodeCharset(Buffer.from(text, 'latin1'), '');
}

function decodeWord(encoding: string, text: string): Uint8Array {
  if (encoding === 'b' || encoding === 'B') return Buffer.from(text, 'base64');
  const bytes = Buffer.from(text.replaceAll('_', ' '), 'latin1');
  if (!text.includes('=')) return bytes;
  let length = 0;
  for (let position = 0; position < bytes.length; position++) {
    const value = bytes[position] === equalsSign ? readHexDigits(bytes, position + 1) : undefined;
    bytes[length++] = value ?? bytes[position]!;
    if (value !== undefined) position += 2;
  }
  return bytes.subarray(0, length);
}

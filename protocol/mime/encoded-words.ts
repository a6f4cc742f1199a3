import { createCharsetDecoder, decodeCharset } from './charsets/charset.ts';

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
  let text = '';
  let end = 0;
  let charset: string | undefined;
  let decoder = createCharsetDecoder('');
  for (const match of value.matchAll(encodedWord)) {
    const between = value.slice(end, match.index);
    const wordCharset = match[1]!.toLowerCase();
    const isAdjacent = charset !== undefined && onlySpace.test(between);
    if (wordCharset !== charset || !isAdjacent) {
      text += decoder.end();
      decoder = createCharsetDecoder(wordCharset);
    }
    if (!isAdjacent) text += decodeCharset(Buffer.from(between, 'latin1'), '');
    text += decoder.write(decodeWord(match[2]!, match[3]!));
    charset = wordCharset;
    end = match.index + match[0].length;
  }
  return text + decoder.end() + decodeCharset(Buffer.from(value.slice(end), 'latin1'), '');
}

function decodeWord(encoding: string, text: string): Uint8Array {
  if (encoding === 'b' || encoding === 'B') return Buffer.from(text, 'base64');
  const bytes = text
    .replaceAll('_', ' ')
    .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1');
}

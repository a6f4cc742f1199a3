import { isAscii, isUtf8 } from 'node:buffer';
import { iconv } from '../text-libraries.ts';
import { SequenceDecoder, toBuffer, type CharsetDecoder } from './charset-decoder.ts';
import { eucTw } from './cns-11643.ts';
import { IconvDecoder } from './iconv-decoder.ts';
import { HzDecoder, Iso2022Decoder } from './iso-2022.ts';
import { johab } from './johab.ts';
import { macDecoders } from './mac.ts';
import { MixedUtf8Decoder } from './mixed-utf-8.ts';
import { isIso2022Jp, UnlabelledDecoder } from './unlabelled.ts';
import { Utf7Decoder } from './utf-7.ts';

/**
 * Names under which mail has charsets that iconv-lite has under another, without punctuation and without `x` or `cs` at
 * the start. Where vendors put more characters into a standard, its name means the larger one: what its own
 * programs write under it.
 */
const aliases = new Map<string, string>([
  // The controls of 0x80 to 0x9F are no text, and Windows has quotes and the euro there.
  ...['iso88591', 'latin1', 'l1', 'isolatin1', 'isoir100', 'cp819', '88591'].map(
    (name): [string, string] => [name, 'windows-1252'],
  ),
  ['iso88591windows30latin1', 'windows-1252'],
  ['iso88591windows31latin1', 'windows-1252'],
  ['iso88592windowslatin2', 'windows-1250'],
  ['iso88599windowslatin5', 'windows-1254'],
  ['iso88599', 'windows-1254'],
  ['latin5', 'windows-1254'],
  ['tis620', 'windows-874'],
  ['iso885911', 'windows-874'],
  ['iso88596e', 'iso-8859-6'],
  ['iso88596i', 'iso-8859-6'],
  ['iso88598e', 'iso-8859-8'],
  ['iso88598i', 'iso-8859-8'],
  ['logical', 'iso-8859-8'],
  ['visual', 'iso-8859-8'],
  ['kz1048', 'rk1048'],
  ['strk10482002', 'rk1048'],
  ['ptcp154', 'pt154'],
  ['cyrillicasian', 'pt154'],
  ['utf8mb4', 'utf-8'],
  ['unicode11utf8', 'utf-8'],
  ['unicode20utf8', 'utf-8'],
  ['iso10646ucs2', 'utf-16'],
  ['iso10646ucs4', 'utf-32'],
  ['ucs4', 'utf-32'],
  ['cngb', 'gb2312'],
  ['euccn', 'gbk'],
  ['isoir58', 'gb2312'],
  ['gb180302000', 'gb18030'],
  ['gb180302005', 'gb18030'],
  ['gb180302022', 'gb18030'],
  ['cp951', 'big5-hkscs'],
  ['big5hkscs1999', 'big5-hkscs'],
  ['big5hkscs2001', 'big5-hkscs'],
  ['big5hkscs2004', 'big5-hkscs'],
  ['big5hkscs2008', 'big5-hkscs'],
  ['big5eten', 'big5'],
  ['big5et', 'big5'],
  ['uhc', 'cp949'],
  ['ksc56011987', 'cp949'],
  ['ksc56011989', 'cp949'],
  ['ksx1001', 'cp949'],
  ['macjapanese', 'cp932'],
  ['mackorean', 'cp949'],
  ['macchinesetrad', 'big5'],
  ['macchinesesimp', 'gbk'],
  ['macce', 'maccenteuro'],
  ['maccentraleurope', 'maccenteuro'],
  ['maccentraleurroman', 'maccenteuro'],
  ['maclatin2', 'maccenteuro'],
  ['eucpkdfmtjapanese', 'euc-jp'],
  ['eucjpms', 'euc-jp'],
  ['eucjpwin', 'euc-jp'],
  ['eucjpopen', 'euc-jp'],
  ['cp51932', 'euc-jp'],
  ['ujis', 'euc-jp'],
  ['ajec', 'euc-jp'],
  // JIS X 0213 has JIS X 0208 in its place; its own characters are rare.
  ['eucjisx0213', 'euc-jp'],
  ['eucjis2004', 'euc-jp'],
  ['shiftjisx0213', 'cp932'],
  ['shiftjis2004', 'cp932'],
  ['sjisopen', 'cp932'],
  ['sjiswin', 'cp932'],
  ['cp943', 'cp932'],
  ['cp942', 'cp932'],
]);

/** Charsets that are decoded here. */
const makers = new Map<string, () => CharsetDecoder>([
  ...['iso2022jp', 'iso2022jp1', 'iso2022jp2', 'iso2022jp3', 'iso2022jp2004', 'iso2022jpext'].map(
    (name): [string, () => CharsetDecoder] => [name, () => new Iso2022Decoder('jp')],
  ),
  ...['jis', 'jisencoding', 'jis7', 'cp50220', 'cp50221', 'cp50222', 'iso2022jpms', 'junet'].map(
    (name): [string, () => CharsetDecoder] => [name, () => new Iso2022Decoder('jp')],
  ),
  ['iso2022kr', () => new Iso2022Decoder('kr')],
  ['iso2022cn', () => new Iso2022Decoder('cn')],
  ['iso2022cnext', () => new Iso2022Decoder('cn')],
  ...['utf7', 'unicode11utf7', 'unicode20utf7', 'utf7unicode'].map(
    (name): [string, () => CharsetDecoder] => [name, () => new Utf7Decoder()],
  ),
  ['hz', () => new HzDecoder()],
  ['hzgb2312', () => new HzDecoder()],
  ['johab', () => new SequenceDecoder(johab)],
  ['cp1361', () => new SequenceDecoder(johab)],
  ['ms1361', () => new SequenceDecoder(johab)],
  ['ksc5601johab', () => new SequenceDecoder(johab)],
  ['euctw', () => new SequenceDecoder(eucTw)],
  ['cns11643', () => new SequenceDecoder(eucTw)],
  ...macDecoders,
]);

/** Charsets whose bytes up to 0x7F may stand for something else than ASCII. */
const notAsciiBased = /^(?:utf-?7|utf-?16|utf-?32|ucs-?[24]|viscii|tcvn)/;

/** How iconv-lite lists encodings of bytes as text, which are no charsets. */
const notCharsets = new Set(['base64', 'hex', 'binary', 'utf7imap']);

/** A charset by any of its names: a name of iconv-lite, or a maker of one of the decoders here. */
type Charset = string | (() => CharsetDecoder);

/** Names that mail had lately, and the charsets that they name: a search meets the same few in every message. */
const found = new Map<string, Charset | undefined>();
const maxFound = 256;

/** Undefined if nobody knows the name. */
function findCharset(name: string): Charset | undefined {
  if (name.length > 64) return undefined;
  if (found.has(name)) return found.get(name);
  // Strangers choose the names: the map must not grow with them.
  if (found.size >= maxFound) found.clear();
  const charset = resolveName(name);
  found.set(name, charset);
  return charset;
}

function resolveName(name: string): Charset | undefined {
  // A language may follow (RFC 2231, section 5), and a year.
  const plain = name
    .toLowerCase()
    .replace(/\*.*$/, '')
    .replace(/:\d{4}$|[^0-9a-z]/g, '');
  const short = plain.replace(/^(?:x|cs)+/, '');
  const codePage = short.replace(/^(?:cp|dos|ibm|ms|win|windows)0*(?=\d)/, 'cp');
  for (const each of [plain, short, codePage]) {
    const charset = makers.get(each) ?? aliases.get(each) ?? each;
    if (typeof charset !== 'string') return charset;
    if (charset !== '' && !notCharsets.has(charset) && iconv().encodingExists(charset)) {
      return charset;
    }
  }
  return undefined;
}

/** US-ASCII is not decoded as such: bytes above 0x7F in it are mislabelled, and nearly always UTF-8. */
const unlabelledNames = /^(?:(?:us-?)?ascii|ansi_x3\.4-19(?:68|86)|unknown-8bit)$/i;
const utf8Names = /^utf-?8$/i;

/** True if text in the charset can be decoded; names are compared without regard to case and punctuation. */
export function isKnownCharset(name: string): boolean {
  return unlabelledNames.test(name) || findCharset(name) !== undefined;
}

/**
 * A decoder for a charset by any of the names that mail has for it. One for UTF-8, US-ASCII, no charset (an empty name) and
 * an unknown one takes what is valid UTF-8 as that and each other byte as ISO 8859-1, so that text that is none of these is
 * searched by its bytes; all but the one for UTF-8 notice ISO-2022-JP.
 */
export function createCharsetDecoder(name: string): CharsetDecoder {
  if (utf8Names.test(name)) return new MixedUtf8Decoder();
  const charset = unlabelledNames.test(name) ? undefined : findCharset(name);
  if (charset === undefined) return new UnlabelledDecoder();
  return typeof charset === 'string' ? new IconvDecoder(charset) : charset();
}

/** The text of bytes that are all there. @see createCharsetDecoder */
export function decodeCharset(bytes: Uint8Array, name: string): string {
  // Most text is ASCII in a charset that has it, and needs no decoder.
  if (isAscii(bytes) && isAsciiBased(bytes, name)) return toBuffer(bytes).toString('latin1');
  if (utf8Names.test(name) && isUtf8(bytes)) return toBuffer(bytes).toString('utf8');
  const decoder = createCharsetDecoder(name);
  return decoder.write(bytes) + decoder.end();
}

function isAsciiBased(bytes: Uint8Array, name: string): boolean {
  if (utf8Names.test(name)) return true;
  const charset = unlabelledNames.test(name) ? undefined : findCharset(name);
  if (charset === undefined) return !isIso2022Jp(bytes);
  return typeof charset === 'string' && !notAsciiBased.test(charset);
}

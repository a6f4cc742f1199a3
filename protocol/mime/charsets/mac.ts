import { iconv } from '../text-libraries.ts';
import { toBuffer, type CharsetDecoder } from './charset-decoder.ts';

/** A Mac charset as iconv-lite has it, with characters that Apple put in later in place of others. */
class PatchedDecoder implements CharsetDecoder {
  readonly #charset: string;
  readonly #replacements: ReadonlyMap<string, string>;

  constructor(charset: string, replacements: ReadonlyMap<string, string>) {
    this.#charset = charset;
    this.#replacements = replacements;
  }

  write(bytes: Uint8Array): string {
    const text = iconv().decode(toBuffer(bytes), this.#charset);
    return text.replace(/[^\0-\x7f]/g, (found) => this.#replacements.get(found) ?? found);
  }

  end(): string {
    return '';
  }
}

/** A charset of one byte a character, whose upper half is a string of 128 characters. */
class UpperHalfDecoder implements CharsetDecoder {
  readonly #upperHalf: string;

  constructor(upperHalf: string) {
    this.#upperHalf = upperHalf;
  }

  write(bytes: Uint8Array): string {
    const text = toBuffer(bytes).toString('latin1');
    return text.replace(/[\x80-\xff]/g, (byte) => this.#upperHalf[byte.charCodeAt(0) - 0x80]!);
  }

  end(): string {
    return '';
  }
}

const euro = new Map([['¤', '€']]);
const cyrillic = new Map([
  ['¢', 'Ґ'],
  ['∂', 'ґ'],
  ['¤', '€'],
]);
const greek = new Map([
  ['\u00ad', '€'],
  ['\ufffd', '\u00ad'],
]);

const romanian = new Map([
  ['Ş', 'Ș'],
  ['ş', 'ș'],
  ['Ţ', 'Ț'],
  ['ţ', 'ț'],
  ['¤', '€'],
]);

const arabicDigits = '٠١٢٣٤٥٦٧٨٩';
const persianDigits = '۰۱۲۳۴۵۶۷۸۹';
const latinPart = 'Ä\u00a0ÇÉÑÖÜáàâäں«çéèêëí…îïñó»ôö÷úùûü';

function writeArabicHalf(digits: string): string {
  const letters = rangeOf(0x621, 0x63a);
  const moreLetters = rangeOf(0x640, 0x652);
  const signs = ` !"#$٪&'()*+،-./${digits}:؛<=>؟`;
  return `${latinPart}${signs}❊${letters}[\\]^_${moreLetters}پٹچەڤگڈڑ{|}ژے`;
}

function rangeOf(first: number, last: number): string {
  return String.fromCharCode(...Array.from({ length: last - first + 1 }, (_, i) => first + i));
}

/** Decoders of Mac charsets that iconv-lite lacks or has in an early form, by name without punctuation. */
export const macDecoders: readonly (readonly [name: string, make: () => CharsetDecoder])[] = [
  ...['mac', 'macroman', 'macintosh'].map(
    (name) => [name, () => new PatchedDecoder('macroman', euro)] as const,
  ),
  ...['maciceland', 'macicelandic'].map(
    (name) => [name, () => new PatchedDecoder('maciceland', euro)] as const,
  ),
  ...['macromania', 'macromanian'].map(
    (name) => [name, () => new PatchedDecoder('macromania', romanian)] as const,
  ),
  ['maccroatian', () => new PatchedDecoder('maccroatian', euro)],
  ['macgreek', () => new PatchedDecoder('macgreek', greek)],
  ['maccyrillic', () => new PatchedDecoder('maccyrillic', cyrillic)],
  ['macukraine', () => new PatchedDecoder('maccyrillic', cyrillic)],
  ['macukrainian', () => new PatchedDecoder('maccyrillic', cyrillic)],
  ['macarabic', () => new UpperHalfDecoder(writeArabicHalf(arabicDigits))],
  ['macfarsi', () => new UpperHalfDecoder(writeArabicHalf(persianDigits))],
];

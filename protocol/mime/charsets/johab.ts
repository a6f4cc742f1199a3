import { ksX1001 } from './double-bytes.ts';
import { replacementCharacter, type SequenceReader } from './charset-decoder.ts';

// A syllable is three groups of five bits: leading consonant, vowel, trailing consonant. Where a group has no letter, its
// number is the filler.
const leadingFiller = 1;
const vowelFiller = 2;
const trailingFiller = 1;

/** Letters by number of the group; a space is a number without one. The first is number 2, 3 and 2. */
const leading = 'ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ';
const vowels = 'ㅏㅐㅑㅒㅓ  ㅔㅕㅖㅗㅘㅙ  ㅚㅛㅜㅝㅞㅟ  ㅠㅡㅢㅣ';
const trailing = 'ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁ ㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ';
const spokenVowels = vowels.replaceAll(' ', '');
const spokenTrailing = trailing.replace(' ', '');

/**
 * Johab (KS X 1001, annex 3; code page 1361): syllables by their letters, everything else by its place in KS X 1001.
 */
export const johab: SequenceReader = {
  lengthOf: (bytes, position) => (isLead(bytes[position]!) ? 2 : 1),
  decode(bytes, position) {
    const byte = bytes[position]!;
    if (byte < 0x80) return String.fromCharCode(byte);
    if (!isLead(byte)) return replacementCharacter;
    const second = bytes[position + 1]!;
    return byte < 0xd8 ? readSyllable((byte << 8) | second) : readSymbol(byte, second);
  },
};

function isLead(byte: number): boolean {
  return (byte >= 0x84 && byte <= 0xd3) || (byte >= 0xd8 && byte <= 0xf9 && byte !== 0xdf);
}

function readSyllable(code: number): string {
  const [first, second, third] = [(code >> 10) & 31, (code >> 5) & 31, code & 31];
  const consonant = letterAt(leading, first - 2);
  const vowel = letterAt(vowels, second - 3);
  const final = letterAt(trailing, third - 2);
  const hasFinal = third !== trailingFiller;
  if (consonant && vowel && (final || !hasFinal)) {
    const vowelNumber = leading.indexOf(consonant) * 21 + spokenVowels.indexOf(vowel);
    const finalNumber = final ? spokenTrailing.indexOf(final) + 1 : 0;
    return String.fromCharCode(0xac00 + vowelNumber * 28 + finalNumber);
  }
  return readSingleLetter({ first, second, third }) ?? replacementCharacter;
}

/** A syllable of one letter and fillers. */
function readSingleLetter(code: {
  readonly first: number;
  readonly second: number;
  readonly third: number;
}): string | undefined {
  const { first, second, third } = code;
  if (second === vowelFiller && third === trailingFiller) {
    return first === leadingFiller ? '\u3000' : letterAt(leading, first - 2);
  }
  if (first !== leadingFiller) return undefined;
  if (second === vowelFiller) return letterAt(trailing, third - 2);
  return third === trailingFiller ? letterAt(vowels, second - 3) : undefined;
}

function letterAt(letters: string, index: number): string | undefined {
  const letter = letters[index];
  return letter === ' ' ? undefined : letter;
}

/** Symbols (0xD9 to 0xDE) and hanja (0xE0 to 0xF9): two rows of KS X 1001 for each first byte. */
function readSymbol(first: number, second: number): string {
  const row = first < 0xdf ? (first - 0xd9) * 2 : (first - 0xe0) * 2 + 41;
  let cell = -1;
  if (second >= 0x31 && second <= 0x7e) cell = second - 0x31;
  else if (second >= 0x91 && second <= 0xfe) cell = second - 0x91 + 78;
  if (cell < 0 || row < 0) return replacementCharacter;
  const isSecondRow = cell >= 94;
  return ksX1001.read(
    Uint8Array.of(0x21 + row + (isSecondRow ? 1 : 0), 0x21 + (isSecondRow ? cell - 94 : cell)),
  );
}

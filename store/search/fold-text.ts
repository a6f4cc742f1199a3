import { endianness } from 'node:os';
import { isAsciiText } from '../../protocol/mime/ascii-text.ts';

/**
 * Text in the form in which searches compare it: capitals and compatibility forms folded, accents taken apart
 * but kept, so that "É" is "é" and not "e".
 *
 * Two texts that i;unicode-casemap (RFC 5051) takes for equal fold to the same text. The folding goes a
 * little further: "ß" finds "SS", and "ﬁ" finds "fi".
 */
export function foldText(text: string): string {
  // toUpperCase, not toLowerCase: what a capital sigma becomes there depends on what follows it.
  if (isAsciiText(text)) return text.toUpperCase();
  let folded = '';
  for (let start = 0; start < text.length;) {
    const end = findBlockEnd(text, start);
    folded += foldBlock(text.slice(start, end));
    start = end;
  }
  return folded;
}

function foldWhole(text: string): string {
  const folded = text.normalize('NFKD').toUpperCase().normalize('NFKD');
  return folded.replace(doubles, (found) => doublesByCharacter[found]!);
}

/**
 * Characters of East Asian charsets that vendors map to one or the other of two: a mail has the one, what a user types is
 * the other.
 */
const doublesByCharacter: Readonly<Record<string, string>> = {
  '〜': '~',
  '∼': '~',
  '∥': '‖',
  '−': '-',
  '―': '—',
  '・': '·',
};
const doubles = /[〜∼∥−―・]/g;

/*
 * Normalizing looks at each character anew, which takes most of a search in text full of accents. Most characters fold to
 * the same whatever stands beside them: those that begin, taken apart, with one that is not put in order among its
 * neighbours, as the marks behind a letter are. What these fold to is kept in tables, which take memory only for the
 * alphabets that have been met. Any other character is folded together with the one before it and with all up to the
 * next one of these.
 */

/** For each UTF-16 unit the first two units of what it folds to, the second in the upper half; 0 before it is met. */
const foldedPairs = new Uint32Array(0x10000);
/** For each the third unit. */
const foldedThirds = new Uint16Array(0x10000);
/** In `foldedPairs`: it depends on what is beside it, or is longer. */
const dependent = 0xffff_ffff;

/** `utf16le` is how the arrays below keep their numbers nearly everywhere. */
const isLittleEndian = endianness() === 'LE';

/** Units of text that are folded in one go. */
const blockLength = 8192;
const input = new Uint16Array(blockLength);
const inputBytes = Buffer.from(input.buffer);
const output = new Uint16Array(3 * blockLength);
const outputBytes = Buffer.from(output.buffer);

/** Where a block can end: what comes next begins with ASCII, so that nothing before it matters. */
function findBlockEnd(text: string, start: number): number {
  if (text.length - start <= blockLength) return text.length;
  let end = start + blockLength;
  while (end > start && text.charCodeAt(end) >= 0x80) end--;
  // Lines are shorter in mail; whatever this is, it can be folded whole.
  return end === start ? text.length : end;
}

function foldBlock(text: string): string {
  if (text.length > blockLength || !isLittleEndian) return foldWhole(text);
  inputBytes.write(text, 'utf16le');
  let folded = '';
  let length = 0;
  // Where the last character begins that is no part of such a run, in the output and in the input.
  let [lastStart, lastIndex] = [0, 0];
  for (let index = 0; index < text.length; index++) {
    const unit = input[index]!;
    const pair = foldedPairs[unit] || learn(unit);
    if (pair !== dependent) {
      [lastStart, lastIndex] = [length, index];
      output[length++] = pair;
      if (pair > 0xffff) {
        output[length++] = pair >>> 16;
        if (foldedThirds[unit] !== 0) output[length++] = foldedThirds[unit]!;
      }
      continue;
    }
    if (isPictograph(unit, input[index + 1]!) && index + 1 < text.length) {
      [lastStart, lastIndex] = [length, index];
      output[length++] = unit;
      output[length++] = input[++index]!;
      continue;
    }
    // Ends at the end of the text at the latest.
    while (index + 1 < text.length && isDependent(input[index + 1]!)) index++;
    folded += outputBytes.toString('utf16le', 0, 2 * lastStart);
    folded += foldWhole(text.slice(lastIndex, index + 1));
    length = lastStart = 0;
    lastIndex = index + 1;
  }
  return folded + outputBytes.toString('utf16le', 0, 2 * length);
}

/** True for most emoji: two units that fold to themselves. */
function isPictograph(high: number, low: number): boolean {
  if (high < 0xd83c || high > 0xd83e) return false;
  const number = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
  return low >= 0xdc00 && low <= 0xdfff && number >= 0x1f300 && number <= 0x1faff;
}

function isDependent(unit: number): boolean {
  return (foldedPairs[unit] || learn(unit)) === dependent;
}

function learn(unit: number): number {
  const character = String.fromCharCode(unit);
  const folded = foldWhole(character);
  const isIndependent =
    (unit < 0xd800 || unit > 0xdfff) && startsAnew(character) && startsAnew(folded);
  if (!isIndependent || folded.length > 3) return (foldedPairs[unit] = dependent);
  const [first = 0, second = 0, third = 0] = new Uint16Array(
    new Uint8Array(Buffer.from(folded, 'utf16le')).buffer,
  );
  foldedThirds[unit] = third;
  return (foldedPairs[unit] = first + second * 0x10000);
}

/** The mark that stands behind all others, since its class is the highest (240). */
const lastMark = '\u0345';

/** True if no mark before the text goes to another place because of it. */
function startsAnew(text: string): boolean {
  return text !== lastMark && `${lastMark}${text}`.normalize('NFKD').startsWith(lastMark);
}

import { findSystemFlag, type Flag, systemFlags } from '../../protocol/flag.ts';
import { limits } from '../limits.ts';

/**
 * The flags of a message: system flags, keywords 0 to 31 and keywords 32 to 63 as bits, each unsigned, and the numbers of
 * all other keywords, ascending with commas between them. Few mailboxes have more than 64 keywords.
 */
export type FlagWords = readonly [system: number, low: number, high: number, more: string];

/** The words of a message without flags. */
export const noFlags: FlagWords = [0, 0, 0, ''];

/** Keywords that have a bit. */
const bitKeywords = 64;

/** The bits of the system flags that the counters of a mailbox look at. */
export const seenBit = 1 << systemFlags.indexOf('\\Seen');
export const deletedBit = 1 << systemFlags.indexOf('\\Deleted');

/** The number of a system flag, written in any case; undefined for everything else. */
export function systemFlagNumber(flag: Flag): number | undefined {
  const number = systemFlags.findIndex((name) => name === findSystemFlag(flag));
  return number === -1 ? undefined : number;
}

/** The words of system flags and keywords, by their numbers. */
export function toWords(
  systemNumbers: readonly number[],
  keywordNumbers: readonly number[],
): FlagWords {
  let [system, low, high] = [0, 0, 0];
  for (const number of systemNumbers) system |= 1 << number;
  const more: number[] = [];
  for (const number of keywordNumbers) {
    if (number >= bitKeywords) more.push(number);
    else if (number < 32) low |= 1 << number;
    else high |= 1 << (number - 32);
  }
  return [system >>> 0, low >>> 0, high >>> 0, joinNumbers(more)];
}

/** Numbers of keywords without a bit as text: as many as a message may have, the first ones of the list. */
function joinNumbers(numbers: readonly number[]): string {
  return [...new Set(numbers)]
    .slice(0, limits.maxMoreKeywords)
    .toSorted((a, b) => a - b)
    .join();
}

function splitNumbers(more: string): number[] {
  return more === '' ? [] : more.split(',').map(Number);
}

/** The numbers of the keywords, ascending. */
export function keywordNumbers([, low, high, more]: FlagWords): number[] {
  const highNumbers = bitNumbers(high).map((number) => number + 32);
  return [...bitNumbers(low), ...highNumbers, ...splitNumbers(more)];
}

/** The numbers of the bits that are set, ascending. */
export function bitNumbers(word: number): number[] {
  const numbers: number[] = [];
  for (let rest = word; rest !== 0; rest &= rest - 1) numbers.push(31 - Math.clz32(rest & -rest));
  return numbers;
}

/** What a change of flags does to any message: of the bits `(words & keep) | set`. */
export interface FlagMask {
  readonly keep: readonly [system: number, low: number, high: number];
  readonly set: FlagWords;
  /**
   * What becomes of keywords without a bit: `keep` leaves them, `replace` puts those of `set` in their place, for a function
   * the result depends on what the message has.
   */
  readonly more: 'keep' | 'replace' | ((more: string) => string);
}

/** The mask that replaces, adds or removes flags. */
export function flagMask(mode: 'replace' | 'add' | 'remove', words: FlagWords): FlagMask {
  const numbers = splitNumbers(words[3]);
  if (mode === 'replace') return { keep: [0, 0, 0], set: words, more: 'replace' };
  if (mode === 'add') {
    const add = (more: string) => joinNumbers([...splitNumbers(more), ...numbers]);
    const all = 0xffff_ffff;
    return { keep: [all, all, all], set: words, more: numbers.length === 0 ? 'keep' : add };
  }
  const removed = new Set(numbers);
  const remove = (more: string) =>
    joinNumbers(splitNumbers(more).filter((number) => !removed.has(number)));
  return {
    keep: [~words[0] >>> 0, ~words[1] >>> 0, ~words[2] >>> 0],
    set: noFlags,
    more: numbers.length === 0 ? 'keep' : remove,
  };
}

/** The flags after a change. */
export function applyMask(words: FlagWords, { keep, set, more }: FlagMask): FlagWords {
  return [
    ((words[0] & keep[0]) | set[0]) >>> 0,
    ((words[1] & keep[1]) | set[1]) >>> 0,
    ((words[2] & keep[2]) | set[2]) >>> 0,
    more === 'keep' ? words[3] : more === 'replace' ? set[3] : more(words[3]),
  ];
}

/** True if both are the same flags. */
export function areSameWords(a: FlagWords, b: FlagWords): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}

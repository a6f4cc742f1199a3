import { findSystemFlag, systemFlags, type Flag } from '../../protocol/flag.ts';

/** The flags of a message as bits: system flags, keywords 0 to 31, keywords 32 to 63; each unsigned. */
export type FlagWords = readonly [system: number, low: number, high: number];

export const noFlags: FlagWords = [0, 0, 0];

/** The bits of the system flags that the counters of a mailbox look at. */
export const seenBit = 1 << systemFlags.indexOf('\\Seen');
export const deletedBit = 1 << systemFlags.indexOf('\\Deleted');

/** The number of a system flag, written in any case; undefined for everything else. */
export function systemFlagNumber(flag: Flag): number | undefined {
  const number = systemFlags.findIndex((name) => name === findSystemFlag(flag));
  return number === -1 ? undefined : number;
}

/** `words` with the bit of a system flag, or of the keyword of that number. */
export function withSystemFlag(words: FlagWords, number: number): FlagWords {
  return [(words[0] | (1 << number)) >>> 0, words[1], words[2]];
}

export function withKeyword(words: FlagWords, number: number): FlagWords {
  const bit = 1 << (number & 31);
  return number < 32
    ? [words[0], (words[1] | bit) >>> 0, words[2]]
    : [words[0], words[1], (words[2] | bit) >>> 0];
}

/** The numbers of the bits that are set, ascending. */
export function bitNumbers(word: number): number[] {
  const numbers: number[] = [];
  for (let rest = word; rest !== 0; rest &= rest - 1) numbers.push(31 - Math.clz32(rest & -rest));
  return numbers;
}

/** What a change of flags does to any message: `(words & keep) | set`. */
export interface FlagMask {
  readonly keep: FlagWords;
  readonly set: FlagWords;
}

/** The mask that replaces, adds or removes flags. */
export function flagMask(mode: 'replace' | 'add' | 'remove', words: FlagWords): FlagMask {
  const all: FlagWords = [0xffff_ffff, 0xffff_ffff, 0xffff_ffff];
  if (mode === 'add') return { keep: all, set: words };
  if (mode === 'replace') return { keep: noFlags, set: words };
  return { keep: [~words[0] >>> 0, ~words[1] >>> 0, ~words[2] >>> 0], set: noFlags };
}

export function applyMask(words: FlagWords, { keep, set }: FlagMask): FlagWords {
  return [
    ((words[0] & keep[0]) | set[0]) >>> 0,
    ((words[1] & keep[1]) | set[1]) >>> 0,
    ((words[2] & keep[2]) | set[2]) >>> 0,
  ];
}

export function areSameWords(a: FlagWords, b: FlagWords): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2];
}

import { limits } from '../limits.ts';
import { foldText } from './fold-text.ts';
import { UnfilteredTerm } from './unfiltered-term.ts';

/** How well a word of a text matches one that is looked for, from 0 to 1. */
const qualities = { same: 1, beginning: 0.9, oneEdit: 0.8, within: 0.7, twoEdits: 0.6 } as const;

/** Characters of a word from which on it may differ by one, and by two. */
const [oneEditLength, twoEditsLength] = [4, 8];

/** Characters of a word from which on a longer word counts that has it. */
const partLength = 3;

/** The words of a text, in the form in which they are compared: case and accents do not count. */
export function* fuzzyWords(text: string): Generator<string> {
  for (const [word] of foldText(text)
    .replaceAll(/\p{M}+/gu, '')
    .matchAll(/[\p{L}\p{N}]+/gu)) {
    yield word;
  }
}

/**
 * Words that are looked for in one message, in any order. It is shown the texts of the message one after the other, each with a
 * weight, and keeps for each word the best that it has met.
 */
export class FuzzyTerm extends UnfilteredTerm {
  /** No piece of a text overlaps another. */
  readonly length = 1;
  readonly #words: readonly string[];
  readonly #best: Float64Array;
  #weight = 1;

  constructor(text: string) {
    super();
    const words = new Set<string>();
    for (const word of fuzzyWords(text)) {
      if (words.size === limits.fuzzyWords) break;
      words.add(word.slice(0, limits.fuzzyWordCharacters));
    }
    this.#words = [...words];
    this.#best = new Float64Array(this.#words.length);
  }

  /** True if there is no word, which every message matches. */
  get isEmpty(): boolean {
    return this.#words.length === 0;
  }

  /** Begins with the next message. */
  reset(): void {
    this.#best.fill(0);
  }

  /** The texts that follow count so much, from 0 to 1. */
  weigh(weight: number): void {
    this.#weight = weight;
  }

  /**
   * The relevancy of the message, from 1 to 100: the mean over all words of how well each is matched. 0 if fewer than half of them
   * are.
   */
  get relevancy(): number {
    const count = this.#words.length;
    if (count === 0) return 100;
    const matched = this.#best.filter((quality) => quality > 0);
    if (2 * matched.length < count) return 0;
    const sum = matched.reduce((all, quality) => all + quality, 0);
    return Math.max(1, Math.round((100 * sum) / count));
  }

  /** Looks at a text. True if nothing better can come. */
  isIn(text: string): boolean {
    for (const word of fuzzyWords(text)) this.#meet(word);
    return this.#best.every((quality) => quality >= this.#weight);
  }

  isInAscii(text: string): boolean {
    return this.isIn(text);
  }

  isInFolded(text: string): boolean {
    return this.isIn(text);
  }

  #meet(word: string): void {
    for (let index = 0; index < this.#words.length; index++) {
      const best = this.#best[index]!;
      if (best >= this.#weight) continue;
      const quality = this.#weight * compareWords(this.#words[index]!, word);
      if (quality > best) this.#best[index] = quality;
    }
  }
}

/** How well a word matches the one that is looked for, from 0 to 1. */
export function compareWords(wanted: string, word: string): number {
  if (word === wanted) return qualities.same;
  // What is written without spaces between words has few characters a word.
  const isPart = wanted.length >= partLength || /[^0-9A-Z]/.test(wanted);
  if (isPart && word.startsWith(wanted)) return qualities.beginning;
  const edits = countEdits(wanted, word);
  if (edits === 1) return qualities.oneEdit;
  if (isPart && word.includes(wanted)) return qualities.within;
  return edits === 2 ? qualities.twoEdits : 0;
}

/**
 * Characters that are left out, added, replaced, or exchanged with their neighbour; Infinity if they are more than a word of this
 * length may have.
 */
function countEdits(wanted: string, word: string): number {
  const { length } = wanted;
  const most = length >= twoEditsLength ? 2 : length >= oneEditLength ? 1 : 0;
  if (most === 0 || Math.abs(length - word.length) > most) return Infinity;
  let [before, previous] = [[] as number[], Array.from({ length: word.length + 1 }, (_, at) => at)];
  for (let row = 1; row <= length; row++) {
    const current = [row];
    let least = row;
    for (let column = 1; column <= word.length; column++) {
      const isSame = wanted[row - 1] === word[column - 1];
      let edits = Math.min(
        previous[column]! + 1,
        current[column - 1]! + 1,
        previous[column - 1]! + (isSame ? 0 : 1),
      );
      const isExchanged =
        row > 1 &&
        column > 1 &&
        wanted[row - 1] === word[column - 2] &&
        wanted[row - 2] === word[column - 1];
      if (isExchanged) edits = Math.min(edits, before[column - 2]! + 1);
      current.push(edits);
      least = Math.min(least, edits);
    }
    if (least > most) return Infinity;
    [before, previous] = [previous, current];
  }
  const edits = previous[word.length]!;
  return edits <= most ? edits : Infinity;
}

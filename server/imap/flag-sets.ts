import { encodeFlagList, type WireText } from '../../protocol/encoder.ts';
import type { Flag } from '../../protocol/flag.ts';

/** One distinct set of flags in a mailbox. */
export interface FlagSet {
  /** Without \Recent. System flags first. */
  readonly flags: readonly Flag[];
  /** As FETCH tells them. */
  readonly list: WireText;
  /** The same of a message that is \Recent. */
  readonly recentList: WireText;
  readonly isSeen: boolean;
}

/**
 * The distinct sets of flags of a mailbox's messages, each with a number: a message costs 4 bytes, whatever its flags
 * and however many keywords there are.
 */
export class FlagSets {
  readonly #sets: FlagSet[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #keywords: Flag[] = [];

  /** Keywords that are, or were, in use, in the order in which they became known. Keywords are only added. */
  get keywords(): readonly Flag[] {
    return this.#keywords;
  }

  /** Distinct sets, those of no message any more included. */
  get size(): number {
    return this.#sets.length;
  }

  /** Makes keywords known. */
  addKeywords(keywords: readonly Flag[]): void {
    for (const keyword of keywords) {
      if (!this.#keywords.includes(keyword)) this.#keywords.push(keyword);
    }
  }

  /** The set of a number that {@link numberOf} gave. */
  get(number: number): FlagSet {
    return this.#sets[number] as FlagSet;
  }

  /** The number of a set; the same for the same flags in the same order. */
  numberOf(flags: readonly Flag[]): number {
    const text = flags.join(' ');
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#numbers.set(text, this.#sets.length);
    this.#sets.push({
      flags,
      list: encodeFlagList(flags),
      recentList: encodeFlagList(['\\Recent', ...flags]),
      isSeen: flags.includes('\\Seen'),
    });
    this.addKeywords(flags.filter((flag) => !flag.startsWith('\\')));
    return this.#sets.length - 1;
  }

  /** For each number whether its set has the flag, written in any case. */
  having(flag: Flag): readonly boolean[] {
    const wanted = flag.toLowerCase();
    return this.#sets.map(({ flags }) => flags.some((each) => each.toLowerCase() === wanted));
  }

  /**
   * Forgets the sets that none of the messages has, and writes the new numbers into `numbers`.
   *
   * @param count - how many of the numbers count
   */
  compact(numbers: Uint32Array, count: number): void {
    const before = this.#sets.splice(0);
    this.#numbers.clear();
    const renumbered = new Map<number, number>();
    for (let index = 0; index < count; index++) {
      const old = numbers[index] as number;
      let number = renumbered.get(old);
      if (number === undefined) {
        number = this.numberOf((before[old] as FlagSet).flags);
        renumbered.set(old, number);
      }
      numbers[index] = number;
    }
  }
}

import { encodeFlagList, type WireText } from '../../protocol/encoder.ts';
import { systemFlags, type Flag } from '../../protocol/flag.ts';

/** Flags of which the names are known: above it those that no message has are looked for. Twice what most mailboxes have. */
const minNames = 128 + systemFlags.length;

/** Distinct sets of flags above which those that no message has are looked for. */
const minSets = 1024;

/** Characters of encoded lists that are kept; past it they are encoded anew. */
const maxListCharacters = 256 * 1024;

/** What a set takes beside its characters, in bytes: the string, and its place in a table. */
const setOverheadBytes = 96;

/** A set of flags as FETCH tells it. */
interface FlagLists {
  readonly plain: WireText;
  /** The same of a message that is \Recent. */
  readonly recent: WireText;
}

/**
 * The distinct sets of flags of a mailbox's messages, each with a number: a message costs 4 bytes, whatever its flags
 * and however many keywords there are. A set is kept as a string with one character for each of its flags.
 */
export class FlagSets {
  /** Flags by the character that stands for them. */
  #names: Flag[] = [];
  #characters = new Map<Flag, string>();
  /** Characters by the name in lower case: one, but for a keyword that was forgotten and came back in another spelling. */
  #charactersOfName = new Map<string, string>();
  #sets: string[] = [];
  #numbers = new Map<string, number>();
  #characterTotal = 0;
  readonly #lists = new Map<number, FlagLists>();
  #listCharacters = 0;
  #keywordVersion = 0;
  #compactAtSets = minSets;
  #compactAtNames = minNames;

  constructor() {
    this.addKeywords(systemFlags);
  }

  /** Keywords that are, or were a while ago, in use, in the order in which they became known. */
  get keywords(): readonly Flag[] {
    return this.#names.slice(systemFlags.length);
  }

  /** Grows whenever a keyword becomes known. */
  get keywordVersion(): number {
    return this.#keywordVersion;
  }

  /** Distinct sets, those of no message any more included. */
  get size(): number {
    return this.#sets.length;
  }

  get sizeBytes(): number {
    return this.#sets.length * setOverheadBytes + 2 * (this.#characterTotal + this.#listCharacters);
  }

  /** Makes flags known. */
  addKeywords(keywords: readonly Flag[]): void {
    for (const keyword of keywords) this.#characterOf(keyword);
  }

  /** The number of a set; the same for the same flags in the same order. */
  numberOf(flags: readonly Flag[]): number {
    const set = flags.map((flag) => this.#characterOf(flag)).join('');
    const known = this.#numbers.get(set);
    if (known !== undefined) return known;
    this.#numbers.set(set, this.#sets.length);
    this.#characterTotal += set.length;
    return this.#sets.push(set) - 1;
  }

  /** The flags of a set, as FETCH tells them. */
  listOf(number: number, isRecent: boolean): WireText {
    let lists = this.#lists.get(number);
    if (lists === undefined) {
      const flags = (this.#sets[number] as string).split('').map((each) => this.#nameOf(each));
      lists = { plain: encodeFlagList(flags), recent: encodeFlagList(['\\Recent', ...flags]) };
      if (this.#listCharacters > maxListCharacters) this.#forgetLists();
      this.#listCharacters += lists.plain.length + lists.recent.length;
      this.#lists.set(number, lists);
    }
    return isRecent ? lists.recent : lists.plain;
  }

  /** Whether the set of a number has a flag, written in any case. */
  has(number: number, flag: Flag): boolean {
    const set = this.charactersOfSet(number);
    for (const character of this.charactersOf(flag)) if (set.includes(character)) return true;
    return false;
  }

  /** The characters that stand for a flag in sets, one for each spelling; empty if no message has it. Good until {@link compact}. */
  charactersOf(flag: Flag): string {
    return this.#charactersOfName.get(flag.toLowerCase()) ?? '';
  }

  /** The set of a number: one character for each of its flags. Empty for a number that no set has. */
  charactersOfSet(number: number): string {
    return this.#sets[number] ?? '';
  }

  /**
   * Forgets the sets and the keywords that none of the messages has, once there may be many, and writes the new numbers
   * of the sets into `numbers`.
   *
   * @param count - how many of the numbers count
   */
  compact(numbers: Uint32Array, count: number): void {
    if (this.#sets.length < this.#compactAtSets && this.#names.length < this.#compactAtNames)
      return;
    const sets = this.#sets;
    const names = this.#names;
    this.#clear();
    const renumbered = new Map<number, number>();
    for (let index = 0; index < count; index++) {
      const old = numbers[index] as number;
      let number = renumbered.get(old);
      if (number === undefined) {
        const flags = (sets[old] as string)
          .split('')
          .map((each) => names[each.charCodeAt(0)] as Flag);
        number = this.numberOf(flags);
        renumbered.set(old, number);
      }
      numbers[index] = number;
    }
    this.#compactAtSets = Math.max(minSets, 2 * this.#sets.length);
    this.#compactAtNames = Math.max(minNames, 2 * this.#names.length);
  }

  #clear(): void {
    this.#names = [];
    this.#characters = new Map();
    this.#charactersOfName = new Map();
    this.#sets = [];
    this.#numbers = new Map();
    this.#characterTotal = 0;
    this.#forgetLists();
    this.addKeywords(systemFlags);
  }

  #forgetLists(): void {
    this.#lists.clear();
    this.#listCharacters = 0;
  }

  #characterOf(flag: Flag): string {
    const known = this.#characters.get(flag);
    if (known !== undefined) return known;
    const character = String.fromCharCode(this.#names.length);
    this.#names.push(flag);
    this.#characters.set(flag, character);
    const name = flag.toLowerCase();
    this.#charactersOfName.set(name, (this.#charactersOfName.get(name) ?? '') + character);
    this.#keywordVersion += 1;
    return character;
  }

  #nameOf(character: string): Flag {
    return this.#names[character.charCodeAt(0)] as Flag;
  }
}

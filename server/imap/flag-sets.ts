import { encodeFlagList, type WireText } from '../../protocol/wire-text.ts';
import { systemFlags, type Flag } from '../../protocol/flag.ts';

/** Flags of which the names are known: above it those that no message has are looked for. Twice what most mailboxes have. */
const minNames = 128 + systemFlags.length;

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
 * and however many keywords there are. A set is kept as a string with one character for each of its flags, as long as a
 * message has it.
 */
export class FlagSets {
  /** Flags by the code of the character that stands for them; undefined if the character is free. */
  readonly #names: (Flag | undefined)[] = [];
  readonly #freeCodes: number[] = [];
  /** In the order in which they became known. */
  readonly #characters = new Map<Flag, string>();
  /** Characters by the name in lower case: one, but for a keyword that was forgotten and came back in another spelling. */
  readonly #charactersOfName = new Map<string, string>();
  /** By the code of a character: how many sets have it. */
  readonly #setCounts: number[] = [];
  /** By number; undefined if the number is free. */
  readonly #sets: (string | undefined)[] = [];
  readonly #freeNumbers: number[] = [];
  readonly #numbers = new Map<string, number>();
  /** By number: how many messages have the set. */
  #messageCounts = new Uint32Array(16);
  /** Numbers of all sets that no message has, and of some others. */
  #unused: number[] = [];
  #characterTotal = 0;
  readonly #lists = new Map<number, FlagLists>();
  #listCharacters = 0;
  #keywordVersion = 0;
  #forgetAtNames = minNames;

  constructor() {
    this.addKeywords(systemFlags);
  }

  /** Keywords that are, or were a while ago, in use, in the order in which they became known. */
  get keywords(): readonly Flag[] {
    return [...this.#characters.keys()].slice(systemFlags.length);
  }

  /** Grows whenever a keyword becomes known. */
  get keywordVersion(): number {
    return this.#keywordVersion;
  }

  /** One more than the highest number. */
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

  /** The number of a set, the same for the same flags in the same order; good until {@link forgetUnused} or {@link hold}. */
  numberOf(flags: readonly Flag[]): number {
    const set = flags.map((flag) => this.#characterOf(flag)).join('');
    return this.#numbers.get(set) ?? this.#add(set);
  }

  /** One more message has the set. */
  hold(number: number): void {
    this.#messageCounts[number]! += 1;
  }

  /** One message less has the set. */
  release(number: number): void {
    this.#messageCounts[number]! -= 1;
    if (this.#messageCounts[number] === 0) this.#unused.push(number);
  }

  /** Forgets the sets that no message has: of those that became known or were released since the last time. */
  forgetUnused(): void {
    if (this.#unused.length === 0) return;
    for (const number of this.#unused) {
      const set = this.#sets[number];
      if (set !== undefined && this.#messageCounts[number] === 0) this.#forget(number, set);
    }
    this.#unused = [];
  }

  /** Forgets the keywords that no message has, once there may be many. */
  forgetKeywords(): void {
    if (this.#characters.size < this.#forgetAtNames) return;
    for (const [name, character] of [...this.#characters].slice(systemFlags.length)) {
      if (this.#setCounts[character.charCodeAt(0)] === 0) this.#forgetName(name, character);
    }
    this.#forgetAtNames = Math.max(minNames, 2 * this.#characters.size);
  }

  /** The flags of a set, as FETCH tells them. */
  listOf(number: number, isRecent: boolean): WireText {
    let lists = this.#lists.get(number);
    if (lists === undefined) {
      const flags = this.charactersOfSet(number)
        .split('')
        .map((each) => this.#nameOf(each));
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

  /**
   * The characters that stand for a flag in sets, one for each spelling; empty if no message has it. Good until
   * {@link forgetKeywords}.
   */
  charactersOf(flag: Flag): string {
    return this.#charactersOfName.get(flag.toLowerCase()) ?? '';
  }

  /** The set of a number: one character for each of its flags. Empty for a number that no set has. */
  charactersOfSet(number: number): string {
    return this.#sets[number] ?? '';
  }

  #add(set: string): number {
    const number = this.#freeNumbers.pop() ?? this.#sets.length;
    this.#sets[number] = set;
    this.#numbers.set(set, number);
    this.#unused.push(number);
    this.#characterTotal += set.length;
    this.#count(set, 1);
    if (number === this.#messageCounts.length) {
      const grown = new Uint32Array(2 * number);
      grown.set(this.#messageCounts);
      this.#messageCounts = grown;
    }
    return number;
  }

  #count(set: string, change: 1 | -1): void {
    for (let index = 0; index < set.length; index++) {
      this.#setCounts[set.charCodeAt(index)]! += change;
    }
  }

  #forget(number: number, set: string): void {
    this.#sets[number] = undefined;
    this.#numbers.delete(set);
    this.#freeNumbers.push(number);
    this.#characterTotal -= set.length;
    this.#count(set, -1);
    const lists = this.#lists.get(number);
    if (lists === undefined) return;
    this.#listCharacters -= lists.plain.length + lists.recent.length;
    this.#lists.delete(number);
  }

  #forgetName(name: Flag, character: string): void {
    const code = character.charCodeAt(0);
    this.#names[code] = undefined;
    this.#freeCodes.push(code);
    this.#characters.delete(name);
    const key = name.toLowerCase();
    const others = this.charactersOf(name).replace(character, '');
    if (others === '') this.#charactersOfName.delete(key);
    else this.#charactersOfName.set(key, others);
  }

  #forgetLists(): void {
    this.#lists.clear();
    this.#listCharacters = 0;
  }

  #characterOf(flag: Flag): string {
    const known = this.#characters.get(flag);
    if (known !== undefined) return known;
    const code = this.#freeCodes.pop() ?? this.#names.length;
    const character = String.fromCharCode(code);
    this.#names[code] = flag;
    this.#setCounts[code] = 0;
    this.#characters.set(flag, character);
    this.#charactersOfName.set(flag.toLowerCase(), this.charactersOf(flag) + character);
    this.#keywordVersion += 1;
    return character;
  }

  #nameOf(character: string): Flag {
    return this.#names[character.charCodeAt(0)] as Flag;
  }
}

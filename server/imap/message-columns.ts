import { encodeFlagList, type WireText } from '../../protocol/encoder.ts';
import { systemFlags, type Flag } from '../../protocol/flag.ts';
import { indexOfUid, noUids } from './sorted-uids.ts';
import type { MessageStates } from '../../store/mail-store.ts';

/** Flags of which the names are known: above it those that no message has are looked for. Twice what a mailbox may have. */
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
    const set = this.#sets[number] as string;
    const characters = this.#charactersOfName.get(flag.toLowerCase()) ?? '';
    for (const character of characters) if (set.includes(character)) return true;
    return false;
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

/** What is known of a message beside its UID. */
export interface MessageState {
  readonly modseq: number;
  /** Number of its set of flags. */
  readonly flags: number;
}

/**
 * Messages as columns, ascending by UID: UIDs, modseqs and numbers of sets of flags in typed arrays, 16 bytes a message
 * and some room to grow.
 *
 * The array of UIDs is only ever added to at its end, and replaced by another when messages are removed, so that
 * whoever keeps the array keeps the messages as they were.
 */
export class MessageColumns {
  #uids = noUids;
  #modseqs = new Float64Array();
  #flags = new Uint32Array();
  #count = 0;

  /** Only the first {@link count} count, here and in the other columns. */
  get uids(): Uint32Array {
    return this.#uids;
  }

  get modseqs(): Float64Array {
    return this.#modseqs;
  }

  get flags(): Uint32Array {
    return this.#flags;
  }

  get count(): number {
    return this.#count;
  }

  /** 0 if there is no message. */
  get lastUid(): number {
    return this.#count === 0 ? 0 : (this.#uids[this.#count - 1] as number);
  }

  get sizeBytes(): number {
    return this.#uids.byteLength + this.#modseqs.byteLength + this.#flags.byteLength;
  }

  /** The place of a UID, which is looked for at `hint` first; -1 if there is no such message. */
  indexOf(uid: number, hint: number): number {
    return indexOfUid(this.#uids, this.#count, uid, hint);
  }

  set(index: number, { modseq, flags }: MessageState): void {
    this.#modseqs[index] = modseq;
    this.#flags[index] = flags;
  }

  /** Adds a message with a UID above all others. */
  push(uid: number, state: MessageState): void {
    this.reserve(this.#count + 1);
    this.#uids[this.#count] = uid;
    this.set(this.#count, state);
    this.#count += 1;
  }

  /** Adds messages with UIDs above all others. */
  append({ uids, modseqs, flags, flagSets }: MessageStates, known: FlagSets): void {
    const numbers = flagSets.map((set) => known.numberOf(set));
    this.reserve(this.#count + uids.length);
    this.#uids.set(uids, this.#count);
    this.#modseqs.set(modseqs, this.#count);
    for (let place = 0; place < uids.length; place++) {
      this.#flags[this.#count + place] = numbers[flags[place] as number] as number;
    }
    this.#count += uids.length;
  }

  /** Room for so many messages, and for an eighth more if it must grow. */
  reserve(count: number): void {
    if (count <= this.#uids.length) return;
    const capacity = count + 16 + (count >>> 3);
    this.#uids = grown(this.#uids, new Uint32Array(capacity));
    this.#modseqs = grown(this.#modseqs, new Float64Array(capacity));
    this.#flags = grown(this.#flags, new Uint32Array(capacity));
  }

  /** Removes those of the messages that are there. The messages between them are moved in one piece each. */
  remove(uids: Uint32Array): void {
    const places: number[] = [];
    for (const uid of uids) {
      const index = this.indexOf(uid, (places.at(-1) ?? -1) + 1);
      if (index !== -1) places.push(index);
    }
    const [first] = places;
    // If none was there the array stays, and whoever shares it goes on to do so.
    if (first === undefined) return;
    const kept = new Uint32Array(this.#uids.length);
    kept.set(this.#uids.subarray(0, first));
    let count = first;
    for (const [number, place] of places.entries()) {
      const [start, end] = [place + 1, places[number + 1] ?? this.#count];
      kept.set(this.#uids.subarray(start, end), count);
      this.#modseqs.copyWithin(count, start, end);
      this.#flags.copyWithin(count, start, end);
      count += end - start;
    }
    this.#uids = kept;
    this.#count = count;
    if (count < kept.length / 4) this.#shrink();
  }

  #shrink(): void {
    const capacity = this.#count + 16;
    this.#uids = this.#uids.slice(0, capacity);
    this.#modseqs = this.#modseqs.slice(0, capacity);
    this.#flags = this.#flags.slice(0, capacity);
  }
}

function grown<T extends Uint32Array | Float64Array>(before: T, after: T): T {
  after.set(before);
  return after;
}

import type { Flag } from '../../../protocol/flag.ts';
import type { MessageStates } from '../../mailbox-changes.ts';
import type { FlagWords } from '../flag-words.ts';
import type { KeywordTable } from '../keywords.ts';
import type { PackedStates } from './packed-states.ts';

/** Numbers in a typed array that grows as they come: 4 or 8 bytes each, without an object. */
export class NumberColumn<T extends Uint32Array | Float64Array> {
  readonly #make: new (length: number) => T;
  #numbers: T;
  #length = 0;

  /** @param capacity numbers for which there is room from the begin on: what would grow to that is not copied again and again */
  constructor(make: new (length: number) => T, capacity = 16) {
    this.#make = make;
    this.#numbers = new make(capacity);
  }

  get length(): number {
    return this.#length;
  }

  push(number: number): void {
    if (this.#length === this.#numbers.length) this.#grow(2 * this.#length + 16);
    this.#numbers[this.#length++] = number;
  }

  append(numbers: ArrayLike<number>): void {
    const length = this.#length + numbers.length;
    if (length > this.#numbers.length) this.#grow(Math.max(length, 2 * this.#length));
    this.#numbers.set(numbers, this.#length);
    this.#length = length;
  }

  /** What is there, from an index on, and to before another; it never changes. */
  toArray(from = 0, to = this.#length): T {
    // Without room what comes goes to another array.
    if (from === 0 && to === this.#numbers.length) return this.#numbers;
    return this.#numbers.slice(from, to) as T;
  }

  #grow(length: number): void {
    const grown = new this.#make(length);
    grown.set(this.#numbers);
    this.#numbers = grown;
  }
}

/** The different flags of some messages, numbered from 0 in the order in which they are met. */
export class FlagSetNumbers {
  readonly #numbers = new Map<string, number>();
  readonly #words: FlagWords[] = [];

  /** How many there are. */
  get count(): number {
    return this.#words.length;
  }

  numberOf(words: FlagWords): number {
    const key = words.join();
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#words.push(words) - 1;
      this.#numbers.set(key, number);
    }
    return number;
  }

  /** The flags of a number. */
  wordsOf(number: number): FlagWords {
    return this.#words[number]!;
  }

  /** All of them, by number. */
  get all(): readonly FlagWords[] {
    return this.#words;
  }

  toFlagSets(keywords: KeywordTable): (readonly Flag[])[] {
    return this.#words.map((words) => keywords.flagsOf(words));
  }
}

/** Not yet numbered. */
const unknown = 0xffff_ffff;

/** As {@link PackedStates}, of any number of messages, in any order. */
type StateArrays = Omit<PackedStates, 'flags'> & { readonly flags: Uint16Array | Uint32Array };

/** States of several pages. */
export class StateColumns {
  readonly uids = new NumberColumn(Uint32Array);
  readonly modseqs = new NumberColumn(Float64Array);
  readonly flags = new NumberColumn(Uint32Array);
  readonly sets = new FlagSetNumbers();

  get count(): number {
    return this.uids.length;
  }

  add({ uids, modseqs, flags, sets }: StateArrays): void {
    this.uids.append(uids);
    this.modseqs.append(modseqs);
    const numbers = new Uint32Array(sets.length).fill(unknown);
    const renumbered = new Uint32Array(flags.length);
    for (let index = 0; index < flags.length; index++) {
      const set = flags[index]!;
      if (numbers[set] === unknown) numbers[set] = this.sets.numberOf(sets[set]!);
      renumbered[index] = numbers[set]!;
    }
    this.flags.append(renumbered);
  }

  toStates(keywords: KeywordTable): MessageStates {
    return {
      uids: this.uids.toArray(),
      modseqs: this.modseqs.toArray(),
      flags: this.flags.toArray(),
      flagSets: this.sets.toFlagSets(keywords),
    };
  }
}

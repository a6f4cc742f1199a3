import { systemFlags, type Flag } from '../../protocol/flag.ts';
import { foldAsciiCase } from '../names.ts';
import type { Database } from './database.ts';
import {
  bitNumbers,
  noFlags,
  systemFlagNumber,
  withKeyword,
  withSystemFlag,
  type FlagWords,
} from './flag-words.ts';

/** The keywords of a mailbox at one instant: translates between flags and their bits. */
export class KeywordTable {
  /** In the order of their first use. */
  readonly names: readonly Flag[];
  readonly #nameByNumber = new Map<number, Flag>();
  readonly #numberByKey = new Map<string, number>();
  readonly #flagsByWords = new Map<string, readonly Flag[]>();

  constructor(rows: readonly (readonly [number: number, name: string])[]) {
    this.names = rows.map(([, name]) => name);
    for (const [number, name] of rows) {
      this.#nameByNumber.set(number, name);
      this.#numberByKey.set(foldAsciiCase(name), number);
    }
  }

  /** The number of a keyword, written in any case; undefined where the mailbox does not know it. */
  numberOf(keyword: Flag): number | undefined {
    return this.#numberByKey.get(foldAsciiCase(keyword));
  }

  /** Numbers in use, ascending. */
  get numbers(): number[] {
    return [...this.#nameByNumber.keys()].toSorted((a, b) => a - b);
  }

  nameOf(number: number): Flag | undefined {
    return this.#nameByNumber.get(number);
  }

  /** System flags first. The array is shared by all messages with the same flags. */
  flagsOf(words: FlagWords): readonly Flag[] {
    const key = words.join();
    let flags = this.#flagsByWords.get(key);
    if (flags === undefined) {
      flags = this.#listFlags(words);
      this.#flagsByWords.set(key, flags);
    }
    return flags;
  }

  #listFlags([system, low, high]: FlagWords): Flag[] {
    const keywordNumbers = [...bitNumbers(low), ...bitNumbers(high).map((number) => number + 32)];
    return [
      ...bitNumbers(system).map((number) => systemFlags[number]),
      ...keywordNumbers.map((number) => this.#nameByNumber.get(number)),
    ].filter((flag) => flag !== undefined);
  }

  /** The bits of those of the flags that the mailbox knows. */
  wordsOf(flags: readonly Flag[]): FlagWords {
    let words = noFlags;
    for (const flag of flags) {
      const system = systemFlagNumber(flag);
      const keyword = system === undefined ? this.numberOf(flag) : undefined;
      if (system !== undefined) words = withSystemFlag(words, system);
      if (keyword !== undefined) words = withKeyword(words, keyword);
    }
    return words;
  }
}

/** The keywords that the mailbox has now. */
export function readKeywords(database: Database, mailboxId: number): KeywordTable {
  return new KeywordTable(
    database.rows<[number, string]>(
      'SELECT number, name FROM keywords WHERE mailbox_id = ? ORDER BY id',
      mailboxId,
    ),
  );
}

import { findSystemFlag, type Flag, isKeyword, systemFlags } from '../../protocol/flag.ts';
import { limits } from '../limits.ts';
import { StoreError } from '../mail-store.ts';
import { foldAsciiCase } from '../names.ts';
import type { Database } from './database.ts';
import type { WriteContext } from './write-context.ts';

/** The flags of a message as bits: system flags, keywords 0 to 31, keywords 32 to 63; each unsigned. */
export type FlagWords = readonly [system: number, low: number, high: number];

const noFlags: FlagWords = [0, 0, 0];

/** The bits of the system flags that the counters of a mailbox look at. */
export const seenBit = 1 << systemFlags.indexOf('\\Seen');
export const deletedBit = 1 << systemFlags.indexOf('\\Deleted');

/** The number of a system flag, written in any case; undefined for everything else. */
function systemFlagNumber(flag: Flag): number | undefined {
  const number = systemFlags.findIndex((name) => name === findSystemFlag(flag));
  return number === -1 ? undefined : number;
}

/** `words` with the bit of a system flag, or of the keyword of that number. */
function withSystemFlag(words: FlagWords, number: number): FlagWords {
  return [(words[0] | (1 << number)) >>> 0, words[1], words[2]];
}

function withKeyword(words: FlagWords, number: number): FlagWords {
  const bit = 1 << (number & 31);
  return number < 32
    ? [words[0], (words[1] | bit) >>> 0, words[2]]
    : [words[0], words[1], (words[2] | bit) >>> 0];
}

/** The numbers of the bits that are set, ascending. */
function bitNumbers(word: number): number[] {
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

/**
 * The bits of flags in a mailbox, which learns the keywords it does not know. `CANNOT` (not a flag), `LIMIT`
 * (more keywords than a mailbox can have).
 */
export function defineFlags(
  context: WriteContext,
  mailboxId: number,
  flags: readonly Flag[],
): FlagWords {
  if (flags.length === 0) return noFlags;
  let table = readKeywords(context.database, mailboxId);
  for (const flag of flags) {
    if (flag.startsWith('\\')) checkSystemFlag(table, flag);
    else if (table.numberOf(flag) === undefined) {
      addKeyword(context, mailboxId, table, flag);
      table = readKeywords(context.database, mailboxId);
    }
  }
  return table.wordsOf(flags);
}

function checkSystemFlag(table: KeywordTable, flag: Flag): void {
  const [system] = table.wordsOf([flag]);
  if (system === 0) throw new StoreError('CANNOT', `There is no system flag "${flag}"`);
}

function addKeyword(
  context: WriteContext,
  mailboxId: number,
  table: KeywordTable,
  keyword: Flag,
): void {
  if (keyword === '' || keyword.length > limits.maxKeywordLength) {
    throw new StoreError('LIMIT', `Keywords have 1 to ${limits.maxKeywordLength} characters`);
  }
  if (!isKeyword(keyword)) {
    throw new StoreError('CANNOT', `Cannot use ${JSON.stringify(keyword)} as a keyword`);
  }
  const number = freeNumber(table) ?? recycleNumber(context, mailboxId, table);
  if (number === undefined) {
    throw new StoreError('LIMIT', `A mailbox has at most ${limits.maxKeywords} keywords`);
  }
  context.database.run(
    'INSERT INTO keywords (mailbox_id, number, name, name_key) VALUES (?, ?, ?, ?)',
    mailboxId,
    number,
    keyword,
    foldAsciiCase(keyword),
  );
}

function freeNumber(table: KeywordTable): number | undefined {
  const used = new Set(table.numbers);
  return Array.from({ length: limits.maxKeywords }, (_, number) => number).find(
    (number) => !used.has(number),
  );
}

/** Forgets the keywords that no message of the mailbox has; the number of one of them. */
function recycleNumber(
  { database }: WriteContext,
  mailboxId: number,
  table: KeywordTable,
): number | undefined {
  const used = new Set<number>();
  const pairs = database.rows<[number, number]>(
    'SELECT DISTINCT keywords_low, keywords_high FROM messages WHERE mailbox_id = ?',
    mailboxId,
  );
  for (const [low, high] of pairs) {
    for (const number of bitNumbers(low)) used.add(number);
    for (const number of bitNumbers(high)) used.add(number + 32);
  }
  const unused = table.numbers.filter((number) => !used.has(number));
  for (const number of unused) {
    database.run('DELETE FROM keywords WHERE mailbox_id = ? AND number = ?', mailboxId, number);
  }
  return unused[0];
}

/**
 * Fills the temporary table `keyword_map`: for the keywords of the selected messages of a mailbox, which bits
 * mean the same in the target.
 */
export function mapKeywords(context: WriteContext, sourceId: number, targetId: number): void {
  const { database } = context;
  database.run('DELETE FROM temp.keyword_map');
  const pairs = database.rows<[number, number]>(
    `SELECT DISTINCT m.keywords_low, m.keywords_high
     FROM temp.selection s CROSS JOIN messages m ON m.mailbox_id = ? AND m.uid = s.uid`,
    sourceId,
  );
  const source = readKeywords(database, sourceId);
  for (const [low, high] of pairs) {
    const [, newLow, newHigh] =
      sourceId === targetId
        ? [0, low, high]
        : copyKeywords(context, targetId, source.flagsOf([0, low, high]));
    database.run('INSERT INTO temp.keyword_map VALUES (?, ?, ?, ?)', low, high, newLow, newHigh);
  }
}

/** A copy keeps what keywords the target has room for (RFC 3501, section 6.4.7: flags SHOULD be kept). */
function copyKeywords(
  context: WriteContext,
  targetId: number,
  keywords: readonly Flag[],
): FlagWords {
  let words = noFlags;
  for (const keyword of keywords) {
    try {
      defineFlags(context, targetId, [keyword]);
    } catch (error) {
      if (error instanceof StoreError && error.code === 'LIMIT') continue;
      throw error;
    }
    const number = readKeywords(context.database, targetId).numberOf(keyword);
    if (number !== undefined) words = withKeyword(words, number);
  }
  return words;
}

import { type Flag, isKeyword, systemFlags } from '../../protocol/flag.ts';
import { limits } from '../limits.ts';
import { StoreError } from '../mail-store.ts';
import { foldAsciiCase } from '../names.ts';
import type { Database } from './database.ts';
import {
  bitNumbers,
  type FlagWords,
  keywordNumbers,
  noFlags,
  systemFlagNumber,
  toWords,
} from './flag-words.ts';
import { pagesFrom } from './states/state-pages.ts';
import type { WriteContext } from './writer/write-context.ts';

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

  #listFlags(words: FlagWords): Flag[] {
    return [
      ...bitNumbers(words[0]).map((number) => systemFlags[number]),
      ...keywordNumbers(words).map((number) => this.#nameByNumber.get(number)),
    ].filter((flag) => flag !== undefined);
  }

  /** Those of the flags that the mailbox knows. */
  wordsOf(flags: readonly Flag[]): FlagWords {
    const system = flags.map((flag) => systemFlagNumber(flag));
    const keywords = flags.map((flag) => this.numberOf(flag));
    return toWords(
      system.filter((number) => number !== undefined),
      keywords.filter((number) => number !== undefined),
    );
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

/** Flags that a request names, as its mailbox has them. */
export interface DefinedFlags {
  readonly words: FlagWords;
  /** System flags first, keywords in the spelling of their first use. */
  readonly flags: readonly Flag[];
}

/**
 * Flags in a mailbox, which learns the keywords that it does not know, as far as there is room: the others are left out
 * (RFC 3501, section 7.1: PERMANENTFLAGS without `\\*`). `CANNOT` (not a flag), `LIMIT` (a keyword that is too long).
 */
export function defineFlags(
  context: WriteContext,
  mailboxId: number,
  flags: readonly Flag[],
): DefinedFlags {
  if (flags.length === 0) return { words: noFlags, flags: [] };
  const system: number[] = [];
  const keywords: Flag[] = [];
  for (const flag of flags) {
    const number = systemFlagNumber(flag);
    if (number !== undefined) {
      system.push(number);
      continue;
    }
    checkKeyword(flag);
    keywords.push(flag);
  }
  const defined = [...defineKeywords(context, mailboxId, keywords).values()];
  const words = toWords(
    system,
    defined.map(({ number }) => number),
  );
  const table = new KeywordTable(defined.map(({ number, name }) => [number, name]));
  return { words, flags: table.flagsOf(words) };
}

/** Throws if a word is no keyword. */
function checkKeyword(word: Flag): void {
  if (word.startsWith('\\')) throw new StoreError('CANNOT', `There is no system flag "${word}"`);
  if (word === '' || word.length > limits.maxKeywordLength) {
    throw new StoreError('LIMIT', `Keywords have 1 to ${limits.maxKeywordLength} characters`);
  }
  if (!isKeyword(word)) {
    throw new StoreError('CANNOT', `Cannot use ${JSON.stringify(word)} as a keyword`);
  }
}

/** A keyword of a mailbox. */
interface Keyword {
  readonly number: number;
  /** In the spelling of its first use. */
  readonly name: Flag;
}

/**
 * The keywords, by their folded names, of which the mailbox learns those that it does not know. All that a request needs are
 * asked for in one call: what is forgotten to make room is none of them. Those for which there is no room are left out.
 */
function defineKeywords(
  context: WriteContext,
  mailboxId: number,
  names: readonly Flag[],
): Map<string, Keyword> {
  const { database } = context;
  const defined = new Map<string, Keyword>();
  const missing = new Map<string, Flag>();
  for (const name of names) {
    const key = foldAsciiCase(name);
    const row = database.row<[number, string]>(
      'SELECT number, name FROM keywords WHERE mailbox_id = ? AND name_key = ?',
      mailboxId,
      key,
    );
    if (row !== undefined) defined.set(key, { number: row[0], name: row[1] });
    else if (!missing.has(key)) missing.set(key, name);
  }
  if (missing.size === 0) return defined;
  const kept = [...defined.values()].map(({ number }) => number);
  const free = takeNumbers(database, mailboxId, missing.size, new Set(kept));
  for (const [index, [key, name]] of [...missing].entries()) {
    const number = free[index];
    if (number === undefined) break;
    database.run(
      'INSERT INTO keywords (mailbox_id, number, name, name_key) VALUES (?, ?, ?, ?)',
      mailboxId,
      number,
      name,
      key,
    );
    defined.set(key, { number, name });
  }
  return defined;
}

/**
 * So many numbers for new keywords, or as many as there are. If there are too few the mailbox forgets the keywords that no
 * message has, but for those that are kept.
 */
function takeNumbers(
  database: Database,
  mailboxId: number,
  count: number,
  kept: ReadonlySet<number>,
): number[] {
  const free = freeNumbers(database, mailboxId);
  if (free.length >= count) return free.slice(0, count);
  const unused = unusedNumbers(database, mailboxId).filter((number) => !kept.has(number));
  for (const number of unused) {
    database.run('DELETE FROM keywords WHERE mailbox_id = ? AND number = ?', mailboxId, number);
  }
  return [...free, ...unused].slice(0, count);
}

/** Ascending. */
function freeNumbers(database: Database, mailboxId: number): number[] {
  const used = new Set(definedNumbers(database, mailboxId));
  const all = Array.from({ length: limits.maxKeywords }, (_, number) => number);
  return all.filter((number) => !used.has(number));
}

function definedNumbers(database: Database, mailboxId: number): number[] {
  const sql = 'SELECT number FROM keywords WHERE mailbox_id = ? ORDER BY number';
  return database.rows<[number]>(sql, mailboxId).map(([number]) => number);
}

/** The numbers of keywords that no message of the mailbox has, ascending. */
function unusedNumbers(database: Database, mailboxId: number): number[] {
  const used = new Set<number>();
  for (const { states } of pagesFrom(database, mailboxId, 0)) {
    for (const number of states.sets.flatMap(keywordNumbers)) used.add(number);
  }
  return definedNumbers(database, mailboxId).filter((number) => !used.has(number));
}

/** SQL for 1 if a mailbox has a keyword of the last number, else 0. Numbers are given from the lowest on. */
export function hasLastKeywordSql(mailboxId: string): string {
  return `EXISTS (SELECT 1 FROM keywords WHERE mailbox_id = ${mailboxId} AND number = ${limits.maxKeywords - 1})`;
}

/**
 * Whether a mailbox that has a keyword of the last number has room for one that it does not know: if a lower number is free,
 * or if no message has one of its keywords, which is looked for unless the mailbox is too large.
 */
export function hasKeywordRoom(
  database: Database,
  { mailboxId, messageCount }: { readonly mailboxId: number; readonly messageCount: number },
): boolean {
  if (freeNumbers(database, mailboxId).length > 0) return true;
  if (messageCount > limits.keywordRoomMessages) return false;
  return unusedNumbers(database, mailboxId).length > 0;
}

/**
 * The sets of flags of some messages of a mailbox as the target has them, which learns all of their keywords that it has room for.
 * A copy keeps those (RFC 3501, section 6.4.7: flags SHOULD be kept).
 */
export function translateKeywords(
  context: WriteContext,
  sets: readonly FlagWords[],
  { sourceId, targetId }: { readonly sourceId: number; readonly targetId: number },
): readonly FlagWords[] {
  if (sourceId === targetId || !sets.some(hasKeywords)) return sets;
  const source = readKeywords(context.database, sourceId);
  const keywordsOf = ([, ...words]: FlagWords) => source.flagsOf([0, ...words]);
  const names = new Set(sets.flatMap(keywordsOf));
  const defined = defineKeywords(context, targetId, [...names]);
  return sets.map((words) => {
    const numbers = keywordsOf(words).map((name) => defined.get(foldAsciiCase(name))?.number);
    const [, ...keywords] = toWords(
      [],
      numbers.filter((number) => number !== undefined),
    );
    return [words[0], ...keywords];
  });
}

function hasKeywords([, low, high, more]: FlagWords): boolean {
  return low !== 0 || high !== 0 || more !== '';
}

/** Those of the numbers of keywords that the mailbox does not know. */
export function unknownKeywords(
  database: Database,
  mailboxId: number,
  numbers: Iterable<number>,
): number[] {
  const known = new Set(definedNumbers(database, mailboxId));
  return [...numbers].filter((number) => !known.has(number));
}

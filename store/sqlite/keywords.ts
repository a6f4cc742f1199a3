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
import type { UidCondition } from './uid-runs.ts';
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
  const rows = database.rows<[low: number, high: number, more: string]>(
    'SELECT DISTINCT keywords_low, keywords_high, keywords_more FROM messages WHERE mailbox_id = ?',
    mailboxId,
  );
  const used = new Set(rows.flatMap((row) => keywordNumbers([0, ...row])));
  return definedNumbers(database, mailboxId).filter((number) => !used.has(number));
}

/**
 * Whether the mailbox has room for a keyword that it does not know. At its bound it has if no message has one of its
 * keywords, which is looked for unless the mailbox is too large.
 */
export function hasKeywordRoom(
  database: Database,
  { mailboxId, messageCount }: { readonly mailboxId: number; readonly messageCount: number },
): boolean {
  const lastNumber = limits.maxKeywords - 1;
  const sql = 'SELECT 1 FROM keywords WHERE mailbox_id = ? AND number = ?';
  // Numbers are given from the lowest on.
  if (database.row(sql, mailboxId, lastNumber) === undefined) return true;
  if (freeNumbers(database, mailboxId).length > 0) return true;
  if (messageCount > limits.keywordRoomMessages) return false;
  return unusedNumbers(database, mailboxId).length > 0;
}

/** How a statement that copies messages `m` to another mailbox gives them its keywords. */
export interface KeywordMapping {
  /** The expressions that stand for `keywords_low`, `keywords_high` and `keywords_more`. */
  readonly columns: string;
  /** What stands before its SELECT. */
  readonly before: string;
  /** What is joined to `messages m`. */
  readonly join: string;
  /** What is bound before its SELECT. */
  readonly values: readonly string[];
}

const sameKeywords: KeywordMapping = {
  columns: 'm.keywords_low, m.keywords_high, m.keywords_more',
  before: '',
  join: '',
  values: [],
};

/**
 * For the keywords of some messages of a mailbox: which ones mean the same in the target. A copy keeps the keywords that the
 * target has room for (RFC 3501, section 6.4.7: flags SHOULD be kept).
 */
export function mapKeywords(
  context: WriteContext,
  messages: {
    readonly mailboxId: number;
    readonly condition: UidCondition;
    readonly targetId: number;
  },
): KeywordMapping {
  const { mailboxId, condition, targetId } = messages;
  if (mailboxId === targetId) return sameKeywords;
  const rows = context.database.rows<[low: number, high: number, more: string]>(
    `SELECT DISTINCT m.keywords_low, m.keywords_high, m.keywords_more FROM messages m
     WHERE m.mailbox_id = ? AND ${condition.sql}`,
    mailboxId,
    ...condition.values,
  );
  if (rows.every(([low, high, more]) => low === 0 && high === 0 && more === '')) {
    return sameKeywords;
  }
  const translate = translator(context, rows, mailboxId, targetId);
  const map = rows.map((row) => [...row, ...translate([0, ...row]).slice(1)]);
  return {
    columns: 'k.new_low, k.new_high, k.new_more',
    // Thousands of messages may each have a set of their own. Only a table with types gets an index.
    before: `WITH k AS MATERIALIZED (SELECT CAST(value ->> 0 AS INTEGER) AS low,
        CAST(value ->> 1 AS INTEGER) AS high, CAST(value ->> 2 AS TEXT) AS more,
        value ->> 3 AS new_low, value ->> 4 AS new_high, value ->> 5 AS new_more
      FROM json_each(?))`,
    join: `CROSS JOIN k
      ON k.low = m.keywords_low AND k.high = m.keywords_high AND k.more = m.keywords_more`,
    values: [JSON.stringify(map)],
  };
}

/** Translates keywords of one mailbox into those of another, which learns all of the rows' that it has room for. */
function translator(
  context: WriteContext,
  rows: readonly (readonly [low: number, high: number, more: string])[],
  sourceId: number,
  targetId: number,
): (words: FlagWords) => FlagWords {
  const source = readKeywords(context.database, sourceId);
  const names = new Set(rows.flatMap((row) => source.flagsOf([0, ...row])));
  const defined = defineKeywords(context, targetId, [...names]);
  const numbers = new Map(
    Array.from(names, (name) => [name, defined.get(foldAsciiCase(name))?.number]),
  );
  return (words) => {
    const keywords = source.flagsOf(words).map((name) => numbers.get(name));
    return toWords(
      [],
      keywords.filter((number) => number !== undefined),
    );
  };
}

/** Messages with keywords that their mailbox does not know, one line each: none in a sound store. */
export function findUnknownKeywords(database: Database): string[] {
  const defined = new Map<number, Set<number>>();
  const rows = database.rows<
    [mailboxId: number, uid: number, low: number, high: number, more: string]
  >(
    `SELECT mailbox_id, min(uid), keywords_low, keywords_high, keywords_more FROM messages
     WHERE keywords_low | keywords_high <> 0 OR keywords_more <> ''
     GROUP BY mailbox_id, keywords_low, keywords_high, keywords_more`,
  );
  const faults: string[] = [];
  for (const [mailboxId, uid, ...words] of rows) {
    const known = defined.get(mailboxId) ?? new Set(definedNumbers(database, mailboxId));
    defined.set(mailboxId, known);
    const unknown = keywordNumbers([0, ...words]).filter((number) => !known.has(number));
    if (unknown.length === 0) continue;
    faults.push(
      `Message ${uid} of mailbox ${mailboxId} has unknown keywords: ${unknown.join(', ')}`,
    );
  }
  return faults;
}

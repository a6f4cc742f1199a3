import { isKeyword, type Flag } from '../../protocol/flag.ts';
import { limits } from '../limits.ts';
import { StoreError } from '../mail-store.ts';
import { foldAsciiCase } from '../names.ts';
import { bitNumbers, noFlags, withKeyword, type FlagWords } from './flag-words.ts';
import { readKeywords, type KeywordTable } from './keyword-table.ts';
import type { WriteContext } from './write-context.ts';

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

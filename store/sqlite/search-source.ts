import { lowerBound } from '../../protocol/sequence-set.ts';
import { limits } from '../limits.ts';
import type { MailboxKey } from '../mail-store.ts';
import { unpackStructure } from '../packed-structure.ts';
import type {
  SearchColumn,
  SearchedContent,
  SearchExtent,
  SearchRows,
  SearchSource,
} from '../search/search-source.ts';
import { bodyState } from './bodies/bodies.ts';
import { damage } from './damage.ts';
import type { Database } from './database.ts';
import { readKeywords } from './keywords.ts';
import { readCounters } from './mailbox-counters.ts';
import { readNamedStates } from './message-states.ts';
import { readBody } from './bodies/read-body.ts';
import { chunkJoin, type ChunkRows, toChunk } from './bodies/stored-body.ts';
import { emailIdSql, threadIdSql } from './row-columns.ts';
import { readUsualFields } from './usual-field-rows.ts';
import { stepSource, UidScan, type UidStep } from './uid-scan.ts';

/** A mailbox of SQLite, as a search reads it. */
export class SqliteSearchSource implements SearchSource {
  readonly #database: Database;
  readonly #box: MailboxKey;

  constructor(database: Database, box: MailboxKey) {
    this.#database = database;
    this.#box = box;
  }

  async readLargestUid(): Promise<number> {
    return this.#database.snapshot(() => {
      const { mailboxId } = this.#box;
      const { uidNext } = readCounters(this.#database, this.#box);
      const row = this.#database.row<[number | null]>(
        'SELECT max(uid) FROM messages WHERE mailbox_id = ? AND uid < ?',
        mailboxId,
        uidNext,
      );
      return row?.[0] ?? 0;
    });
  }

  async *readRows(
    uids: Uint32Array,
    columns: ReadonlySet<SearchColumn>,
  ): AsyncGenerator<SearchRows> {
    // Behind the end of the mailbox lie copies that nobody is to see yet.
    const { uidNext } = readCounters(this.#database, this.#box);
    const end = lowerBound(uids, uids.length, uidNext);
    const scan = new UidScan(uids.subarray(0, end), limits.searchRows);
    for (let step = scan.step; step !== undefined; step = scan.step) {
      const read = readStep(this.#database, this.#box.mailboxId, step, columns);
      const rows = selectRows(read, scan.take(step, read.uids));
      if (rows.uids.length === 0) continue;
      // Bodies do not change, so these need not be read in one step with the rows.
      yield columns.has('usualFields')
        ? { ...rows, usualFields: readUsualFields(this.#database, rows.bodyIds) }
        : rows;
    }
  }

  async *readContents(
    bodyIds: Float64Array,
    extent: SearchExtent,
  ): AsyncGenerator<readonly SearchedContent[]> {
    let position = 0;
    while (position < bodyIds.length) {
      const ids = bodyIds.subarray(position, position + limits.searchContents);
      const contents: SearchedContent[] = [];
      let [bytes, next] = [0, position + ids.length];
      const rows = this.#database.iterate<[index: number, ...ContentRow]>(
        contentSql[extent],
        `[${ids.join()}]`,
      );
      for (const [index, ...row] of rows) {
        contents.push(toContent(row, extent));
        bytes += contents.at(-1)!.bytes.length;
        if (bytes < limits.searchContentBytes) continue;
        next = position + index + 1;
        break;
      }
      position = next;
      yield contents;
    }
  }

  readBytes(bodyId: number, start: number, end: number): AsyncIterable<Uint8Array> {
    return readBody(this.#database, bodyId, start, end);
  }
}

/** A column that the row of a message has. */
type RowColumn = Exclude<SearchColumn, 'flags' | 'modseq' | 'usualFields'>;

const columnSql: Readonly<Record<RowColumn, string>> = {
  size: 'm.size_bytes',
  internalDay: 'm.internal_seconds + 60 * m.zone_minutes',
  internalSecond: 'm.internal_seconds',
  // No join: a message of which the body is lost must not look like the end of the mailbox.
  sentDay: '(SELECT b.sent_day FROM bodies b WHERE b.id = m.body_id)',
  savedDay: 'coalesce(m.saved_seconds, m.internal_seconds + 60 * m.zone_minutes)',
  emailId: `(SELECT ${emailIdSql} FROM bodies b WHERE b.id = m.body_id)`,
  threadId: `(SELECT ${threadIdSql} FROM bodies b LEFT JOIN sort_keys k ON k.body_id = b.id
    WHERE b.id = m.body_id)`,
};

const daySeconds = 86_400;

function isRowColumn(column: SearchColumn): column is RowColumn {
  return Object.hasOwn(columnSql, column);
}

/** The rows of a step, wanted or not, without usual fields. */
function readStep(
  database: Database,
  mailboxId: number,
  step: UidStep,
  columns: ReadonlySet<SearchColumn>,
): SearchRows {
  const names = [...columns].filter(isRowColumn);
  const sql = ['m.uid', 'm.body_id', ...names.map((name) => columnSql[name])];
  const { from, values } = stepSource(step, mailboxId);
  return database.snapshot(() => {
    // As JSON arrays, which cost a third of what rows do.
    const [uids, bodyIds, ...others] = database
      .row<string[]>(
        `SELECT ${sql.map((_, index) => `json_group_array(c${index})`).join()} FROM (
           SELECT ${sql.map((each, index) => `${each} AS c${index}`).join()} FROM ${from})`,
        ...values,
      )!
      .map((json) => JSON.parse(json) as (number | string | null)[]);
    const rows = {
      uids: Uint32Array.from(uids as number[]),
      bodyIds: Float64Array.from(bodyIds as number[]),
    };
    const hasStates = columns.has('flags') || columns.has('modseq');
    return Object.assign(
      rows,
      hasStates && readStateColumns(database, mailboxId, rows.uids),
      ...names.map((name, index) => toColumn(name, others[index]!)),
    ) as SearchRows;
  });
}

function readStateColumns(
  database: Database,
  mailboxId: number,
  uids: Uint32Array,
): Pick<SearchRows, 'flags' | 'flagSets' | 'modseqs'> {
  const { modseqs, flags, flagSets } = readNamedStates(database, mailboxId, uids).toStates(
    readKeywords(database, mailboxId),
  );
  return { modseqs, flags, flagSets };
}

function toColumn(name: RowColumn, values: (number | string | null)[]): Partial<SearchRows> {
  switch (name) {
    case 'size':
      return { sizes: Float64Array.from(values as number[]) };
    case 'internalSecond':
      return { internalSeconds: Float64Array.from(values as number[]) };
    case 'internalDay':
      return { internalDays: toDays(values as number[]) };
    case 'savedDay':
      return { savedDays: toDays(values as number[]) };
    case 'emailId':
      return { emailIds: values as string[] };
    case 'threadId':
      return { threadIds: values as string[] };
    default:
      return { sentDays: Float64Array.from(values as (number | null)[], (day) => day ?? NaN) };
  }
}

function toDays(seconds: readonly number[]): Float64Array {
  return Float64Array.from(seconds, (second) => Math.floor(second / daySeconds));
}

/** Those of the rows that are wanted. */
function selectRows(rows: SearchRows, isWanted: Uint8Array): SearchRows {
  if (!isWanted.includes(0)) return rows;
  const isKept = (_: unknown, index: number): boolean => isWanted[index] === 1;
  const { uids, bodyIds, flags, flagSets, modseqs, sizes, sentDays } = rows;
  const { internalDays, internalSeconds, savedDays, emailIds, threadIds } = rows;
  return {
    uids: uids.filter(isKept),
    bodyIds: bodyIds.filter(isKept),
    ...(flags && flagSets && { flags: flags.filter(isKept), flagSets }),
    ...(modseqs && { modseqs: modseqs.filter(isKept) }),
    ...(sizes && { sizes: sizes.filter(isKept) }),
    ...(internalDays && { internalDays: internalDays.filter(isKept) }),
    ...(internalSeconds && { internalSeconds: internalSeconds.filter(isKept) }),
    ...(sentDays && { sentDays: sentDays.filter(isKept) }),
    ...(savedDays && { savedDays: savedDays.filter(isKept) }),
    ...(emailIds && { emailIds: emailIds.filter(isKept) }),
    ...(threadIds && { threadIds: threadIds.filter(isKept) }),
  };
}

type ContentRow = [
  bodyId: number,
  sizeBytes: number,
  headerBytes: number,
  structure: string | null,
  isHeaderApart: number,
  ...chunks: (Uint8Array | number | null)[],
];

const firstChunk = chunkJoin(['c', 'd'], { bodyId: 'b.id' });

/**
 * A long header is a chunk by itself, or several, before that of the text: not in a message that was staged, and not if the
 * header was found to end elsewhere since.
 */
const isHeaderApart = `(b.header_bytes >= ${limits.minApartBytes}
  AND coalesce(json_extract(b.cuts, '$[0]'), 0) = b.header_bytes)`;
const secondChunk = chunkJoin(['e', 'f'], { bodyId: 'b.id', number: 1, condition: isHeaderApart });
const textChunk = `${chunkJoin(['c', 'd'], { bodyId: 'b.id', condition: `NOT ${isHeaderApart}` })} ${secondChunk}`;

/** One statement for many messages: each has a price of its own, above that of what it reads. */
const contentSql: Readonly<Record<SearchExtent, string>> = {
  header: `SELECT j.key, b.id, b.size_bytes, b.header_bytes, NULL, 0, c.bytes, c.inflated_bytes, d.bytes
    FROM json_each(?) j CROSS JOIN bodies b ON b.id = j.value AND b.state = ${bodyState.whole}
    ${firstChunk}`,
  body: textSql(textChunk),
  message: textSql(`${firstChunk} ${secondChunk}`),
};

function textSql(chunks: string): string {
  return `SELECT j.key, b.id, b.size_bytes, b.header_bytes, t.structure, ${isHeaderApart},
      c.bytes, c.inflated_bytes, d.bytes, e.bytes, e.inflated_bytes, f.bytes
    FROM json_each(?) j CROSS JOIN bodies b ON b.id = j.value AND b.state = ${bodyState.whole}
    ${chunks}
    LEFT JOIN body_texts t ON t.body_id = b.id`;
}

function toContent(row: ContentRow, extent: SearchExtent): SearchedContent {
  const [bodyId, sizeBytes, headerBytes, structure, isApart, ...columns] = row;
  const first = toChunk(columns.slice(0, 3) as unknown as ChunkRows);
  const second = columns.length > 3 ? toChunk(columns.slice(3) as unknown as ChunkRows) : undefined;
  const isHeaderLeftOut = extent === 'body' && isApart === 1;
  const start = isHeaderLeftOut ? Math.min(headerBytes, limits.chunkBytes) : 0;
  if (first === undefined && second === undefined && sizeBytes > start) {
    throw damage(`Body ${bodyId} has no bytes`);
  }
  if (structure === null && extent !== 'header') throw damage(`Body ${bodyId} lacks its structure`);
  return {
    bodyId,
    headerBytes,
    start,
    bytes: first && second ? Buffer.concat([first, second]) : (first ?? second ?? new Uint8Array()),
    ...(structure !== null && { structure: unpackStructure(structure) }),
  };
}

import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { type MimePart, walkerVersion } from '../../protocol/mime/mime-structure.ts';
import { MimeWalker } from '../../protocol/mime/mime-walker.ts';
import { limits } from '../limits.ts';
import { selectUsualFieldsOf, toFacts } from '../message-reader.ts';
import type { Database, SqlValue } from './database.ts';
import { deriveContent } from './bodies/derived-content.ts';
import { bodyState } from './bodies/bodies.ts';
import { openBody } from './bodies/stored-body.ts';
import { findStateFaults } from './states/find-state-faults.ts';
import { sortKeysSql, toSortKeys } from './sort-key-rows.ts';
import { startThread, type WriterClient } from './writer/writer.ts';

/** What a check has found. */
interface Findings {
  /** One line each. */
  readonly faults: readonly string[];
  /** Staged bodies; each is a fault unless a draft of a running process is writing it. */
  readonly stagedBodyIds: readonly number[];
}

/**
 * Reads the whole store, which takes as long as reading the file. Rows are checked in one state of it; bodies,
 * which never change, one after the other.
 *
 * @see MailStore.checkIntegrity
 */
export function checkIntegrity(database: Database): Findings {
  const stagedBodyIds: number[] = [];
  const checkStaged = (): string[] => {
    const rows = database.rows<[number]>(
      `SELECT id FROM bodies WHERE state <> ${bodyState.whole} AND state = ${bodyState.staged}`,
    );
    stagedBodyIds.push(...rows.map(([id]) => id));
    return [];
  };
  const faults = database.snapshot(() =>
    [checkFile, checkRows, checkCounters, findStateFaults, checkStaged].flatMap((check) =>
      runCheck(check, database),
    ),
  );
  return { faults: [...faults, ...runCheck(checkChunks, database)], stagedBodyIds };
}

/** A file can be so broken that SQLite refuses to read on. */
function runCheck(check: (database: Database) => string[], database: Database): string[] {
  try {
    return check(database);
  } catch (error) {
    return [`File: ${error instanceof Error ? error.message : String(error)}`];
  }
}

function checkFile(database: Database): string[] {
  const pages = database
    .rows<[string]>('PRAGMA integrity_check')
    .filter(([line]) => line !== 'ok')
    .map(([line]) => `File: ${line}`);
  const keys = database
    .rows<SqlValue[]>('PRAGMA foreign_key_check')
    .map(([table, row]) => `Row ${String(row)} of ${String(table)} refers to nothing`);
  return [...pages, ...keys];
}

/** Queries that find nothing in a sound store; each row is a number and what is wrong with it. */
const rowChecks: readonly string[] = [
  `SELECT b.id, 'body ' || b.id || ' has reference count ' || b.reference_count || ', but ' ||
     count(m.uid) || ' messages'
   FROM bodies b LEFT JOIN messages m ON m.body_id = b.id
   GROUP BY b.id HAVING b.reference_count <> count(m.uid)`,
  `SELECT m.uid, 'message ' || m.uid || ' of mailbox ' || m.mailbox_id || ' has no whole body'
   FROM messages m LEFT JOIN bodies b ON b.id = m.body_id AND b.state = ${bodyState.whole}
   WHERE b.id IS NULL OR b.size_bytes <> m.size_bytes`,
  `SELECT m.uid, 'message ' || m.uid || ' of mailbox ' || m.mailbox_id || ' is past a bound of its mailbox'
   FROM messages m JOIN mailboxes x ON x.id = m.mailbox_id
   LEFT JOIN unpublished_copies u ON u.mailbox_id = x.id AND m.uid >= x.uid_next
   WHERE m.uid < 1 OR (u.mailbox_id IS NULL AND m.uid >= x.uid_next)`,
  `SELECT e.uid, 'expunged UID ' || e.uid || ' of mailbox ' || e.mailbox_id || ' is past a bound or in use'
   FROM expunged e JOIN mailboxes x ON x.id = e.mailbox_id
   WHERE e.uid >= x.uid_next OR e.modseq > x.highest_modseq OR e.first_uid >= e.uid OR
     EXISTS (SELECT 1 FROM messages m WHERE m.mailbox_id = e.mailbox_id AND
       m.uid BETWEEN coalesce(e.first_uid, e.uid) AND e.uid)`,
  `SELECT a.id, 'counters of account ' || a.id || ' differ from its mailboxes'
   FROM accounts a LEFT JOIN mailboxes x ON x.account_id = a.id GROUP BY a.id
   HAVING a.message_count <> total(x.message_count) OR a.size_bytes <> total(x.size_bytes)`,
  `SELECT a.id, 'metadata of account ' || a.id || ' is miscounted'
   FROM accounts a LEFT JOIN metadata x ON x.account_id = a.id GROUP BY a.id
   HAVING a.metadata_count <> count(x.name) OR
     a.metadata_bytes <> total(length(x.name) + length(x.value))`,
  `SELECT x.mailbox_id, 'metadata of mailbox ' || x.mailbox_id || ' has none to belong to'
   FROM metadata x LEFT JOIN mailboxes m ON m.id = x.mailbox_id AND m.account_id = x.account_id
   WHERE x.mailbox_id <> 0 AND m.id IS NULL`,
  `SELECT id, 'mailbox ' || id || ' has forgotten what was not expunged yet'
   FROM mailboxes WHERE expunged_horizon > highest_modseq`,
  `SELECT b.id, 'body ' || b.id || ' is without its digest, its texts, or its time to be collected'
   FROM bodies b LEFT JOIN body_texts t ON t.body_id = b.id
   WHERE (b.state = ${bodyState.whole}) <> (b.sha256 IS NOT NULL) OR
     (b.state = ${bodyState.whole} AND
       (t.body_id IS NULL OR (b.reference_count = 0) <> (b.unreferenced_at IS NOT NULL)))`,
  `SELECT min(id), 'chunks from ' || min(id) || ' belong to no body' FROM chunks
   WHERE id / ${limits.maxChunkRows} NOT IN (SELECT id FROM bodies)
   GROUP BY id / ${limits.maxChunkRows}`,
  `SELECT a.id, 'account ' || a.id || ' has no INBOX' FROM accounts a
   LEFT JOIN mailboxes x ON x.account_id = a.id AND x.name = 'INBOX' WHERE x.id IS NULL`,
];

function checkRows(database: Database): string[] {
  return rowChecks.flatMap((sql) =>
    database.rows<[number, string]>(sql).map(([, fault]) => capitalize(fault)),
  );
}

/** Counters of mailboxes that are not removed, against the rows they count; those of flags are compared with the states. */
function checkCounters(database: Database): string[] {
  return database
    .rows<[number]>(
      `SELECT x.id FROM mailboxes x
       LEFT JOIN messages m ON m.mailbox_id = x.id AND m.uid < x.uid_next
       WHERE x.account_id IS NOT NULL
       GROUP BY x.id
       HAVING x.message_count <> count(m.uid) OR
         x.recent_count <> total(m.uid >= x.recent_from_uid) OR
         x.size_bytes <> total(m.size_bytes) OR
         x.recent_from_uid > x.uid_next`,
    )
    .map(([id]) => `Counters of mailbox ${id} differ from its messages`);
}

/** Digest and size of every whole body, and what was read from it. */
function checkChunks(database: Database): string[] {
  const bodies = database.rows<[number]>(`SELECT id FROM bodies WHERE ${isWhole}`);
  const faults: string[] = [];
  for (const [id] of bodies) {
    const fault = findBodyFault(database, id);
    if (fault !== undefined && isStillWhole(database, id)) faults.push(`Body ${id} ${fault}`);
  }
  return faults;
}

const isWhole = `state = ${bodyState.whole} AND sha256 IS NOT NULL`;

type BodyRow = [sha256: Uint8Array, ...KeptRow];

type KeptRow = [
  walker: number,
  headerBytes: number,
  sentDay: number | null,
  usualFields: Uint8Array | null,
  sortKeys: string | null,
  envelope: string,
  bodyStructure: string,
  structure: string,
];

function findBodyFault(database: Database, bodyId: number): string | undefined {
  const row = database.row<BodyRow>(
    `SELECT b.sha256, t.walker, b.header_bytes, b.sent_day, h.bytes, ${sortKeysSql},
       t.envelope, t.body_structure, t.structure
     FROM bodies b JOIN body_texts t ON t.body_id = b.id
     LEFT JOIN header_fields h ON h.body_id = b.id
     LEFT JOIN sort_keys k ON k.body_id = b.id WHERE b.id = ? AND ${isWhole}`,
    bodyId,
  );
  if (row === undefined) return 'has no texts';
  const [sha256, ...kept] = row;
  const digest = createHash('sha256');
  const walker = new MimeWalker();
  let begin: Uint8Array | undefined;
  try {
    for (const bytes of bytesOf(database, bodyId)) {
      digest.update(bytes);
      walker.push(bytes);
      begin ??= bytes;
    }
  } catch {
    return notTheBytes;
  }
  if (!digest.digest().equals(sha256)) return notTheBytes;
  return findTextFault(kept, walker.finish(), begin);
}

const notTheBytes = 'is not the bytes that were stored';

/** What an older walker has read cannot be compared, but its header fields can. */
function findTextFault(
  kept: KeptRow,
  structure: MimePart,
  begin: Uint8Array | undefined,
): string | undefined {
  const [walker, headerBytes, sentDay, usualFields, sortKeys, ...texts] = kept;
  const header = Buffer.from(usualFields ?? []);
  if (!header.equals(selectUsualFieldsOf(begin, { headerBytes }) ?? Buffer.of())) {
    return 'has other header fields apart from it';
  }
  if (walker !== walkerVersion) return undefined;
  const expected = deriveContent(toFacts(structure), begin);
  if (!isDeepStrictEqual(toSortKeys(sortKeys), expected.sortKeys)) return 'has other sort keys';
  const isEqual =
    headerBytes === expected.headerBytes &&
    sentDay === (expected.sentDay ?? null) &&
    isDeepStrictEqual(texts, [expected.envelope, expected.bodyStructure, expected.structure]);
  return isEqual ? undefined : 'has another structure than was read from it';
}

/** The collector may have taken it while it was read. */
function isStillWhole(database: Database, bodyId: number): boolean {
  const row = database.row(`SELECT 1 FROM bodies WHERE id = ? AND ${isWhole}`, bodyId);
  return row !== undefined;
}

/** All bytes of a body, as far as it is there. */
function* bytesOf(database: Database, bodyId: number): Generator<Uint8Array> {
  const body = openBody(database, bodyId, Infinity);
  const stop = body?.sizeBytes ?? 0;
  let position = 0;
  while (position < stop) {
    const bytes = body?.read(position, stop);
    if (bytes === undefined) return;
    yield bytes;
    position += bytes.length;
  }
}

function capitalize(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/**
 * Checks the file in a thread of its own.
 *
 * @see MailStore.checkIntegrity
 */
export async function findFaults(path: string, writer: WriterClient): Promise<string[]> {
  const { faults, stagedBodyIds } = await check(path);
  const orphans = await writer.request('findOrphanedStagings', { bodyIds: stagedBodyIds });
  return [...faults, ...orphans.map((id) => `Body ${id} is staged and no draft is writing it`)];
}

async function check(path: string): Promise<Findings> {
  const worker = startThread(new URL('./integrity-thread', import.meta.url), { path });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('The integrity check ended without an answer')));
  });
}

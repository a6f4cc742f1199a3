import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type MailboxKey, StoreError } from '../mail-store.ts';
import type { Database } from './database.ts';

/** Bytes of a SHA-256 digest that `imports` keeps: enough to tell all messages of the world from each other. */
const keptDigestBytes = 16;

const countSql = `SELECT count FROM imports
  WHERE mailbox_id = ? AND digest = substr(?, 1, ${keptDigestBytes})`;

/** @see MailStore.countImported */
export function countImported(
  database: Database,
  { mailboxId }: MailboxKey,
  digests: readonly Uint8Array[],
): number[] {
  return database.snapshot(() =>
    digests.map((digest) => database.row<[number]>(countSql, mailboxId, digest)?.[0] ?? 0),
  );
}

/**
 * Notes that a message is imported.
 *
 * @param occurrence - which of the messages of these bytes it is
 * @throws {StoreError} `ALREADYEXISTS` if so many were imported before
 */
export function noteImported(
  database: Database,
  mailboxId: number,
  { sha256, occurrence }: { readonly sha256: Uint8Array; readonly occurrence: number },
): void {
  const changed = database.run(
    `INSERT INTO imports VALUES (?1, substr(?2, 1, ${keptDigestBytes}), 1)
     ON CONFLICT DO UPDATE SET count = count + 1 WHERE count < ?3`,
    mailboxId,
    sha256,
    occurrence,
  );
  if (changed === 0) throw new StoreError('ALREADYEXISTS', 'The message was imported before');
}

/** Forgets some of what was imported into a removed mailbox; returns how many. */
export function forgetImports(database: Database, mailboxId: number, limit: number): number {
  return database.run(
    `DELETE FROM imports WHERE mailbox_id = ?1 AND digest IN
       (SELECT digest FROM imports WHERE mailbox_id = ?1 LIMIT ?2)`,
    mailboxId,
    limit,
  );
}

/** The journal that imports wrote beside the store before it had one of its own. */
const oldJournalName = 'imports.db';

/** Of the old journal: a mailbox is named by its account, its id and its UIDVALIDITY. */
const mailboxJoin = `JOIN main.mailboxes x
  ON x.account_id || '/' || x.id || '/' || x.uid_validity = j.mailbox`;

/**
 * What was added, and what was being added when an import was killed, as far as the mailbox has it. To do it twice changes
 * nothing: a crash may leave the journal where it is.
 */
const takeOverSql = `
  WITH pending AS (
    SELECT x.id AS mailbox_id, unhex(j.sha256) AS sha256, count(*) AS count,
      min(j.from_uid) AS from_uid
    FROM old_journal.pending j ${mailboxJoin} GROUP BY x.id, j.sha256
  ), added AS (
    SELECT x.id AS mailbox_id, unhex(j.sha256) AS sha256, j.count AS count
    FROM old_journal.imported j ${mailboxJoin}
    UNION ALL
    SELECT p.mailbox_id, p.sha256, min(p.count, count(*))
    FROM pending p JOIN main.bodies b ON b.sha256 = p.sha256
    JOIN main.messages m
      ON m.mailbox_id = p.mailbox_id AND m.uid >= p.from_uid AND m.body_id = b.id
    GROUP BY p.mailbox_id, p.sha256
  )
  INSERT INTO main.imports
  SELECT mailbox_id, substr(sha256, 1, ${keptDigestBytes}), sum(count) FROM added
  WHERE true GROUP BY mailbox_id, sha256
  ON CONFLICT DO UPDATE SET count = max(count, excluded.count)`;

/**
 * Takes the old journal of a data directory over, once, and removes it.
 *
 * @throws {Error} if it cannot be read; then it is left as it was
 */
export function takeOverOldJournal(database: Database, dataDirectory: string): void {
  const path = join(dataDirectory, oldJournalName);
  if (!existsSync(path)) return;
  try {
    takeOver(database, path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const advice = 'remove it, and the next import adds again what was imported before';
    throw new Error(`Cannot read import journal "${path}": ${reason}; ${advice}`, { cause });
  }
  for (const end of ['', '-journal']) rmSync(`${path}${end}`, { force: true });
}

function takeOver(database: Database, path: string): void {
  database.run('ATTACH ? AS old_journal', path);
  try {
    database.execute(`BEGIN IMMEDIATE; ${takeOverSql}; COMMIT`);
  } finally {
    if (database.isTransaction) database.execute('ROLLBACK');
    database.execute('DETACH old_journal');
  }
}

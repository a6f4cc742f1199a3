import { limits } from '../limits.ts';
import { ChangesForgottenError } from '../mail-store.ts';
import type { Database } from './database.ts';
import type { WriteContext } from './writer/write-context.ts';

/** Remembers UIDs, ascending, as expunged under a modseq: those that follow each other in one row. */
export function rememberExpunged(
  database: Database,
  { mailboxId, modseq, uids }: { mailboxId: number; modseq: number; uids: Uint32Array },
): void {
  const ranges: [first: number, last: number][] = [];
  for (const uid of uids) {
    const open = ranges.at(-1);
    if (open !== undefined && open[1] === uid - 1) open[1] = uid;
    else ranges.push([uid, uid]);
  }
  database.run(
    `INSERT INTO expunged (mailbox_id, modseq, uid, first_uid)
     SELECT ?, ?, value ->> 1, nullif(value ->> 0, value ->> 1) FROM json_each(?)`,
    mailboxId,
    modseq,
    JSON.stringify(ranges),
  );
}

const expungedSql = `SELECT json_group_array(first), json_group_array(uid), json_group_array(modseq)
  FROM (SELECT uid, modseq,
      max(coalesce(first_uid, uid), CASE WHEN modseq = ?2 THEN ?3 + 1 ELSE 0 END) AS first
    FROM expunged WHERE mailbox_id = ?1 AND (modseq, uid) > (?2, ?3) AND modseq <= ?4
    ORDER BY modseq, uid LIMIT ?5)`;

/**
 * The next expunged UIDs with their modseqs, by modseq and UID, at most `count` of them.
 *
 * @param from - behind which modseq, and behind which UID of that
 */
export function readExpunged(
  database: Database,
  mailboxId: number,
  {
    from: [modseq, uid],
    until,
    count,
  }: { from: readonly [modseq: number, uid: number]; until: number; count: number },
): { uids: Uint32Array; modseqs: Float64Array } {
  const row = database.row<[string, string, string]>(
    expungedSql,
    mailboxId,
    modseq,
    uid,
    until,
    count,
  );
  const [firsts, lasts, rangeModseqs] = (row ?? ['[]', '[]', '[]']).map(
    (json) => JSON.parse(json) as number[],
  ) as [number[], number[], number[]];
  const total = lasts.reduce((sum, last, index) => sum + last - firsts[index]! + 1, 0);
  const uids = new Uint32Array(Math.min(total, count));
  const modseqs = new Float64Array(uids.length);
  let place = 0;
  for (const [index, last] of lasts.entries()) {
    for (let next = firsts[index]!; next <= last && place < uids.length; next++, place++) {
      uids[place] = next;
      modseqs[place] = rangeModseqs[index]!;
    }
  }
  return { uids, modseqs };
}

/**
 * Refuses to tell what was expunged after a modseq if some of it may be forgotten.
 *
 * @throws {ChangesForgottenError}
 */
export function checkRemembered(database: Database, mailboxId: number, since: number): void {
  const row = database.row<[number]>(
    'SELECT expunged_horizon FROM mailboxes WHERE id = ?',
    mailboxId,
  );
  if (row === undefined || since >= row[0]) return;
  throw new ChangesForgottenError(since);
}

/**
 * One bounded step of forgetting expunged UIDs: of the mailboxes behind an id, those that remember more than
 * `limits.maxExpungedUids` keep the newest ones. Their horizon moves up first, so that whoever reads is never told too little.
 * Returns the id behind which the next step goes on; undefined if there is nothing more to do.
 */
export function forgetExpunged(
  { database }: WriteContext,
  { afterMailboxId }: { afterMailboxId: number },
): number | undefined {
  let last = afterMailboxId;
  let budget: number = limits.maxExpungedUids;
  // Ends: each round goes on to another mailbox.
  while (budget > 0) {
    const [mailboxId] = database.row<[number | null]>(
      'SELECT min(mailbox_id) FROM expunged WHERE mailbox_id > ?',
      last,
    )!;
    if (mailboxId === null) return undefined;
    const [count] = database.row<[number]>(
      'SELECT count(*) FROM (SELECT 1 FROM expunged WHERE mailbox_id = ? LIMIT ?)',
      mailboxId,
      limits.maxExpungedUids + limits.collectRows,
    )!;
    // The same mailbox is next again.
    if (count > limits.maxExpungedUids && forgetSome(database, mailboxId)) return last;
    budget -= count;
    last = mailboxId;
  }
  return last;
}

/** Whether some were forgotten; there may be more of them. */
function forgetSome(database: Database, mailboxId: number): boolean {
  const row = database.row<[number]>(
    `UPDATE mailboxes SET expunged_horizon = max(expunged_horizon,
       (SELECT modseq FROM expunged WHERE mailbox_id = ?1
        ORDER BY modseq DESC, uid DESC LIMIT 1 OFFSET ?2))
     WHERE id = ?1 RETURNING expunged_horizon`,
    mailboxId,
    limits.maxExpungedUids,
  );
  if (row === undefined) return false;
  const forgotten = database.run(
    `DELETE FROM expunged WHERE mailbox_id = ?1 AND (modseq, uid) IN
       (SELECT modseq, uid FROM expunged WHERE mailbox_id = ?1 AND modseq <= ?2 LIMIT ?3)`,
    mailboxId,
    row[0],
    limits.collectRows,
  );
  return forgotten > 0;
}

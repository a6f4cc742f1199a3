import { limits } from '../limits.ts';
import { ChangesForgottenError } from '../mail-store.ts';
import type { Database } from './database.ts';
import type { WriteContext } from './write-context.ts';

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

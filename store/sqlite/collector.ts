import { limits } from '../limits.ts';
import { deleteRows } from './copy-and-expunge.ts';
import { bodyState, dropStagings } from './bodies/bodies.ts';
import { forgetUnpublished } from './mailbox-counters.ts';
import { forgetImports } from './imports.ts';
import type { WriteContext } from './writer/write-context.ts';

/**
 * One bounded step of deleting what nobody can reach any more: the rows of removed mailboxes, bodies whose
 * time after the last message is over, staged chunks of drafts that were given up. Answers whether there may be more.
 */
export function collect(context: WriteContext): boolean {
  dropOrphanedStagings(context);
  return collectMailbox(context) || collectBodies(context) || givePagesBack(context);
}

function collectMailbox(context: WriteContext): boolean {
  const { database } = context;
  const row = database.row<[number]>(
    'SELECT id FROM mailboxes WHERE account_id IS NULL ORDER BY id LIMIT 1',
  );
  if (row === undefined) return false;
  const [mailboxId] = row;
  if (deleteRows(context, mailboxId, { isBehindEnd: false }) > 0) return true;
  const pages = database.run(
    'DELETE FROM state_pages WHERE id IN (SELECT id FROM state_pages WHERE mailbox_id = ? LIMIT ?)',
    mailboxId,
    limits.collectRows,
  );
  if (pages > 0) return true;
  const expunged = database.run(
    `DELETE FROM expunged WHERE mailbox_id = ?1 AND (modseq, uid) IN
       (SELECT modseq, uid FROM expunged WHERE mailbox_id = ?1 LIMIT ?2)`,
    mailboxId,
    context.stepMessages,
  );
  if (expunged > 0) return true;
  if (forgetImports(database, mailboxId, context.stepMessages) > 0) return true;
  database.run('DELETE FROM keywords WHERE mailbox_id = ?', mailboxId);
  forgetUnpublished(database, { mailboxId });
  database.run('DELETE FROM mailboxes WHERE id = ?', mailboxId);
  return true;
}

function collectBodies(context: WriteContext): boolean {
  let chunkBudget: number = limits.collectChunks;
  const bodyIds = collectableBodies(context);
  for (const bodyId of bodyIds) {
    const deleted = deleteChunks(context, bodyId, chunkBudget);
    chunkBudget -= deleted;
    // An exhausted budget may leave chunks: the body goes with the last of them in the next step.
    if (chunkBudget === 0) break;
    context.database.run('DELETE FROM body_texts WHERE body_id = ?', bodyId);
    context.database.run('DELETE FROM header_fields WHERE body_id = ?', bodyId);
    context.database.run('DELETE FROM sort_keys WHERE body_id = ?', bodyId);
    context.database.run('DELETE FROM bodies WHERE id = ?', bodyId);
  }
  return bodyIds.length > 0;
}

function collectableBodies({ database, nowMs }: WriteContext): number[] {
  const dropped = database.rows<[number]>(
    `SELECT id FROM bodies WHERE state <> 1 AND state = ${bodyState.dropped} LIMIT ?`,
    limits.collectBodies,
  );
  if (dropped.length > 0) return dropped.map(([id]) => id);
  const expired = database.rows<[number]>(
    `UPDATE bodies SET state = ${bodyState.dropped}, sha256 = NULL, unreferenced_at = NULL
     WHERE id IN (SELECT id FROM bodies WHERE unreferenced_at <= ? LIMIT ?)
     RETURNING id`,
    nowMs - limits.bodyRetentionMs,
    limits.collectBodies,
  );
  return expired.map(([id]) => id);
}

function deleteChunks({ database }: WriteContext, bodyId: number, budget: number): number {
  return database.run(
    'DELETE FROM chunks WHERE id IN (SELECT id FROM chunks WHERE id BETWEEN ? AND ? LIMIT ?)',
    bodyId * limits.maxChunkRows,
    bodyId * limits.maxChunkRows + limits.maxChunkRows - 1,
    budget,
  );
}

/** Pages stay free in the file for new mail, up to a point. */
function givePagesBack({ database }: WriteContext): boolean {
  const freePages = database.row<[number]>('PRAGMA freelist_count')?.[0] ?? 0;
  if (freePages <= limits.keptFreePages) return false;
  const count = Math.min(limits.collectPages, freePages - limits.keptFreePages);
  database.rows(`PRAGMA incremental_vacuum(${count})`);
  return true;
}

/**
 * Gives up what is staged and no draft is writing: of an earlier process, of a thread that has crashed, or of a draft
 * that could not even be given up, because the disk was full.
 */
export function dropOrphanedStagings(context: WriteContext): void {
  const staged = context.database.rows<[number]>(
    `SELECT id FROM bodies WHERE state <> 1 AND state = ${bodyState.staged}`,
  );
  const bodyIds = staged.map(([id]) => id).filter((id) => !context.stagings.has(id));
  dropStagings(context, { bodyIds });
}

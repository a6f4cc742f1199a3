import { lowerBound } from '../../protocol/sequence-set.ts';
import { limits } from '../limits.ts';
import { type MailboxKey, StoreError } from '../mail-store.ts';
import type { Database } from './database.ts';
import type { WriteContext } from './writer/write-context.ts';

/** Sums over messages. */
export type Totals = [count: number, unseenCount: number, deletedCount: number, sizeBytes: number];

/** The UID that comes next and UIDVALIDITY of a mailbox that takes messages. */
type TargetRow = [uidNext: number, uidValidity: number];

/** Of a mailbox to which so many messages will be added. `NONEXISTENT`, `LIMIT`. */
export function readTarget(
  { database }: WriteContext,
  { accountId, mailboxId }: MailboxKey,
  count: number,
): TargetRow {
  const row = database.row<TargetRow>(
    `SELECT uid_next, uid_validity FROM mailboxes
     WHERE id = ? AND account_id = ? AND is_selectable = 1`,
    mailboxId,
    accountId,
  );
  if (row === undefined) throw noMailbox();
  checkUids(row[0], count);
  return row;
}

/** What a message at the end of a mailbox gets. */
export interface MessagePlace {
  readonly uid: number;
  readonly uidValidity: number;
  readonly modseq: number;
}

/** Counts a message in at the end of a mailbox, in one step. `NONEXISTENT`, `LIMIT`. */
export function countIn(
  context: WriteContext,
  { accountId, mailboxId }: MailboxKey,
  [unseenCount, deletedCount, sizeBytes]: readonly [number, number, number],
): MessagePlace {
  const known = context.knownModseq(mailboxId);
  const row = context.database.row<[uid: number, uidValidity: number, modseq: number]>(
    `UPDATE mailboxes SET uid_next = uid_next + 1, message_count = message_count + 1,
       recent_count = recent_count + 1, unseen_count = unseen_count + ?,
       deleted_count = deleted_count + ?, size_bytes = size_bytes + ?,
       highest_modseq = highest_modseq + ?
     WHERE id = ? AND account_id = ? AND is_selectable = 1
     RETURNING uid_next - 1, uid_validity, highest_modseq`,
    unseenCount,
    deletedCount,
    sizeBytes,
    known === undefined ? 1 : 0,
    mailboxId,
    accountId,
  );
  if (row === undefined) throw noMailbox();
  const [uid, uidValidity, modseq] = row;
  checkUids(uid, 1);
  if (known === undefined) context.noteModseq(mailboxId, modseq, accountId);
  return { uid, uidValidity, modseq };
}

function checkUids(uidNext: number, count: number): void {
  if (uidNext + count > limits.maxUid) {
    throw new StoreError('LIMIT', 'The mailbox has no UIDs left');
  }
}

/** Counts messages in at the end of a mailbox; the modseq of that. */
export function countAdded(
  context: WriteContext,
  mailboxId: number,
  [count, unseenCount, deletedCount, sizeBytes]: Totals,
): number {
  const modseq = context.takeModseq(mailboxId);
  context.database.run(
    `UPDATE mailboxes SET uid_next = uid_next + ?1, message_count = message_count + ?1,
       recent_count = recent_count + ?1, unseen_count = unseen_count + ?2,
       deleted_count = deleted_count + ?3, size_bytes = size_bytes + ?4
     WHERE id = ?5`,
    count,
    unseenCount,
    deletedCount,
    sizeBytes,
    mailboxId,
  );
  return modseq;
}

/** Counts messages out, before they are deleted. */
export function countRemoved(
  database: Database,
  removed: { readonly mailboxId: number; readonly uids: Uint32Array; readonly totals: Totals },
): void {
  const { mailboxId, uids, totals } = removed;
  const [recentFromUid] = database.row<[number]>(
    'SELECT recent_from_uid FROM mailboxes WHERE id = ?',
    mailboxId,
  )!;
  database.run(
    `UPDATE mailboxes SET message_count = message_count - ?, unseen_count = unseen_count - ?,
       deleted_count = deleted_count - ?, size_bytes = size_bytes - ?,
       recent_count = recent_count - ?
     WHERE id = ?`,
    ...totals,
    uids.length - lowerBound(uids, uids.length, recentFromUid),
    mailboxId,
  );
}

/** What lies behind the end of the mailbox is published, or deleted: nothing is to be discarded any more. */
export function forgetUnpublished(
  database: Database,
  { mailboxId }: Pick<MailboxKey, 'mailboxId'>,
): void {
  database.run('DELETE FROM unpublished_copies WHERE mailbox_id = ?', mailboxId);
}

/** What bounds the work on a mailbox. */
export interface MailboxCounters {
  /** Messages from here on are not to be seen. */
  readonly uidNext: number;
  readonly messageCount: number;
  readonly deletedCount: number;
  /** Changes above it are not to be seen. */
  readonly highestModseq: number;
}

/** The counters of a mailbox. `NONEXISTENT`, also if it is another account's. */
export function readCounters(
  database: Database,
  { accountId, mailboxId }: MailboxKey,
): MailboxCounters {
  const row = database.row<[number, number, number, number]>(
    `SELECT uid_next, message_count, deleted_count, highest_modseq
     FROM mailboxes WHERE id = ? AND account_id = ?`,
    mailboxId,
    accountId,
  );
  if (row === undefined) throw noMailbox();
  const [uidNext, messageCount, deletedCount, highestModseq] = row;
  return { uidNext, messageCount, deletedCount, highestModseq };
}

/** The highest modseq of a mailbox. `NONEXISTENT`, also if it is another account's. */
export function readModseq(database: Database, { accountId, mailboxId }: MailboxKey): number {
  const row = database.row<[number]>(
    'SELECT highest_modseq FROM mailboxes WHERE id = ? AND account_id = ?',
    mailboxId,
    accountId,
  );
  if (row === undefined) throw noMailbox();
  return row[0];
}

/** What is refused for a mailbox that is gone. */
export function noMailbox(): StoreError {
  return new StoreError('NONEXISTENT', 'The mailbox does not exist');
}

/**
 * Which messages are \Recent to nobody any more, as far as the file does not say it yet. A claim is kept here
 * and written with the next change of any mailbox, or after a while: a delivery to a mailbox in which many
 * sessions idle costs no write for any of them, and SELECT works if the disk is full.
 */
export class RecentClaims {
  /** By mailbox: the UID before which all is claimed. */
  readonly #nextUids = new Map<number, number>();

  /** True if there is nothing to write. */
  get isEmpty(): boolean {
    return this.#nextUids.size === 0;
  }

  /** Outside of a transaction, so that nothing is claimed that is then rolled back. @see MailStore.claimRecent */
  claim(
    database: Database,
    { accountId, mailboxId }: MailboxKey,
  ): { firstUid: number; nextUid: number } {
    const row = database.row<[recentFromUid: number, uidNext: number]>(
      'SELECT recent_from_uid, uid_next FROM mailboxes WHERE id = ? AND account_id = ?',
      mailboxId,
      accountId,
    );
    if (row === undefined) throw noMailbox();
    const [recentFromUid, nextUid] = row;
    const firstUid = Math.max(recentFromUid, this.#nextUids.get(mailboxId) ?? 0);
    if (nextUid > firstUid) this.#nextUids.set(mailboxId, nextUid);
    return { firstUid, nextUid };
  }

  /** Writes all, within the caller's transaction. They stay here until {@link clear}. */
  write(database: Database): void {
    for (const [mailboxId, nextUid] of this.#nextUids) {
      database.run(
        `UPDATE mailboxes SET recent_from_uid = ?1,
           recent_count = (SELECT count(*) FROM messages
             WHERE mailbox_id = ?2 AND uid >= ?1 AND uid < mailboxes.uid_next)
         WHERE id = ?2`,
        nextUid,
        mailboxId,
      );
    }
  }

  /** After the commit of what {@link write} wrote. */
  clear(): void {
    this.#nextUids.clear();
  }
}

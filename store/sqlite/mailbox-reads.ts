import type { Flag } from '../../protocol/flag.ts';
import {
  StoreError,
  type Mailbox,
  type MailboxKey,
  type MailboxStatus,
  type SpecialUse,
} from '../mail-store.ts';
import { compareMailboxNames, checkMailboxName } from '../names.ts';
import type { Database } from './database.ts';
import { readKeywords } from './keyword-table.ts';
import { noMailbox } from './mailbox-counters.ts';
import { findMailboxRow, hasChildren } from './mailbox-rows.ts';

/** @see MailStore.listMailboxes */
export function listMailboxes(database: Database, accountId: number): Mailbox[] {
  const rows = database.rows<[number, string, number, SpecialUse | null]>(
    'SELECT id, name, is_selectable, special_use FROM mailboxes WHERE account_id = ?',
    accountId,
  );
  const parents = new Set(
    rows.map(([, name]) => name.slice(0, Math.max(0, name.lastIndexOf('/')))),
  );
  return rows
    .toSorted(([, a], [, b]) => compareMailboxNames(a, b))
    .map(([mailboxId, name, isSelectable, specialUse]) => ({
      accountId,
      mailboxId,
      name,
      isSelectable: isSelectable === 1,
      hasChildren: parents.has(name),
      ...(specialUse !== null && { specialUse }),
    }));
}

/** @see MailStore.findMailbox */
export function findMailbox(
  database: Database,
  accountId: number,
  name: string,
): Mailbox | undefined {
  const normalName = normalizeForLookup(name);
  const row =
    normalName === undefined ? undefined : findMailboxRow(database, accountId, normalName);
  if (row === undefined) return undefined;
  const { id, specialUse, ...mailbox } = row;
  return {
    ...mailbox,
    accountId,
    mailboxId: id,
    hasChildren: hasChildren(database, accountId, row.name),
    ...(specialUse !== undefined && { specialUse }),
  };
}

/** No mailbox has a name that could not be created. */
function normalizeForLookup(name: string): string | undefined {
  try {
    return checkMailboxName(name);
  } catch (error) {
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}

/** @see MailStore.listSubscriptions */
export function listSubscriptions(database: Database, accountId: number): string[] {
  return database
    .rows<[string]>('SELECT name FROM subscriptions WHERE account_id = ?', accountId)
    .map(([name]) => name)
    .toSorted(compareMailboxNames);
}

type StatusRow = [number, number, number, number, number, number, number, number];

/** @see MailStore.readStatus */
export function readStatus(
  database: Database,
  { accountId, mailboxId }: MailboxKey,
): MailboxStatus {
  const row = database.row<StatusRow>(
    `SELECT message_count, unseen_count, deleted_count, recent_count, size_bytes, uid_next,
       uid_validity, highest_modseq
     FROM mailboxes WHERE id = ? AND account_id = ?`,
    mailboxId,
    accountId,
  );
  if (row === undefined) throw noMailbox();
  return {
    messageCount: row[0],
    unseenCount: row[1],
    deletedCount: row[2],
    recentCount: row[3],
    sizeBytes: row[4],
    uidNext: row[5],
    uidValidity: row[6],
    highestModseq: row[7],
  };
}

/** What {@link MailStore.open} reads. `NONEXISTENT`. */
export function readOpening(
  database: Database,
  box: MailboxKey,
): { status: MailboxStatus; keywords: readonly Flag[] } {
  return database.snapshot(() => ({
    status: readStatus(database, box),
    keywords: readKeywords(database, box.mailboxId).names,
  }));
}

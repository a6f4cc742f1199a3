import {
  StoreError,
  type ChangedMessage,
  type Mailbox,
  type MailboxChanges,
  type MailboxOpening,
  type MailboxStatus,
  type SpecialUse,
} from '../mail-store.ts';
import { compareMailboxNames, normalizeMailboxName } from '../names.ts';
import type { Database } from './database.ts';
import { seenBit, type FlagWords } from './flag-words.ts';
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
    .map(([id, name, isSelectable, specialUse]) => ({
      id,
      accountId,
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
  const { specialUse, ...mailbox } = row;
  return {
    ...mailbox,
    accountId,
    hasChildren: hasChildren(database, accountId, row.name),
    ...(specialUse !== undefined && { specialUse }),
  };
}

/** No mailbox has a name that could not be created. */
function normalizeForLookup(name: string): string | undefined {
  try {
    return normalizeMailboxName(name);
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
export function readStatus(database: Database, mailboxId: number): MailboxStatus {
  const row = database.row<StatusRow>(
    `SELECT message_count, unseen_count, deleted_count, recent_count, size_bytes, uid_next,
       uid_validity, highest_modseq
     FROM mailboxes WHERE id = ? AND account_id IS NOT NULL`,
    mailboxId,
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

/** @see MailStore.openMailbox */
export function openMailbox(database: Database, mailboxId: number): MailboxOpening {
  return database.snapshot(() => {
    const status = readStatus(database, mailboxId);
    const firstUnseenUid =
      status.unseenCount === 0 ? undefined : readFirstUnseen(database, mailboxId);
    return {
      status,
      uids: readUids(database, mailboxId),
      keywords: readKeywords(database, mailboxId).names,
      ...(firstUnseenUid !== undefined && { firstUnseenUid }),
    };
  });
}

/** As one text of numbers: 100,000 rows of one number each cost Node three times as much. */
function readUids(database: Database, mailboxId: number): Uint32Array {
  const row = database.row<[string]>(
    `SELECT json_group_array(uid) FROM (SELECT uid FROM messages WHERE mailbox_id = ? ORDER BY uid)`,
    mailboxId,
  );
  return Uint32Array.from(JSON.parse(row?.[0] ?? '[]') as number[]);
}

function readFirstUnseen(database: Database, mailboxId: number): number | undefined {
  const row = database.row<[number]>(
    `SELECT uid FROM messages WHERE mailbox_id = ? AND system_flags & ${seenBit} = 0
     ORDER BY uid LIMIT 1`,
    mailboxId,
  );
  return row?.[0];
}

/** @see MailStore.readChanges */
export function readChanges(database: Database, mailboxId: number, modseq: number): MailboxChanges {
  return database.snapshot(() => {
    const { highestModseq } = readStatus(database, mailboxId);
    const expunged = database.rows<[number]>(
      'SELECT uid FROM expunged WHERE mailbox_id = ? AND modseq > ?',
      mailboxId,
      modseq,
    );
    return {
      modseq: highestModseq,
      messages: readChangedMessages(database, mailboxId, modseq),
      expungedUids: Uint32Array.from(expunged, ([uid]) => uid).toSorted(),
    };
  });
}

function readChangedMessages(
  database: Database,
  mailboxId: number,
  since: number,
): ChangedMessage[] {
  // Without the hint SQLite may read the whole mailbox to save the sorting.
  const rows = database.rows<[number, number, number, ...FlagWords]>(
    `SELECT uid, modseq, created_modseq, system_flags, keywords_low, keywords_high
     FROM messages INDEXED BY messages_by_modseq
     WHERE mailbox_id = ? AND modseq > ? ORDER BY uid`,
    mailboxId,
    since,
  );
  if (rows.length === 0) return [];
  const keywords = readKeywords(database, mailboxId);
  return rows.map(([uid, modseq, createdModseq, ...words]) => ({
    uid,
    modseq,
    flags: keywords.flagsOf(words),
    isNew: createdModseq > since,
  }));
}

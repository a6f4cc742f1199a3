import { limits } from '../limits.ts';
import { StoreError, type SpecialUse } from '../mail-store.ts';
import type { Database } from './database.ts';
import type { WriteContext } from './write-context.ts';

/** A mailbox as its row names it, whether it can be selected or not. */
export interface MailboxRow {
  readonly id: number;
  readonly name: string;
  readonly isSelectable: boolean;
  readonly specialUse: SpecialUse | undefined;
}

/** By its normal name; undefined where there is none. */
export function findMailboxRow(
  database: Database,
  accountId: number,
  name: string,
): MailboxRow | undefined {
  const row = database.row<[number, string, number, SpecialUse | null]>(
    'SELECT id, name, is_selectable, special_use FROM mailboxes WHERE account_id = ? AND name = ?',
    accountId,
    name,
  );
  return (
    row && { id: row[0], name: row[1], isSelectable: row[2] === 1, specialUse: row[3] ?? undefined }
  );
}

/** Names below a name, with the ids of their mailboxes. "0" is the character that follows "/". */
export function childRows(
  database: Database,
  accountId: number,
  name: string,
): [id: number, name: string][] {
  return database.rows(
    'SELECT id, name FROM mailboxes WHERE account_id = ? AND name > ? AND name < ? ORDER BY name',
    accountId,
    `${name}/`,
    `${name}0`,
  );
}

/** True where mailboxes lie below the name. */
export function hasChildren(database: Database, accountId: number, name: string): boolean {
  const row = database.row<[number]>(
    'SELECT 1 FROM mailboxes WHERE account_id = ? AND name > ? AND name < ? LIMIT 1',
    accountId,
    `${name}/`,
    `${name}0`,
  );
  return row !== undefined;
}

/** Adds a mailbox with a UIDVALIDITY of its own; its id. `LIMIT`. */
export function insertMailbox(
  context: WriteContext,
  mailbox: {
    accountId: number;
    name: string;
    isSelectable: boolean;
    specialUse: SpecialUse | undefined;
  },
): number {
  const { database } = context;
  const count = database.row<[number]>(
    'SELECT count(*) FROM mailboxes WHERE account_id = ?',
    mailbox.accountId,
  );
  if ((count?.[0] ?? 0) >= limits.maxMailboxes) {
    throw new StoreError('LIMIT', `An account has at most ${limits.maxMailboxes} mailboxes`);
  }
  return database.insert(
    'INSERT INTO mailboxes (account_id, name, is_selectable, special_use, uid_validity) VALUES (?, ?, ?, ?, ?)',
    mailbox.accountId,
    mailbox.name,
    mailbox.isSelectable ? 1 : 0,
    mailbox.specialUse ?? null,
    takeUidValidity(context),
  );
}

/**
 * A UIDVALIDITY that no mailbox of the store ever had: seconds since 1970, pushed ahead where several are
 * taken in one second, so that a new store in the place of a lost one has others too (RFC 3501, section
 * 2.3.1.1).
 */
export function takeUidValidity({ database, nowMs }: WriteContext): number {
  const row = database.row<[number]>(
    'UPDATE uid_validity SET last = max(last + 1, ?) RETURNING last',
    Math.floor(nowMs / 1000),
  );
  if (row === undefined || row[0] > limits.maxUid) {
    throw new StoreError('LIMIT', 'No UIDVALIDITY is left');
  }
  return row[0];
}

/** Takes the mailbox out of its account at once; the collector deletes what is in it. */
export function removeMailboxRow(context: WriteContext, mailboxId: number): void {
  context.takeModseq(mailboxId);
  context.database.run(
    "UPDATE mailboxes SET account_id = NULL, name = '', special_use = NULL WHERE id = ?",
    mailboxId,
  );
  context.noteGone(mailboxId);
}

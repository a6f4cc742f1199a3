import { limits } from '../limits.ts';
import { StoreError } from '../mail-store.ts';
import { findableMailboxName, newMailboxName, sortByMailboxName } from '../names.ts';
import type { Database } from './database.ts';
import { checkAccount, findMailbox, type NamedMailbox } from './mailboxes.ts';
import type { WriteContext } from './writer/write-context.ts';

/** @see MailStore.listSubscriptions */
export function listSubscriptions(database: Database, accountId: number): string[] {
  const rows = database.rows<[string]>(
    'SELECT name FROM subscriptions WHERE account_id = ?',
    accountId,
  );
  return sortByMailboxName(rows, ([name]) => name).map(([name]) => name);
}

/** @see MailStore.isSubscribed */
export function isSubscribed(database: Database, accountId: number, name: string): boolean {
  const sql = 'SELECT 1 FROM subscriptions WHERE account_id = ? AND name = ?';
  return database.row(sql, accountId, name) !== undefined;
}

/** @see MailStore.subscribe */
export function subscribe(context: WriteContext, { accountId, name }: NamedMailbox): void {
  const { database } = context;
  checkAccount(database, accountId);
  const count = database.row<[number]>(
    'SELECT count(*) FROM subscriptions WHERE account_id = ?',
    accountId,
  );
  if ((count?.[0] ?? 0) >= limits.maxSubscriptions) {
    throw new StoreError(
      'LIMIT',
      `An account has at most ${limits.maxSubscriptions} subscriptions`,
    );
  }
  const normalName = findMailbox(database, accountId, name)?.name ?? newMailboxName(name);
  const added = database.run(
    'INSERT OR IGNORE INTO subscriptions (account_id, name) VALUES (?, ?)',
    accountId,
    normalName,
  );
  if (added > 0) context.noteInAccount(accountId, { kind: 'subscribed', name: normalName });
}

/** @see MailStore.unsubscribe */
export function unsubscribe(context: WriteContext, { accountId, name }: NamedMailbox): void {
  const normalName = findableMailboxName(name);
  if (normalName === undefined) return;
  const removed = context.database.run(
    'DELETE FROM subscriptions WHERE account_id = ? AND name = ?',
    accountId,
    normalName,
  );
  if (removed > 0) context.noteInAccount(accountId, { kind: 'unsubscribed', name: normalName });
}

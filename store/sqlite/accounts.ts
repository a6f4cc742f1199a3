import { type Account, type AccountUsage, type Credentials, StoreError } from '../mail-store.ts';
import { firstMailboxes, foldAsciiCase, normalizeAccountName } from '../names.ts';
import type { Database } from './database.ts';
import { insertMailbox, removeMailboxRow } from './mailboxes.ts';
import type { WriteContext } from './writer/write-context.ts';

/** @see MailStore.readUsage */
export function readUsage(database: Database, accountId: number): AccountUsage {
  const row = database.row<[number, number]>(
    'SELECT message_count, size_bytes FROM accounts WHERE id = ?',
    accountId,
  );
  if (row === undefined) throw new StoreError('NONEXISTENT', 'The account does not exist');
  return { messageCount: row[0], sizeBytes: row[1] };
}

type AccountRow = [id: number, name: string, argon2id: string, scramSha256: string];

/** @see MailStore.findAccount */
export function findAccount(database: Database, name: string): Account | undefined {
  const row = database.row<AccountRow>(
    'SELECT id, name, argon2id, scram_sha256 FROM accounts WHERE name_key = ?',
    foldAsciiCase(name.normalize('NFC')),
  );
  return row && toAccount(row);
}

/** @see MailStore.listAccounts */
export function listAccounts(database: Database): Account[] {
  return database
    .rows<AccountRow>('SELECT id, name, argon2id, scram_sha256 FROM accounts ORDER BY name_key')
    .map((row) => toAccount(row));
}

function toAccount([id, name, argon2id, scramSha256]: AccountRow): Account {
  return { id, name, credentials: { argon2id, scramSha256 } };
}

/** @see MailStore.createAccount */
export function createAccount(
  context: WriteContext,
  { name, credentials }: { name: string; credentials: Credentials },
): Account {
  const { database } = context;
  const normalName = normalizeAccountName(name);
  const key = foldAsciiCase(normalName);
  if (database.row('SELECT 1 FROM accounts WHERE name_key = ?', key) !== undefined) {
    throw new StoreError('ALREADYEXISTS', `An account named "${normalName}" exists`);
  }
  const id = database.insert(
    'INSERT INTO accounts (name, name_key, argon2id, scram_sha256) VALUES (?, ?, ?, ?)',
    normalName,
    key,
    credentials.argon2id,
    credentials.scramSha256,
  );
  for (const { name: mailboxName, specialUses } of firstMailboxes) {
    insertMailbox(context, { accountId: id, name: mailboxName, isSelectable: true, specialUses });
    database.run('INSERT INTO subscriptions (account_id, name) VALUES (?, ?)', id, mailboxName);
  }
  context.noteInAccount(id, { kind: 'credentials' });
  return { id, name: normalName, credentials };
}

/** @see MailStore.changeCredentials */
export function changeCredentials(
  context: WriteContext,
  { name, credentials }: { name: string; credentials: Credentials },
): void {
  const changed = context.database.row<[number]>(
    'UPDATE accounts SET argon2id = ?, scram_sha256 = ? WHERE name_key = ? RETURNING id',
    credentials.argon2id,
    credentials.scramSha256,
    foldAsciiCase(name.normalize('NFC')),
  );
  if (changed === undefined) throw noAccount(name);
  context.noteInAccount(changed[0], { kind: 'credentials' });
}

/** The account goes at once; its mailboxes wait for the collector. @see MailStore.removeAccount */
export function removeAccount(context: WriteContext, { name }: { name: string }): void {
  const { database } = context;
  const key = foldAsciiCase(name.normalize('NFC'));
  const account = database.row<[number]>('SELECT id FROM accounts WHERE name_key = ?', key);
  if (account === undefined) throw noAccount(name);
  const [id] = account;
  const mailboxes = database.rows<[number]>('SELECT id FROM mailboxes WHERE account_id = ?', id);
  for (const [mailboxId] of mailboxes) removeMailboxRow(context, mailboxId);
  database.run('DELETE FROM subscriptions WHERE account_id = ?', id);
  database.run('DELETE FROM metadata WHERE account_id = ?', id);
  database.run('DELETE FROM accounts WHERE id = ?', id);
  context.noteInAccount(id, { kind: 'gone' });
}

function noAccount(name: string): StoreError {
  return new StoreError('NONEXISTENT', `No account is named "${name}"`);
}

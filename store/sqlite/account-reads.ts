import type { Account } from '../mail-store.ts';
import { foldAsciiCase } from '../names.ts';
import type { Database } from './database.ts';

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

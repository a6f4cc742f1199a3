import { type MetadataEntry, type MetadataOwner, StoreError } from '../mail-store.ts';
import { checkMetadataRoom } from '../metadata-room.ts';
import type { Database } from './database.ts';
import { noMailbox, readModseq } from './mailbox-counters.ts';
import type { WriteContext } from './writer/write-context.ts';

/** In place of a mailbox for what is the account's. */
const noMailboxId = 0;

/** @see MailStore.listMetadata */
export function listMetadata(database: Database, owner: MetadataOwner): MetadataEntry[] {
  checkOwner(database, owner);
  return database
    .rows<[string, number]>(
      'SELECT name, length(value) FROM metadata WHERE account_id = ? AND mailbox_id = ? ORDER BY name',
      ...keyOf(owner),
    )
    .map(([name, sizeBytes]) => ({ name, sizeBytes }));
}

/** @see MailStore.readMetadata */
export function readMetadata(
  database: Database,
  owner: MetadataOwner,
  name: string,
): Uint8Array | undefined {
  checkOwner(database, owner);
  return readValue(database, owner, name);
}

/** @see MailStore.changeMetadata */
export function changeMetadata(
  context: WriteContext,
  {
    owner,
    values,
    author,
  }: {
    readonly owner: MetadataOwner;
    readonly values: ReadonlyMap<string, Uint8Array | undefined>;
    readonly author: string;
  },
): void {
  const { database } = context;
  checkOwner(database, owner);
  const entries = [...values].flatMap(([name, value]) =>
    changeValue(database, owner, name, value) ? [name] : [],
  );
  if (entries.length === 0) return;
  checkRoom(database, owner, values);
  const { accountId, mailboxId } = owner;
  if (mailboxId === undefined) {
    return context.noteInAccount(accountId, { kind: 'metadata', entries, author });
  }
  context.takeModseq(mailboxId);
  const row = database.row<[string]>('SELECT name FROM mailboxes WHERE id = ?', mailboxId);
  if (row === undefined) throw noMailbox();
  const mailbox = { mailboxId, name: row[0] };
  context.noteInAccount(accountId, { kind: 'metadata', mailbox, entries, author });
}

/** Copies all entries of a mailbox to a new one of its account. `LIMIT`, `OVERQUOTA`. */
export function copyMetadata(database: Database, source: MetadataOwner, targetId: number): void {
  const target = { accountId: source.accountId, mailboxId: targetId };
  const entries = listMetadata(database, source);
  if (entries.length === 0) return;
  database.run(
    `INSERT INTO metadata SELECT account_id, ?, name, value FROM metadata
     WHERE account_id = ? AND mailbox_id = ?`,
    targetId,
    ...keyOf(source),
  );
  const largestBytes = Math.max(...entries.map(({ sizeBytes }) => sizeBytes));
  checkMetadataRoom({ ...readUse(database, target), largestBytes });
}

/** True if that is a change. */
function changeValue(
  database: Database,
  owner: MetadataOwner,
  name: string,
  value: Uint8Array | undefined,
): boolean {
  const old = readValue(database, owner, name);
  if (old === value || (old && value && Buffer.compare(old, value) === 0)) return false;
  // No REPLACE, for which SQLite runs no trigger of the row that goes.
  database.run(
    'DELETE FROM metadata WHERE account_id = ? AND mailbox_id = ? AND name = ?',
    ...keyOf(owner),
    name,
  );
  if (value !== undefined) {
    database.run('INSERT INTO metadata VALUES (?, ?, ?, ?)', ...keyOf(owner), name, value);
  }
  return true;
}

function readValue(database: Database, owner: MetadataOwner, name: string): Uint8Array | undefined {
  return database.row<[Uint8Array]>(
    'SELECT value FROM metadata WHERE account_id = ? AND mailbox_id = ? AND name = ?',
    ...keyOf(owner),
    name,
  )?.[0];
}

function keyOf({ accountId, mailboxId = noMailboxId }: MetadataOwner): [number, number] {
  return [accountId, mailboxId];
}

/** A change that only removes is never refused. */
function checkRoom(
  database: Database,
  owner: MetadataOwner,
  values: ReadonlyMap<string, Uint8Array | undefined>,
): void {
  const sizes = [...values.values()].flatMap((value) => value?.length ?? []);
  if (sizes.length === 0) return;
  checkMetadataRoom({ ...readUse(database, owner), largestBytes: Math.max(...sizes) });
}

function readUse(database: Database, owner: MetadataOwner) {
  const [accountCount, accountBytes, ownCount] = database.row<[number, number, number]>(
    `SELECT metadata_count, metadata_bytes,
       (SELECT count(*) FROM metadata WHERE account_id = ?1 AND mailbox_id = ?2)
     FROM accounts WHERE id = ?1`,
    ...keyOf(owner),
  )!;
  return { accountCount, accountBytes, ownCount };
}

/** `NONEXISTENT`. */
function checkOwner(database: Database, { accountId, mailboxId }: MetadataOwner): void {
  if (mailboxId !== undefined) return void readModseq(database, { accountId, mailboxId });
  if (database.row('SELECT 1 FROM accounts WHERE id = ?', accountId) === undefined) {
    throw new StoreError('NONEXISTENT', 'The account does not exist');
  }
}

import { createHash } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import t from 'tap';
import { openSqliteStore } from '../../../store/sqlite/open.ts';
import {
  addMessage,
  isSound,
  makeScene,
  requireMailbox,
} from '../../fixtures/mail-store-contract/store-steps.ts';
import { makeDataDirectory } from '../../fixtures/sqlite-store.ts';

const digestOf = (text: string) => createHash('sha256').update(text).digest();

type Row = [mailbox: string, text: string, ...values: number[]];

/** The journal that an older version has left: what it added, and what it was adding when it was killed. */
function writeOldJournal(path: string, imported: readonly Row[], pending: readonly Row[]): void {
  const database = new DatabaseSync(path);
  database.exec(`
    CREATE TABLE imported (
      mailbox TEXT NOT NULL, sha256 TEXT NOT NULL, count INTEGER NOT NULL,
      PRIMARY KEY (mailbox, sha256)
    ) WITHOUT ROWID;
    CREATE TABLE pending (
      mailbox TEXT NOT NULL, sha256 TEXT NOT NULL, size_bytes INTEGER NOT NULL,
      from_uid INTEGER NOT NULL
    );`);
  for (const [mailbox, text, count] of imported) {
    const row = [mailbox, digestOf(text).toString('hex'), count!] as const;
    database.prepare('INSERT INTO imported VALUES (?, ?, ?)').run(...row);
  }
  for (const [mailbox, text, fromUid] of pending) {
    const row = [mailbox, digestOf(text).toString('hex'), text.length, fromUid!] as const;
    database.prepare('INSERT INTO pending VALUES (?, ?, ?, ?)').run(...row);
  }
  database.close();
}

await t.test('the journal of an older version is taken over once, and removed', async (t) => {
  const dataDirectory = makeDataDirectory(t);
  const open = () => openSqliteStore({ dataDirectory, collectIntervalMs: 0 });
  const first = await open();
  const scene = await makeScene(first);
  const archive = await requireMailbox(first, scene.accountId, 'Archive');
  for (const text of ['old', 'added', 'twice', 'twice']) await addMessage(scene, text);
  const keyOf = async ({ accountId, mailboxId }: typeof archive) => {
    const { uidValidity } = await first.readStatus({ accountId, mailboxId });
    return `${accountId}/${mailboxId}/${uidValidity}`;
  };
  const [inboxKey, archiveKey] = [await keyOf(scene.inbox), await keyOf(archive)];
  await first.close();
  const path = join(dataDirectory, 'imports.db');
  const imported: Row[] = [
    [inboxKey, 'a', 1],
    [inboxKey, 'twice', 3],
    [archiveKey, 'a', 2],
    ['1/1/1', 'b', 1],
    ['9/9/9', 'c', 1],
  ];
  const pending: Row[] = [
    [inboxKey, 'added', 2],
    [inboxKey, 'twice', 2],
    [inboxKey, 'twice', 2],
    [inboxKey, 'twice', 2],
    [inboxKey, 'missing', 2],
    [inboxKey, 'old', 2],
  ];
  // The second time as if the process had ended before the file was removed.
  for (let round = 0; round < 2; round++) {
    writeOldJournal(path, imported, pending);
    const store = await open();
    t.notOk(existsSync(path));
    const texts = ['a', 'twice', 'added', 'missing', 'old', 'b', 'c'];
    t.same(await store.countImported(scene.inbox, texts.map(digestOf)), [1, 5, 1, 0, 0, 0, 0]);
    t.same(await store.countImported(archive, texts.map(digestOf)), [2, 0, 0, 0, 0, 0, 0]);
    await isSound(t, store);
    await store.close();
  }
});

await t.test('a journal that cannot be read is left, and named', async (t) => {
  const dataDirectory = makeDataDirectory(t);
  const path = join(dataDirectory, 'imports.db');
  writeFileSync(path, 'not a database, but some text that is long enough'.repeat(100));
  await t.rejects(openSqliteStore({ dataDirectory }), {
    message: /^Cannot read import journal ".*imports\.db": file is not a database; remove it/,
  });
  t.ok(existsSync(path));
});

import { join } from 'node:path';
import t, { type Test } from 'tap';
import { walkerVersion } from '../../../protocol/mime/mime-structure.ts';
import { limits } from '../../../store/limits.ts';
import { Database } from '../../../store/sqlite/database.ts';
import { openSqliteStore } from '../../../store/sqlite/open.ts';
import {
  addMessage,
  isSound,
  makeScene,
  readAll,
  readBytes,
} from '../../fixtures/mail-store-contract/store-steps.ts';
import { makeVersionDirectory } from '../../fixtures/data-directories/versions.ts';
import { makeSqliteStore } from '../../fixtures/sqlite-store.ts';

const columns = ['envelope', 'bodyStructure', 'structure', 'usualFields'] as const;

/** As if an older walker had read the bodies with these ids. */
function age(dataDirectory: string, bodyIds: string): void {
  change(
    dataDirectory,
    `UPDATE body_texts SET walker = ${walkerVersion - 1}, envelope = '("old")', body_structure = '("old")',
       structure = replace(structure, 'plain', 'older') WHERE body_id IN (${bodyIds});
     UPDATE bodies SET sent_day = 1 WHERE id IN (${bodyIds});
     UPDATE walks SET walker = ${walkerVersion - 1}, body_id = NULL`,
  );
}

function change(dataDirectory: string, sql: string): void {
  const database = new Database(join(dataDirectory, 'mail.db'), 'writer');
  database.execute(sql);
  database.close();
}

function query(dataDirectory: string, sql: string): unknown[] {
  const database = new Database(join(dataDirectory, 'mail.db'), 'reader');
  try {
    return database.rows(sql);
  } finally {
    database.close();
  }
}

async function makeAgedStore(t: Test, bodyIds: string) {
  const fixture = await makeSqliteStore(t);
  const scene = await makeScene(fixture.store);
  const messages = Array.from(
    { length: 70 },
    (_, index) => `Date: ${(index % 28) + 1} Mar 2021 10:00:00 +0000\r\nSubject: ${index}\r\n\r\nx`,
  );
  for (const message of messages) await addMessage(scene, message);
  const before = await readAll(fixture.store, scene.inbox, columns);
  const days = query(fixture.dataDirectory, 'SELECT sent_day FROM bodies ORDER BY id');
  await fixture.store.close();
  age(fixture.dataDirectory, bodyIds);
  return { ...fixture, inbox: scene.inbox, before, days };
}

await t.test('what an older walker has read is answered, and read again', async (t) => {
  const { inbox, before, days, dataDirectory, reopen } = await makeAgedStore(t, '2, 3, 40, 70');
  const store = await reopen();
  const old = await readAll(store, inbox, columns);
  t.equal(old[1]!.envelope, '("old")');
  t.equal(old[1]!.structure!.subtype, 'older');
  t.strictSame(old[0], before[0]);
  await store.collect();
  t.strictSame(await readAll(store, inbox, columns), before);
  t.strictSame(query(dataDirectory, 'SELECT sent_day FROM bodies ORDER BY id'), days);
  t.strictSame(query(dataDirectory, 'SELECT DISTINCT walker FROM body_texts'), [[walkerVersion]]);
  t.strictSame(query(dataDirectory, 'SELECT * FROM walks'), [[walkerVersion, null]]);
  await isSound(t, store);
});

await t.test('it is done in steps, and goes on where it was', async (t) => {
  const { dataDirectory, reopen } = await makeAgedStore(t, 'SELECT id FROM bodies');
  const store = await reopen();
  change(dataDirectory, `UPDATE walks SET walker = ${walkerVersion}, body_id = 50`);
  await store.collect();
  const sql = 'SELECT body_id FROM body_texts WHERE walker = ? ORDER BY body_id';
  const read = query(dataDirectory, sql.replace('?', String(walkerVersion)));
  t.strictSame(
    read,
    Array.from({ length: 20 }, (_, index) => [51 + index]),
    'behind where it was',
  );
});

await t.test('a body that the newer walker refuses stays, and is not tried again', async (t) => {
  const { store, dataDirectory, reopen } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  await addMessage(scene, 'Subject: before\r\n\r\nx');
  const text = 'z'.repeat(1_200_000);
  await addMessage(scene, `Subject: taken\r\n\r\n${text}`);
  await addMessage(scene, 'Subject: after\r\n\r\nx');
  await store.close();
  age(dataDirectory, '1, 2, 3');
  // As if an older walker had taken a header of more than 1 MiB.
  const database = new Database(join(dataDirectory, 'mail.db'), 'writer');
  const begin = Buffer.from(`X-Long: ${text}`).subarray(0, limits.chunkBytes);
  const sql = 'UPDATE chunks SET bytes = ?, inflated_bytes = NULL WHERE id = 2 * 65536';
  t.equal(database.run(sql, Uint8Array.from(begin)), 1);
  database.run('DELETE FROM chunks WHERE id = 2 * 65536 + 1');
  database.close();
  const opened = await reopen();
  await opened.collect();
  const rows = query(dataDirectory, 'SELECT body_id, walker FROM body_texts ORDER BY body_id');
  t.strictSame(rows, [
    [1, walkerVersion],
    [2, walkerVersion - 1],
    [3, walkerVersion],
  ]);
  const [, refused] = await readAll(opened, scene.inbox, columns);
  t.equal(refused!.envelope, '("old")');
  t.strictSame(query(dataDirectory, 'SELECT * FROM walks'), [[walkerVersion, null]]);
});

await t.test('mail of version 1 is read as new mail is', async (t) => {
  const store = await openSqliteStore({
    dataDirectory: makeVersionDirectory(t, 1),
    collectIntervalMs: 0,
  });
  t.teardown(() => store.close());
  const inbox = (await store.findMailbox(1, 'INBOX'))!;
  const migrated = await readAll(store, inbox, columns);
  await store.collect();
  const old = await readAll(store, inbox, columns);
  const fresh = await makeScene((await makeSqliteStore(t)).store);
  for (const { bodyId } of old) await addMessage(fresh, await readBytes(store, bodyId));
  const added = await readAll(fresh.store, fresh.inbox, columns);
  const contents = (rows: typeof old) =>
    rows.map(({ envelope, bodyStructure, structure }) => [envelope, bodyStructure, structure]);
  t.strictSame(contents(old), contents(added));
  t.notSame(contents(migrated), contents(old), 'the walker was another one');
  await isSound(t, store);
});

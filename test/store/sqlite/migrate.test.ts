import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Database } from '../../../store/sqlite/database.ts';
import { migrate, schemaVersion, StoreVersionError } from '../../../store/sqlite/migrate.ts';
import { schemaSteps } from '../../../store/sqlite/schema.ts';
import { openSqliteStore } from '../../../store/open-sqlite-store.ts';
import { addMessages, makeScene } from '../../fixtures/mail-store-contract/store-steps.ts';
import { makeDataDirectory, makeSqliteStore } from '../../fixtures/sqlite-store.ts';

await t.test('an empty file gets every step once', (t) => {
  const database = new Database(join(makeDataDirectory(t), 'mail.db'), 'writer');
  t.equal(schemaVersion(database), 0);
  migrate(database);
  t.equal(schemaVersion(database), schemaSteps.length);
  migrate(database);
  t.same(database.rows('PRAGMA integrity_check'), [['ok']]);
  t.same(database.row('PRAGMA journal_mode'), ['wal']);
  t.same(database.row('PRAGMA synchronous'), [2], 'FULL');
  t.same(database.row('PRAGMA auto_vacuum'), [2], 'INCREMENTAL');
  database.close();
  t.end();
});

await t.test('a file of version 1 keeps its mail through later steps', async (t) => {
  const fixture = await makeSqliteStore(t);
  const scene = await makeScene(fixture.store);
  await addMessages(scene, ['1', '2']);
  await fixture.store.close();
  const path = join(makeDataDirectory(t), 'mail.db');
  copyFileSync(join(fixture.dataDirectory, 'mail.db'), path);
  const database = new Database(path, 'writer');
  t.equal(schemaVersion(database), 1);
  const steps = [
    ...schemaSteps.slice(0, 1),
    'ALTER TABLE messages ADD COLUMN added TEXT; CREATE TABLE new (a INTEGER)',
    'INSERT INTO new SELECT count(*) FROM messages',
  ];
  migrate(database, steps);
  t.equal(schemaVersion(database), 3);
  t.same(database.row('SELECT a FROM new'), [2]);
  t.same(database.rows('SELECT uid, added FROM messages'), [
    [1, null],
    [2, null],
  ]);
  database.close();
});

await t.test('a step that fails leaves the version before it', (t) => {
  const database = new Database(join(makeDataDirectory(t), 'mail.db'), 'writer');
  const steps = ['CREATE TABLE a (x)', 'CREATE TABLE b (x); INSERT INTO nowhere VALUES (1)'];
  t.throws(() => migrate(database, steps), /nowhere/);
  t.equal(schemaVersion(database), 1);
  t.equal(database.row("SELECT 1 FROM sqlite_schema WHERE name = 'b'"), undefined);
  migrate(database, ['never run again', 'CREATE TABLE b (x)']);
  t.equal(schemaVersion(database), 2);
  database.close();
  t.end();
});

await t.test('a newer file is left alone', async (t) => {
  const dataDirectory = makeDataDirectory(t);
  const database = new Database(join(dataDirectory, 'mail.db'), 'writer');
  database.execute('PRAGMA user_version = 99');
  database.close();
  const error = await openSqliteStore({ dataDirectory }).catch((caught: unknown) => caught);
  t.ok(error instanceof StoreVersionError);
  t.match(error, { code: 'STORE_VERSION', message: /version 99/ });
});

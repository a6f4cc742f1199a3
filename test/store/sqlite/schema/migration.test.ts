import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openSqliteStore } from '../../../../store/sqlite/open.ts';
import { Database } from '../../../../store/sqlite/database.ts';
import {
  type MigrationEvent,
  StoreSpaceError,
  StoreVersionError,
} from '../../../../store/opened-store.ts';
import { migrate, schemaVersion } from '../../../../store/sqlite/schema/migration.ts';
import { type LongStep, schemaSteps } from '../../../../store/sqlite/schema/schema.ts';
import { makeVersionDirectory } from '../../../fixtures/data-directories/versions.ts';
import { makeDataDirectory } from '../../../fixtures/sqlite-store.ts';

/** Adds the sizes of all bodies up, six a transaction: it shows a row that is left out, or met twice. */
const sumSizes: LongStep = {
  sql: 'CREATE TABLE sizes (body_id INTEGER NOT NULL, size_bytes INTEGER NOT NULL) STRICT',
  end: (database) => database.row<[number]>('SELECT max(id) FROM bodies')![0],
  growthBytes: () => 1000,
  advance: (database, position) => {
    const sql = 'SELECT id, size_bytes FROM bodies WHERE id > ? ORDER BY id LIMIT 6';
    const rows = database.rows<[number, number]>(sql, position);
    for (const row of rows) database.run('INSERT INTO sizes VALUES (?, ?)', ...row);
    return rows.at(-1)?.[0];
  },
};
const firstStep = schemaSteps[0]!;
const steps = [firstStep, sumSizes, 'CREATE TABLE after (a INTEGER) STRICT'];

/** The file of a data directory of version 1. */
function openVersionOne(t: Test, Type: typeof Database = Database): Database {
  const database = new Type(join(makeVersionDirectory(t, 1), 'mail.db'), 'writer');
  t.teardown(() => database.close());
  return database;
}

/** All three steps are done, and each row was met once. */
function isMigrated(t: Test, database: Database): void {
  t.equal(schemaVersion(database), 3);
  const sums = database.rows('SELECT body_id, size_bytes FROM sizes ORDER BY body_id');
  t.same(sums, database.rows('SELECT id, size_bytes FROM bodies ORDER BY id'));
  t.same(database.rows('SELECT * FROM after'), []);
  const names = database.rows("SELECT name FROM sqlite_schema WHERE name = 'migration'");
  t.same(names, [], 'no position is left');
  t.same(database.rows('PRAGMA integrity_check'), [['ok']]);
}

await t.test('an empty file gets every step once', async (t) => {
  const database = new Database(join(makeDataDirectory(t), 'mail.db'), 'writer');
  t.teardown(() => database.close());
  const events: MigrationEvent[] = [];
  const onEvent = (event: MigrationEvent) => void events.push(event);
  t.equal(schemaVersion(database), 0);
  await migrate(database, { steps, onEvent });
  await migrate(database, { steps, onEvent });
  t.same(events, [], 'and tells nothing');
  isMigrated(t, database);
  t.same(database.row('PRAGMA journal_mode'), ['wal']);
  t.same(database.row('PRAGMA synchronous'), [2], 'FULL');
  t.same(database.row('PRAGMA auto_vacuum'), [2], 'INCREMENTAL');
});

await t.test('a migration is backed up, and tells how far it is', async (t) => {
  const database = openVersionOne(t);
  const backupDirectory = makeDataDirectory(t);
  const events: MigrationEvent[] = [];
  await migrate(database, {
    steps,
    backupDirectory,
    onEvent: (event) => void events.push(event),
  });
  isMigrated(t, database);
  const path = join(backupDirectory, 'mail-version-1.db');
  t.same(events[0], { kind: 'began', fromVersion: 1, toVersion: 3, isResumed: false });
  t.match(
    events.find(({ kind }) => kind === 'backedUp'),
    { path, sizeBytes: statSync(path).size },
  );
  t.same(events.at(-1), { kind: 'ended', version: 3 });
  const shares = events.flatMap((event) =>
    event.kind === 'progress' && event.phase === 'migration' ? [event.share] : [],
  );
  t.ok(shares.length > 5 && shares.every((share) => share > 0 && share <= 1), shares.join());
  t.same(
    shares,
    shares.toSorted((a, b) => a - b),
  );
  t.equal(shares.at(-1), 1);

  t.equal(statSync(path).mode & 0o777, 0o600);
  t.notOk(existsSync(`${path}.partial`));
  const backup = new Database(path, 'reader');
  t.equal(schemaVersion(backup), 1);
  t.same(backup.rows('SELECT * FROM bodies'), database.rows('SELECT * FROM bodies'));
  t.same(backup.rows('PRAGMA integrity_check'), [['ok']]);
  backup.close();
});

await t.test('without space nothing is changed, and the bytes are told', async (t) => {
  const database = openVersionOne(t);
  const backupDirectory = makeDataDirectory(t);
  const backupBytes = statSync(database.path).size;
  const neededBytes = backupBytes + 1000 + 64 * 1024 * 1024;
  const freeBytes = neededBytes - 1;
  const error = await migrate(database, {
    steps,
    backupDirectory,
    freeBytes: () => freeBytes,
  }).catch((caught: unknown) => caught);
  t.ok(error instanceof StoreSpaceError);
  t.match(error, { message: `it needs ${neededBytes} bytes, ${freeBytes} are free` });
  t.equal(schemaVersion(database), 1);
  t.notOk(existsSync(join(backupDirectory, 'mail-version-1.db')));
  // What is free is enough if there is to be no backup.
  await migrate(database, { steps, freeBytes: () => neededBytes - backupBytes });
  isMigrated(t, database);
});

await t.test('what a backup that was cut off has left takes no space from the next', async (t) => {
  const database = openVersionOne(t);
  const backupDirectory = makeDataDirectory(t);
  const partialPath = join(backupDirectory, 'mail-version-1.db.partial');
  writeFileSync(partialPath, 'the first pages');
  const freeBytes = () => (existsSync(partialPath) ? 0 : Number.MAX_SAFE_INTEGER);
  await migrate(database, { steps, backupDirectory, freeBytes });
  isMigrated(t, database);
  t.notOk(existsSync(partialPath));
});

await t.test('a fault at each transaction leaves a file that goes on', async (t) => {
  let [commitsLeft, isBefore] = [0, true];
  class FailingDatabase extends Database {
    override execute(sql: string): void {
      const fails = sql === 'COMMIT' && --commitsLeft === 0;
      if (fails && isBefore) throw new Error('Injected');
      super.execute(sql);
      if (fails) throw new Error('Injected');
    }
  }
  const counted = openVersionOne(t, FailingDatabase);
  await migrate(counted, { steps });
  const commitCount = -commitsLeft;
  t.ok(commitCount > 10, `${commitCount} transactions`);
  for (let failing = 1; failing <= commitCount; failing++) {
    for (const before of [true, false]) {
      const database = openVersionOne(t, FailingDatabase);
      [commitsLeft, isBefore] = [failing, before];
      await t.rejects(migrate(database, { steps }), { message: 'Injected' });
      const version = schemaVersion(database);
      const events: MigrationEvent[] = [];
      const backupDirectory = makeDataDirectory(t);
      await migrate(database, {
        steps,
        backupDirectory,
        onEvent: (event) => void events.push(event),
      });
      isMigrated(t, database);
      const isBackedUp = existsSync(join(backupDirectory, `mail-version-${version}.db`));
      const isResumed = events[0]?.kind === 'began' && events[0].isResumed;
      t.equal(isBackedUp, version === 1, `version ${version}`);
      t.equal(isResumed, version === 2);
    }
  }
});

/** Migrates a file of version 1, and ends between the two steps. */
async function endBetweenSteps(
  t: Test,
  database: Database,
  backupDirectory: string,
): Promise<void> {
  const failing = [firstStep, sumSizes, 'INSERT INTO nowhere VALUES (1)'];
  await t.rejects(migrate(database, { steps: failing, backupDirectory }), /nowhere/);
  t.equal(schemaVersion(database), 2);
}

await t.test('a migration that ended between two steps wants no second backup', async (t) => {
  const database = openVersionOne(t);
  const backupDirectory = makeDataDirectory(t);
  await endBetweenSteps(t, database, backupDirectory);
  const events: MigrationEvent[] = [];
  await migrate(database, {
    steps,
    backupDirectory,
    // Not for another copy.
    freeBytes: () => 64 * 1024 * 1024 + 1000,
    onEvent: (event) => void events.push(event),
  });
  t.match(events[0], { kind: 'began', fromVersion: 2, toVersion: 3, isResumed: true });
  t.notOk(existsSync(join(backupDirectory, 'mail-version-2.db')));
  isMigrated(t, database);
});

await t.test('a migration that an older program took for its end is backed up anew', async (t) => {
  const database = openVersionOne(t);
  const backupDirectory = makeDataDirectory(t);
  await endBetweenSteps(t, database, backupDirectory);
  await migrate(database, { steps: steps.slice(0, 2) });
  const events: MigrationEvent[] = [];
  await migrate(database, {
    steps,
    backupDirectory,
    onEvent: (event) => void events.push(event),
  });
  t.match(events[0], { kind: 'began', fromVersion: 2, toVersion: 3, isResumed: false });
  t.ok(existsSync(join(backupDirectory, 'mail-version-2.db')), 'with the mail since the first');
  isMigrated(t, database);
});

await t.test('a step of SQL that fails leaves the version before it', async (t) => {
  const database = new Database(join(makeDataDirectory(t), 'mail.db'), 'writer');
  t.teardown(() => database.close());
  const failing = ['CREATE TABLE a (x)', 'CREATE TABLE b (x); INSERT INTO nowhere VALUES (1)'];
  await t.rejects(migrate(database, { steps: failing }), /nowhere/);
  t.equal(schemaVersion(database), 1);
  t.equal(database.row("SELECT 1 FROM sqlite_schema WHERE name = 'b'"), undefined);
  await migrate(database, { steps: ['never run again', 'CREATE TABLE b (x)'] });
  t.equal(schemaVersion(database), 2);
});

const stepsSource = `
  const sumSizes = {
    sql: ${JSON.stringify(sumSizes.sql)},
    end: ${String(sumSizes.end)},
    growthBytes: ${String(sumSizes.growthBytes)},
    advance: ${String(sumSizes.advance)},
  };
  const steps = [schemaSteps[0], sumSizes, ${JSON.stringify(steps[2])}];`;

await t.test('kill -9 within a long step', async (t) => {
  const folder = new URL('../../../../store/sqlite/', import.meta.url).href;
  const path = join(makeVersionDirectory(t, 1), 'mail.db');
  // Says how far it is, then stands still within the step.
  const program = `
    import { writeSync } from 'node:fs';
    import { Database } from '${folder}database.ts';
    import { migrate } from '${folder}schema/migration.ts';
    import { schemaSteps } from '${folder}schema/schema.ts';
    ${stepsSource}
    let progressCount = 0;
    await migrate(new Database(process.argv[1], 'writer'), { steps, onEvent: ({ kind }) => {
      if (kind !== 'progress' || ++progressCount < 4) return;
      writeSync(1, 'in the step');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    } });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'close');
  const database = new Database(path, 'writer');
  t.teardown(() => database.close());
  t.same(database.row('SELECT count(*) FROM sizes'), [24], 'four transactions are there');
  t.equal(schemaVersion(database), 2, 'an older program leaves the file alone');
  await t.rejects(migrate(database, { steps: [firstStep] }), { code: 'STORE_VERSION' });
  const [began] = await eventsOf(database);
  t.match(began, { kind: 'began', fromVersion: 1, isResumed: true });
  isMigrated(t, database);
});

async function eventsOf(database: Database): Promise<MigrationEvent[]> {
  const events: MigrationEvent[] = [];
  await migrate(database, { steps, onEvent: (event) => void events.push(event) });
  return events;
}

await t.test('a newer file is left alone', async (t) => {
  const dataDirectory = makeDataDirectory(t);
  const database = new Database(join(dataDirectory, 'mail.db'), 'writer');
  database.execute('PRAGMA user_version = 99');
  database.close();
  const error = await openSqliteStore({ dataDirectory }).catch((caught: unknown) => caught);
  t.ok(error instanceof StoreVersionError);
  t.match(error, { code: 'STORE_VERSION', message: /version 99/ });
});

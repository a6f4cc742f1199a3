import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Database } from '../../../store/sqlite/database.ts';
import { openSqliteStore } from '../../../store/sqlite/open.ts';
import { DiskFaults, skipsDiskFaults } from '../../fixtures/disk-faults/disk-faults.ts';
import { runProgram } from '../../fixtures/run-program.ts';
import { makeDataDirectory } from '../../fixtures/sqlite-store.ts';

const storeModule = new URL('../../../store/sqlite/open.ts', import.meta.url).href;

await t.test(
  'an open store does not keep a process running, an unanswered request does',
  async (t) => {
    const dataDirectory = makeDataDirectory(t);
    const program = `
    import { openSqliteStore } from '${storeModule}';
    const store = await openSqliteStore({ dataDirectory: process.argv[1] });
    store.createAccount('alice', { argon2id: '', scramSha256: '' }).then(({ name }) => console.log(name));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, dataDirectory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (bytes: Buffer) => {
      output += bytes.toString();
    });
    t.same(await once(child, 'close'), [0, null]);
    t.equal(output, 'alice\n');
    const store = await openSqliteStore({ dataDirectory });
    t.equal((await store.findAccount('alice'))?.name, 'alice');
    await store.close();
  },
);

await t.test('two stores in one process', async (t) => {
  const directories = [makeDataDirectory(t), join(makeDataDirectory(t), 'made', 'too')];
  const stores = await Promise.all(
    directories.map((dataDirectory) => openSqliteStore({ dataDirectory })),
  );
  await stores[0]!.createAccount('alice', { argon2id: '', scramSha256: '' });
  t.same(await stores[1]!.listAccounts(), []);
  await Promise.all(stores.map((store) => store.close()));
  t.equal(statSync(directories[1]!).mode & 0o777, 0o700);
});

await t.test('a directory that cannot be made', async (t) => {
  const dataDirectory = join(makeDataDirectory(t), 'file');
  await (await openSqliteStore({ dataDirectory })).close();
  await t.rejects(openSqliteStore({ dataDirectory: join(dataDirectory, 'mail.db') }), {
    code: /EEXIST|ENOTDIR/,
  });
});

await t.test('a store that was made and is lost is not made anew', async (t) => {
  const dataDirectory = makeDataDirectory(t);
  const path = join(dataDirectory, 'mail.db');
  const open = () => openSqliteStore({ dataDirectory });
  await (await open()).close();
  const file = readFileSync(path);
  for (const lose of [
    () => rmSync(path),
    () => writeFileSync(path, ''),
    () => truncateSync(path),
  ]) {
    lose();
    await t.rejects(open(), { code: 'STORE_MISSING', message: path });
    t.equal(statSync(path, { throwIfNoEntry: false })?.size ?? 0, 0);
    writeFileSync(path, file);
  }
  await (await open()).close();
  writeFileSync(path, 'Something else, which is not a mail store.'.repeat(500));
  await t.rejects(open(), { code: 'STORE_OPEN', message: `"${path}": file is not a database` });
  rmSync(join(dataDirectory, 'mail-store'));
  rmSync(path);
  await (await open()).close();
  t.ok(statSync(path).size > 0, 'without the note a new store is made');
});

await t.test('a store does not open if what it is to take up again is damaged', async (t) => {
  for (const name of ['unpublished_copies', 'bodies']) {
    const dataDirectory = makeDataDirectory(t);
    const path = join(dataDirectory, 'mail.db');
    const open = () => openSqliteStore({ dataDirectory, collectIntervalMs: 0 });
    await (await open()).close();
    const file = readFileSync(path);
    const damaged = Buffer.from(file);
    for (const [page, pageBytes] of readPages(path, name)) {
      damaged.fill(0xff, (page - 1) * pageBytes, page * pageBytes);
    }
    writeFileSync(path, damaged);
    await t.rejects(open(), { code: 'STORE_OPEN', message: /mail\.db": .*malformed/ }, name);
    writeFileSync(path, file);
    await (await open()).close();
  }
});

/** The first pages of a table and its indexes, each with the size of pages. */
function readPages(path: string, table: string): [number, number][] {
  const database = new Database(path, 'reader');
  const rows = database.rows<[number, number]>(
    'SELECT rootpage, page_size FROM sqlite_master, pragma_page_size WHERE tbl_name = ? AND rootpage > 0',
    table,
  );
  database.close();
  return rows;
}

await t.test('a log on a read-only disk', { skip: skipsDiskFaults }, async (t) => {
  const dataDirectory = makeDataDirectory(t);
  const store = await openSqliteStore({ dataDirectory, collectIntervalMs: 0 });
  await store.createAccount('alice', { argon2id: '', scramSha256: '' });
  const program = `
    import { openSqliteStore } from '${storeModule}';
    const store = await openSqliteStore({ dataDirectory: process.argv[1] }).catch(({ message }) => message);
    console.log(typeof store === 'string' ? store : (await store.listAccounts()).map(({ name }) => name));`;
  const openCopy = async (filter: (path: string) => boolean) => {
    const copy = makeDataDirectory(t);
    cpSync(dataDirectory, copy, { recursive: true, filter });
    using faults = new DiskFaults(copy);
    faults.fail('EROFS');
    const argv = ['--input-type=module', '-e', program, copy];
    const { environment } = faults;
    const { stdout } = await runProgram(process.execPath, argv, { environment });
    return stdout.toString().trim().replaceAll(copy, 'COPY');
  };
  t.equal(await openCopy(() => true), "[ 'alice' ]", 'is read');
  t.match(
    await openCopy((path) => !path.endsWith('-shm')),
    /^Cannot open mail store "COPY\/mail\.db": .*"COPY\/mail\.db-shm".* Make "COPY" writable/,
    'cannot be read without its index, and the error says what to do',
  );
  await store.close();
});

await t.test('nothing is acknowledged once the files of the store are gone', async (t) => {
  const losses: readonly ((directory: string) => void)[] = [
    (directory) => rmSync(directory, { recursive: true }),
    (directory) => rmSync(join(directory, 'mail.db-wal')),
    (directory) => renameSync(directory, `${directory}-moved`),
    (directory) => {
      rmSync(join(directory, 'mail.db'));
      writeFileSync(join(directory, 'mail.db'), 'another');
    },
  ];
  for (const lose of losses) {
    const dataDirectory = makeDataDirectory(t);
    t.teardown(() => rmSync(`${dataDirectory}-moved`, { recursive: true, force: true }));
    const failure = Promise.withResolvers<Error>();
    const onFailure = failure.resolve;
    const store = await openSqliteStore({ dataDirectory, collectIntervalMs: 0, onFailure });
    await store.createAccount('alice', { argon2id: '', scramSha256: '' });
    lose(dataDirectory);
    await t.rejects(store.createAccount('bob', { argon2id: '', scramSha256: '' }));
    t.match((await failure.promise).message, `Mail store file "${dataDirectory}/mail.db`);
    await store.close();
  }
});

await t.test('an idle store notices that its files are gone', async (t) => {
  const dataDirectory = makeDataDirectory(t);
  const failure = Promise.withResolvers<Error>();
  const store = await openSqliteStore({ dataDirectory, onFailure: failure.resolve });
  rmSync(dataDirectory, { recursive: true });
  t.match((await failure.promise).message, 'is gone');
  await store.close();
});

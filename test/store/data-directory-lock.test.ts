import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { DataDirectoryInUseError, lockDataDirectory } from '../../store/data-directory-lock.ts';
import { openSqliteStore } from '../../store/sqlite/open.ts';
import { DiskFaults, skipsDiskFaults } from '../fixtures/disk-faults/disk-faults.ts';
import { runProgram } from '../fixtures/run-program.ts';
import { makeDataDirectory } from '../fixtures/sqlite-store.ts';

const lockModule = new URL('../../store/data-directory-lock.ts', import.meta.url).href;

/** A process that locks the directory and keeps it until it is killed. */
async function startOwner(
  dataDirectory: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<ChildProcess> {
  const program = `
    import { lockDataDirectory } from '${lockModule}';
    lockDataDirectory(process.argv[1]);
    gc();
    console.log('locked');
    process.stdin.resume();`;
  const owner = spawn(
    process.execPath,
    ['--expose-gc', '--input-type=module', '-e', program, dataDirectory],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...environment },
    },
  );
  await once(owner.stdout, 'data');
  return owner;
}

await t.test('the id of the process is there as long as the lock', async (t) => {
  const dataDirectory = makeDataDirectory(t);
  const path = join(dataDirectory, 'lock.pid');
  const lock = lockDataDirectory(dataDirectory);
  t.equal(readFileSync(path, 'utf8'), `${process.pid}\n`);
  lock.release();
  t.equal(readFileSync(path, 'utf8'), '', 'afterwards it may be that of a stranger');
  const next = lockDataDirectory(dataDirectory);
  lock.release();
  t.equal(readFileSync(path, 'utf8'), `${process.pid}\n`, 'a lock is released once');
  next.release();
});

await t.test('a second process is refused and told whose it is', async (t) => {
  const dataDirectory = makeDataDirectory(t);
  const owner = await startOwner(dataDirectory);
  t.teardown(() => owner.kill('SIGKILL'));
  t.throws(() => lockDataDirectory(dataDirectory), {
    name: 'DataDirectoryInUseError',
    code: 'DATA_DIRECTORY_IN_USE',
    dataDirectory,
    message: `Data directory "${dataDirectory}" is in use by the process with id ${owner.pid}`,
  });
  await t.rejects(openSqliteStore({ dataDirectory }), DataDirectoryInUseError);
});

await t.test('the lock goes with its process, killed or not', async (t) => {
  const dataDirectory = makeDataDirectory(t);
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    const owner = await startOwner(dataDirectory);
    const end = once(owner, 'exit');
    owner.kill(signal);
    await end;
    lockDataDirectory(dataDirectory).release();
  }
});

await t.test('one process does not get it twice', (t) => {
  const dataDirectory = makeDataDirectory(t);
  const lock = lockDataDirectory(dataDirectory);
  t.throws(() => lockDataDirectory(dataDirectory), {
    message: new RegExp(`by the process with id ${process.pid}$`),
  });

  lock.release();
  lock.release();
  lockDataDirectory(dataDirectory).release();
  t.end();
});

await t.test('a lock without a readable owner', (t) => {
  const dataDirectory = makeDataDirectory(t);
  const lock = lockDataDirectory(dataDirectory);
  t.teardown(() => lock.release());
  writeFileSync(join(dataDirectory, 'lock.pid'), 'rubbish');
  t.throws(() => lockDataDirectory(dataDirectory), {
    message: /is in use by another process$/,
  });
  t.end();
});

await t.test('a directory that one process can only read', { skip: skipsDiskFaults }, async (t) => {
  const dataDirectory = makeDataDirectory(t);
  // Beside the lock of the process that can write, as on a second mount of the same directory.
  using faults = new DiskFaults(dataDirectory);
  faults.fail('EROFS');
  const { environment } = faults;
  const inUse = (owner: string) => `Data directory "${dataDirectory}" is in use by ${owner}`;
  lockDataDirectory(dataDirectory).release();

  const writer = await startOwner(dataDirectory);
  const program = `
    import { lockDataDirectory } from '${lockModule}';
    try { lockDataDirectory(process.argv[1]); } catch ({ message }) { console.log(message); }`;
  const argv = ['--input-type=module', '-e', program, dataDirectory];
  const read = async () =>
    (await runProgram(process.execPath, argv, { environment })).stdout.toString().trim();
  t.equal(await read(), inUse(`the process with id ${writer.pid}`), 'a writer keeps readers out');
  const end = once(writer, 'exit');
  writer.kill('SIGKILL');
  await end;

  const reader = await startOwner(dataDirectory, environment);
  t.teardown(() => reader.kill('SIGKILL'));
  t.equal(await read(), '', 'another reader comes in');
  t.throws(() => lockDataDirectory(dataDirectory), {
    message: inUse('another process'),
  });
});

await t.test('the directory is made, for its owner only', (t) => {
  const parent = makeDataDirectory(t);
  const made = join(parent, 'a', 'b');
  const wide = join(parent, 'wide');
  mkdirSync(wide);
  chmodSync(wide, 0o755);
  for (const path of [made, wide]) {
    lockDataDirectory(path).release();
    t.equal(statSync(path).mode & 0o777, 0o700);
  }
  t.end();
});

await t.test('a store that cannot be opened gives the lock back', async (t) => {
  const dataDirectory = makeDataDirectory(t);
  writeFileSync(join(dataDirectory, 'mail.db'), 'this is no database'.repeat(100));
  await t.rejects(openSqliteStore({ dataDirectory }), /not a database/);
  lockDataDirectory(dataDirectory).release();
});

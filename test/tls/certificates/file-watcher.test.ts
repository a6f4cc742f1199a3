import { mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  type CredentialError,
  CredentialWatcher,
  type CredentialWatcherOptions,
  FileWatcher,
  type LoadedCredential,
  makeSelfSignedCertificate,
  type SelfSignedCertificate,
} from '../../../tls/index.ts';
import { until } from '../../fixtures/until.ts';

const make = (): Promise<SelfSignedCertificate> =>
  makeSelfSignedCertificate({ hostNames: ['localhost'] });
const [old, fresh, other] = await Promise.all([make(), make(), make()]);

async function write(directory: string, pair: SelfSignedCertificate): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'cert.pem'), pair.cert);
  await writeFile(join(directory, 'key.pem'), pair.key);
}

const filesIn = (directory: string) => ({
  certPath: join(directory, 'cert.pem'),
  keyPath: join(directory, 'key.pem'),
});

type Told = readonly LoadedCredential[] | CredentialError;

/** A watcher that ends with the test, and what it tells, one after the other. */
async function watch(
  t: Test,
  directories: readonly string[],
  options: Partial<CredentialWatcherOptions> = {},
) {
  const told: Told[] = [];
  let wake = (): void => {};
  const take = (what: Told): void => {
    told.push(what);
    wake();
  };
  const watcher = await CredentialWatcher.open({
    files: directories.map(filesIn),
    onChange: take,
    onError: take,
    settleMs: 20,
    ...options,
  });
  t.teardown(() => watcher.close());
  const next = async (): Promise<Told> => {
    // The watcher keeps no process alive.
    const alive = setInterval(() => {}, 1_000);
    if (told.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    clearInterval(alive);
    return told.shift()!;
  };
  return { watcher, next, told };
}

void t.test('reads again what is written in place', async (t) => {
  const directory = t.testdir({});
  await write(directory, old);
  const { watcher, next } = await watch(t, [directory]);
  t.equal(watcher.credentials[0]!.cert, old.cert);
  await write(directory, fresh);
  t.match(await next(), [{ name: join(directory, 'cert.pem'), cert: fresh.cert, key: fresh.key }]);
  t.equal(watcher.credentials[0]!.cert, fresh.cert);
});

void t.test('reads again what is renamed, again and again', async (t) => {
  const directory = t.testdir({});
  await write(directory, old);
  const { next } = await watch(t, [directory]);
  for (const pair of [fresh, other, old]) {
    await write(join(directory, 'new'), pair);
    for (const name of ['cert.pem', 'key.pem']) {
      await rename(join(directory, 'new', name), join(directory, name));
    }
    t.match(await next(), [{ cert: pair.cert, key: pair.key }]);
  }
});

void t.test('follows a link that goes elsewhere', async (t) => {
  const directory = t.testdir({});
  await write(join(directory, 'one'), old);
  await write(join(directory, 'two'), fresh);
  await symlink('one', join(directory, 'live'));
  const { next } = await watch(t, [join(directory, 'live')], { pollMs: 50 });
  await symlink('two', join(directory, 'next'));
  await rename(join(directory, 'next'), join(directory, 'live'));
  t.match(await next(), [{ cert: fresh.cert }]);
});

void t.test('finds a change of which the system tells nothing', async (t) => {
  const directory = t.testdir({});
  await write(join(directory, 'certificates'), old);
  // The directory that is watched goes away, and the watch with it.
  const { next } = await watch(t, [join(directory, 'certificates')], { pollMs: 50 });
  await write(join(directory, 'new'), fresh);
  await rename(join(directory, 'certificates'), join(directory, 'old'));
  await rename(join(directory, 'new'), join(directory, 'certificates'));
  let told = await next();
  while (told instanceof Error) told = await next();
  t.match(told, [{ cert: fresh.cert }]);
});

void t.test('keeps the old credential where a new file is broken', async (t) => {
  const directory = t.testdir({});
  await write(directory, old);
  const { watcher, next, told } = await watch(t, [directory], { pollMs: 30 });
  const cases: [() => Promise<void>, RegExp][] = [
    [() => writeFile(join(directory, 'cert.pem'), 'broken'), /it is no PEM certificate$/],
    [() => writeFile(join(directory, 'cert.pem'), other.cert), /the key is not the certificate's$/],
    [() => rm(join(directory, 'cert.pem')), /^Cannot read certificate ".*": ENOENT$/],
  ];
  for (const [spoil, message] of cases) {
    await spoil();
    const error = await next();
    t.match(error, { name: 'CredentialError', message });
    t.equal(watcher.credentials[0]!.cert, old.cert);
  }
  await write(directory, fresh);
  t.match(await next(), [{ cert: fresh.cert }]);
  t.same(told, [], 'each fault is told once, however often it is looked at');
});

void t.test('tells nothing where the content stays', async (t) => {
  const [one, two] = [t.testdir({ one: {}, two: {} })].flatMap((directory) => [
    join(directory, 'one'),
    join(directory, 'two'),
  ]) as [string, string];
  await write(one, old);
  await write(two, old);
  const { next } = await watch(t, [one, two]);
  await write(one, old);
  await utimes(join(one, 'key.pem'), 0, 0);
  await write(two, fresh);
  t.match(
    await next(),
    [{ cert: old.cert }, { cert: fresh.cert }],
    'one change, of all credentials',
  );
});

void t.test('a broken credential does not hold up another', async (t) => {
  const directory = t.testdir({});
  await write(join(directory, 'one'), old);
  await write(join(directory, 'two'), old);
  const { next } = await watch(t, [join(directory, 'one'), join(directory, 'two')]);
  await writeFile(join(directory, 'one', 'key.pem'), 'broken');
  t.match(await next(), { name: 'CredentialError' });
  await write(join(directory, 'two'), fresh);
  t.match(await next(), [{ cert: old.cert, key: old.key }, { cert: fresh.cert }]);
});

void t.test('does not open where a file is missing', async (t) => {
  const directory = t.testdir({});
  await t.rejects(
    CredentialWatcher.open({ files: [filesIn(directory)], onChange() {}, onError() {} }),
    { name: 'CredentialError' },
  );
});

void t.test('any files: tells which have changed, one change after the other', async (t) => {
  const directory = t.testdir({ one: '1', two: '2' });
  const paths = ['one', 'two', 'three'].map((name) => join(directory, name));
  const [one = '', two = '', three = ''] = paths;
  const watcher = await FileWatcher.open({ paths, settleMs: 20 });
  t.teardown(() => watcher.close());
  // Before it begins to watch: that is told too.
  await writeFile(one, 'changed');
  const told: string[][] = [];
  let isTelling = false;
  await watcher.start(async (changed) => {
    t.equal(isTelling, false);
    isTelling = true;
    told.push([...changed]);
    await new Promise(setImmediate);
    isTelling = false;
  });
  await until(() => told.length === 1);
  await writeFile(three, 'new');
  await until(() => told.length === 2);
  await rm(two);
  await until(() => told.length === 3);
  t.same(told, [[one], [three], [two]]);
});

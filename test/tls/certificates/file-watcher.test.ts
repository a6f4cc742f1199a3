import fs, { type FSWatcher } from 'node:fs';
import files, { mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
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
  /** Leaves out what a look between the writing of two files has found. */
  const nextGood = async (): Promise<Told> => {
    let what = await next();
    while (what instanceof Error) what = await next();
    return what;
  };
  return { watcher, next, nextGood, told };
}

void t.test('reads again what is written in place', async (t) => {
  const directory = t.testdir({});
  await write(directory, old);
  const { watcher, nextGood } = await watch(t, [directory]);
  t.equal(watcher.credentials[0]!.cert, old.cert);
  await write(directory, fresh);
  t.match(await nextGood(), [
    { name: join(directory, 'cert.pem'), cert: fresh.cert, key: fresh.key },
  ]);
  t.equal(watcher.credentials[0]!.cert, fresh.cert);
});

void t.test('reads again what is renamed, again and again', async (t) => {
  const directory = t.testdir({});
  await write(directory, old);
  const { nextGood } = await watch(t, [directory]);
  for (const pair of [fresh, other, old]) {
    await write(join(directory, 'new'), pair);
    for (const name of ['cert.pem', 'key.pem']) {
      await rename(join(directory, 'new', name), join(directory, name));
    }
    t.match(await nextGood(), [{ cert: pair.cert, key: pair.key }]);
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
  const { nextGood } = await watch(t, [join(directory, 'certificates')], { pollMs: 50 });
  for (const pair of [fresh, other, old]) {
    await write(join(directory, 'new'), pair);
    await rm(join(directory, 'old'), { recursive: true, force: true });
    await rename(join(directory, 'certificates'), join(directory, 'old'));
    await rename(join(directory, 'new'), join(directory, 'certificates'));
    t.match(await nextGood(), [{ cert: pair.cert }], 'also the next time');
  }
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
  const { nextGood } = await watch(t, [one, two]);
  await write(one, old);
  await utimes(join(one, 'key.pem'), 0, 0);
  await write(two, fresh);
  t.match(
    await nextGood(),
    [{ cert: old.cert }, { cert: fresh.cert }],
    'one change, of all credentials',
  );
});

void t.test('a broken credential does not hold up another', async (t) => {
  const directory = t.testdir({});
  await write(join(directory, 'one'), old);
  await write(join(directory, 'two'), old);
  const { next, nextGood } = await watch(t, [join(directory, 'one'), join(directory, 'two')]);
  await writeFile(join(directory, 'one', 'key.pem'), 'broken');
  t.match(await next(), { name: 'CredentialError' });
  await write(join(directory, 'two'), fresh);
  t.match(await nextGood(), [{ cert: old.cert, key: old.key }, { cert: fresh.cert }]);
});

void t.test('does not open where a file is missing', async (t) => {
  const directory = t.testdir({});
  await t.rejects(
    CredentialWatcher.open({ files: [filesIn(directory)], onChange() {}, onError() {} }),
    { name: 'CredentialError' },
  );
});

/** Calls this behind each call of a function of `node:fs/promises`, before its caller goes on, until the test ends. */
function behindEach(t: Test, name: 'readFile' | 'stat', then: (path: string) => void): void {
  const original = files[name] as (path: string, ...values: unknown[]) => Promise<unknown>;
  const patched = async (path: string, ...values: unknown[]): Promise<unknown> => {
    const result = await original(path, ...values);
    then(path);
    return result;
  };
  Object.assign(files, { [name]: patched });
  syncBuiltinESMExports();
  t.teardown(() => {
    Object.assign(files, { [name]: original });
    syncBuiltinESMExports();
  });
}

/** The delays, out of these, of timers that are set, in order, until the test ends. */
function delaysOf(t: Test, wanted: readonly number[]): (number | string)[] {
  const delays: (number | string)[] = [];
  const { setTimeout } = globalThis;
  globalThis.setTimeout = ((task: () => void, delayMs: number) => {
    if (wanted.includes(delayMs)) delays.push(delayMs);
    return setTimeout(task, delayMs);
  }) as typeof globalThis.setTimeout;
  t.teardown(() => (globalThis.setTimeout = setTimeout));
  return delays;
}

void t.test('what changes while a change is told is told next, and only once', async (t) => {
  const directory = t.testdir({ one: '1', two: '2' });
  const [one, two] = [join(directory, 'one'), join(directory, 'two')];
  const [settleMs, pollMs] = [21, 54_321];
  const delays = delaysOf(t, [settleMs, pollMs]);
  const open = async (paths: string[], onChange: (changed: string[]) => Promise<void>) => {
    const watcher = await FileWatcher.open({ paths, settleMs, pollMs });
    t.teardown(() => watcher.close());
    await watcher.start((changed) => onChange([...changed]));
  };
  const gate = Promise.withResolvers<void>();
  const told: string[][] = [];
  let isTelling = false;
  await open([one, two], async (changed) => {
    t.equal(isTelling, false, 'one after the other');
    isTelling = true;
    told.push(changed);
    if (told.length === 1) await gate.promise;
    isTelling = false;
    delays.push('told');
  });
  await writeFile(one, 'changed');
  await until(() => told.length === 1);
  // Another one is told of the second change: when its time has come, so has that of the first.
  let isWitnessed = false;
  await open([two], async () => {
    isWitnessed = true;
  });
  await writeFile(two, 'changed');
  await until(() => isWitnessed, 10_000);
  t.equal(told.length, 1);
  delays.length = 0;
  gate.resolve();
  await until(() => told.length === 2, 10_000);
  t.same(told, [[one], [two]]);
  await until(() => delays.at(-1) === pollMs, 10_000);
  t.same(
    delays.slice(delays.lastIndexOf('told')),
    ['told', pollMs],
    'then it waits for the next change',
  );
});

void t.test('tells nothing after it was closed, also if it was looking then', async (t) => {
  const directory = t.testdir({ one: '1' });
  const [one] = [join(directory, 'one')];
  const watcher = await FileWatcher.open({ paths: [one], settleMs: 20 });
  let lookCount = 0;
  behindEach(t, 'stat', () => {
    lookCount += 1;
    watcher.close();
  });
  await writeFile(one, 'changed');
  await watcher.start(async () => {
    t.fail('told');
  });
  await until(() => lookCount === 1);
  await new Promise(setImmediate);
});

void t.test('the system is asked for no more changes after it was closed', async (t) => {
  const open = new Set<FSWatcher>();
  const { watch } = fs;
  fs.watch = ((...values: Parameters<typeof watch>) => {
    const watcher = watch(...values);
    open.add(watcher);
    return watcher.on('close', () => open.delete(watcher));
  }) as typeof watch;
  syncBuiltinESMExports();
  t.teardown(() => {
    fs.watch = watch;
    syncBuiltinESMExports();
  });
  const directory = t.testdir({ one: '1' });
  const watcher = await FileWatcher.open({ paths: [join(directory, 'one')] });
  await watcher.start(async () => {});
  t.equal(open.size, 1);
  watcher.close();
  await until(() => open.size === 0, 10_000);
});

for (const [name, cert] of [
  ['another credential', fresh.cert],
  ['a broken one', 'broken'],
] as const) {
  void t.test(`nor of ${name} that it was reading when it was closed`, async (t) => {
    const directory = t.testdir({});
    await write(directory, old);
    const { watcher, told } = await watch(t, [directory]);
    const { certPath, keyPath } = filesIn(directory);
    let isRead = false;
    behindEach(t, 'readFile', (path) => {
      if (path !== keyPath) return;
      isRead = true;
      watcher.close();
    });
    await writeFile(keyPath, fresh.key);
    await writeFile(certPath, cert);
    await until(() => isRead);
    await new Promise(setImmediate);
    t.same(told, []);
  });
}

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

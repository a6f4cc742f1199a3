// A server whose disk is full, read-only or broken: what clients are told, what goes on, and how it ends.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type CommandResult, ImapClient } from '../../fixtures/imap-client.ts';
import { DiskFaults, skipsDiskFaults } from '../../fixtures/disk-faults/disk-faults.ts';
import type { DiskFault } from '../../fixtures/disk-faults/fault-control.ts';
import { type ServerProcess, startServerProcess } from '../../fixtures/server-process.ts';
import { makeLargeMessage } from '../../fixtures/mail-generator.ts';
import { makeDataDirectory } from '../../fixtures/sqlite-store.ts';
import { until } from '../../fixtures/until.ts';

const options = { skip: skipsDiskFaults, timeout: 280_000 };
const user = { name: 'alice', password: 'correct-horse' };
const mebibyte = 1024 * 1024;

t.setTimeout(280_000);

interface Scene {
  readonly server: ServerProcess;
  readonly faults: DiskFaults;
}

/** A server with an account, on a disk that fails when the test says so. */
async function startServer(t: Test): Promise<Scene> {
  const dataDirectory = makeDataDirectory(t);
  const faults = new DiskFaults(dataDirectory);
  const server = await startServerProcess({
    dataDirectory,
    environment: { ...faults.environment, REPRISE_ADMIN_PORT: '0' },
  });
  t.teardown(async () => {
    await server.kill();
    faults[Symbol.dispose]();
  });
  await server.addUser(user.name, user.password);
  return { server, faults };
}

async function logIn(t: Test, server: ServerProcess): Promise<ImapClient> {
  const client = await ImapClient.connect({ port: server.imapsPort, security: 'tls' });
  t.teardown(() => client.drop());
  await client.login(user.name, user.password);
  return client;
}

function message(name: string): Buffer {
  return Buffer.from(`Subject: ${name}\r\n\r\nA line of ${name}.\r\n`);
}

async function health(server: ServerProcess): Promise<{ status: number; text: string }> {
  const answer = await fetch(`http://127.0.0.1:${server.adminPort}/healthz`);
  return { status: answer.status, text: await answer.text() };
}

async function untilHealth(server: ServerProcess, status: number): Promise<string> {
  // Ends with the test's own deadline.
  for (;;) {
    const answer = await health(server);
    if (answer.status === status) return answer.text;
    await wait(250);
  }
}

/** A fault of the disk, and what is told of it: to clients, as health, in the log. */
interface Failure {
  readonly fault: DiskFault;
  readonly code: RegExp;
  readonly health: RegExp;
  readonly problem: string;
}

const failures: readonly Failure[] = [
  { fault: 'ENOSPC', code: /^\[OVERQUOTA\] .*full/, health: /full/, problem: 'full' },
  {
    fault: 'EROFS',
    code: /^\[UNAVAILABLE\] .*read-only/,
    health: /read-only/,
    problem: 'read-only',
  },
  { fault: 'EIO', code: /^\[UNAVAILABLE\] .*fails/, health: /errors/, problem: 'failing' },
  { fault: 'EDQUOT', code: /^\[OVERQUOTA\] .*full/, health: /full/, problem: 'full' },
];

await t.test('a disk that fails while a server runs', options, async (t) => {
  const scene = await startServer(t);
  await t.test('a message that is too large fills it only for a moment', (t) =>
    testLargeMessage(t, scene),
  );
  for (const failure of failures) {
    await t.test(`${failure.fault}: reading goes on, and writing when it is mended`, (t) =>
      testFault(t, scene, failure),
    );
  }
  t.equal(await scene.server.stop(), 0);
});

async function testLargeMessage(t: Test, { server, faults }: Scene): Promise<void> {
  const client = await logIn(t, server);
  await client.ok('APPEND INBOX', message('before'));
  faults.freeBytes = 40 * mebibyte;
  for (let round = 0; round < 2; round++) {
    const refused = await client.command('APPEND INBOX', makeLargeMessage(60_000_000));
    t.equal(refused.status, 'NO');
    t.match(refused.text, /^\[OVERQUOTA\] The disk of the server is full/);
    // What it took is given back by and by.
    let result: CommandResult | undefined;
    while (result?.status !== 'OK') {
      result = await client.command('APPEND INBOX', message(`after ${round}`));
    }
    await untilHealth(server, 200);
    t.ok(faults.freeBytes > 16 * mebibyte, `${faults.freeBytes} bytes are free`);
  }
  await client.ok('APPEND INBOX', makeLargeMessage(1_000_000));
  const { untagged } = await client.ok('STATUS INBOX (MESSAGES)');
  t.match(untagged, [{ text: /MESSAGES 4/ }]);
  const before = faults.freeBytes;
  // Less than what stays free: only what frees space is done.
  faults.freeBytes = mebibyte;
  await client.ok('SELECT INBOX');
  // The free space that was known counts for a moment.
  let result = await client.command('APPEND INBOX', message('x'));
  while (result.status === 'OK') result = await client.command('APPEND INBOX', message('x'));
  t.match(result, { status: 'NO', text: /OVERQUOTA/ });
  t.match(await client.command('COPY 1 Archive'), { status: 'NO', text: /OVERQUOTA/ });
  await client.ok('STORE 1:* +FLAGS (\\Deleted)');
  await client.ok('EXPUNGE');
  faults.freeBytes = before;
  await client.ok('APPEND INBOX', message('again'));
  faults.mend();
  await untilHealth(server, 200);
}

async function testFault(
  t: Test,
  { server, faults }: Scene,
  { fault, code, health: healthText, problem }: Failure,
): Promise<void> {
  const linesBefore = server.log.length;
  const faultsBefore = server.faults.length;
  const client = await logIn(t, server);
  await client.ok(`CREATE ${fault}`);
  for (const name of ['one', 'two', 'three']) await client.ok(`APPEND ${fault}`, message(name));
  await client.ok(`CREATE ${fault}/box`);
  t.equal((await health(server)).status, 200);

  faults.fail(fault);
  const other = await logIn(t, server);
  const selected = await other.ok(`SELECT ${fault}`);
  t.match(selected.untagged.map(({ text }) => text).join('\n'), /3 EXISTS\n.*3 RECENT/s);
  const fetched = await other.ok('FETCH 1:* (UID BODY[])');
  t.equal(fetched.untagged.filter(({ literals }) => literals.length === 1).length, 3);
  await other.ok('SEARCH UNSEEN SUBJECT two');
  await other.ok('LIST "" *');
  const refused = [
    await client.command(`APPEND ${fault}`, message('four')),
    await client.command(`APPEND ${fault}`, makeLargeMessage(1_000_000)),
    await other.command('STORE 1 +FLAGS (\\Deleted)'),
    await other.command(`COPY 1 ${fault}/box`),
    await other.command(`MOVE 1 ${fault}/box`),
    await other.command('CREATE new'),
    await other.command(`RENAME ${fault}/box new`),
    await other.command(`DELETE ${fault}/box`),
    await other.command(`SUBSCRIBE ${fault}/box`),
  ];
  for (const { status, text } of refused) {
    t.equal(status, 'NO');
    t.match(text, code);
    t.notMatch(text, /\/|mail\.db/, 'without a path');
  }
  t.match(await untilHealth(server, 503), healthText);
  t.match(server.faults.slice(faultsBefore), [{ msg: 'nothing can be stored', problem }]);
  const metrics = await fetch(`http://127.0.0.1:${server.adminPort}/metrics`);
  t.match(await metrics.text(), /^reprise_store_writable 0$/m);

  faults.mend();
  await untilHealth(server, 200);
  const lines = server.log.slice(linesBefore).filter(({ msg }) => /stored/.test(String(msg)));
  t.match(lines, [{}, { level: 'info', msg: 'mail can be stored again' }]);
  t.equal(lines.length, 2);
  await client.ok(`APPEND ${fault}`, message('four'));
  await other.ok('NOOP');
  const seen = await other.ok('FETCH 1:* (FLAGS)');
  t.match(seen.untagged.map(({ text }) => text).join('\n'), /4 FETCH/);
  t.notMatch(
    seen.untagged.map(({ text }) => text).join('\n'),
    /Seen|Deleted/,
    'nothing that was refused is done',
  );
}

await t.test('a data directory that is deleted ends the server', async (t) => {
  const dataDirectory = makeDataDirectory(t);
  const server = await startServerProcess({ dataDirectory });
  t.teardown(() => server.kill());
  await server.addUser(user.name, user.password);
  const client = await logIn(t, server);
  await client.ok('APPEND INBOX', message('one'));
  rmSync(dataDirectory, { recursive: true });
  const result = await client.command('APPEND INBOX', message('two')).catch(() => undefined);
  t.not(result?.status, 'OK');
  await until(() => !server.isRunning);
  const fatal = server.log.filter(({ level }) => level === 'fatal');
  t.match(fatal, [{ msg: 'cannot go on', err: { message: /mail\.db.* is gone/ } }]);
});

await t.test('a store that is lost is not made anew', async (t) => {
  const dataDirectory = makeDataDirectory(t);
  const server = await startServerProcess({ dataDirectory });
  t.equal(await server.stop(), 0);
  rmSync(join(dataDirectory, 'mail.db'));
  await t.rejects(startServerProcess({ dataDirectory }), {
    message: /reprise: Cannot open mail store ".*mail\.db": it is missing or empty.* Bring it back/,
  });
});

for (const failure of failures.slice(0, 2)) {
  await t.test(`${failure.fault}: a server starts, and what it has is read`, options, async (t) => {
    const dataDirectory = makeDataDirectory(t);
    using faults = new DiskFaults(dataDirectory);
    const environment = { ...faults.environment, REPRISE_ADMIN_PORT: '0' };
    const start = async () => {
      const server = await startServerProcess({ dataDirectory, environment });
      t.teardown(() => server.kill());
      return server;
    };
    let server = await start();
    await server.addUser(user.name, user.password);
    const names: string[] = [];
    for (const end of ['stop', 'kill'] as const) {
      const client = await logIn(t, server);
      names.push(`before the ${end}`);
      await client.ok('APPEND INBOX', message(names.at(-1)!));
      await server[end]();
      // A disk that was full before has no reserve.
      rmSync(join(dataDirectory, 'reserve'), { force: true });
      if (failure.fault === 'ENOSPC') faults.freeBytes = 0;
      else faults.fail(failure.fault);
      const failing = await start();
      await testStarted(t, failing, failure, names);
      t.equal(await failing.stop(), 0);
      faults.mend();
      server = await start();
    }
    const client = await logIn(t, server);
    await client.ok('APPEND INBOX', message('after'));
    const { untagged } = await client.ok('STATUS INBOX (MESSAGES)');
    t.match(untagged, [{ text: /MESSAGES 3/ }]);
    t.equal(await server.stop(), 0);
  });
}

/** A server that was started on a disk that fails: it has the messages of the names, and takes no more. */
async function testStarted(
  t: Test,
  server: ServerProcess,
  { code, problem }: Failure,
  names: readonly string[],
): Promise<void> {
  const client = await logIn(t, server);
  const { untagged } = await client.ok('SELECT INBOX');
  t.ok(untagged.some(({ text }) => text === `* ${names.length} EXISTS`));
  const fetched = await client.ok('FETCH 1:* BODY[]');
  t.same(
    fetched.untagged.map(({ literals }) => literals[0]?.toString()),
    names.map((name) => message(name).toString()),
  );
  for (const command of ['STORE 1 +FLAGS (\\Deleted)', 'CREATE box', 'SUBSCRIBE box']) {
    t.match(await client.command(command), { status: 'NO', text: code });
  }
  const refused = await client.command('APPEND INBOX', message('refused'));
  t.match(refused, { status: 'NO', text: code });
  t.equal((await health(server)).status, 503);
  t.match(server.faults, [{ msg: /^nothing can be stored/, problem }]);
}

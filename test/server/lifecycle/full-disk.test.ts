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

/** A server with an account, on a disk that fails when the test says so. */
async function startServer(t: Test): Promise<{ server: ServerProcess; faults: DiskFaults }> {
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

function linesOf({ log }: ServerProcess, text: string): number {
  return log.filter(({ msg }) => msg === text).length;
}

await t.test(
  'a message that is too large for the disk fills it only for a moment',
  options,
  async (t) => {
    const { server, faults } = await startServer(t);
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
  },
);

const faults: readonly { fault: DiskFault; code: RegExp; health: RegExp; problem: string }[] = [
  { fault: 'ENOSPC', code: /^\[OVERQUOTA\] .*full/, health: /full/, problem: 'full' },
  {
    fault: 'EROFS',
    code: /^\[UNAVAILABLE\] .*read-only/,
    health: /read-only/,
    problem: 'read-only',
  },
  { fault: 'EIO', code: /^\[UNAVAILABLE\] .*fails/, health: /errors/, problem: 'failing' },
];

for (const { fault, code, health: healthText, problem } of faults) {
  await t.test(`${fault}: reading goes on, and writing when it is mended`, options, async (t) => {
    const { server, faults } = await startServer(t);
    const client = await logIn(t, server);
    for (const name of ['one', 'two', 'three']) await client.ok('APPEND INBOX', message(name));
    await client.ok('CREATE box');
    t.equal((await health(server)).status, 200);

    faults.fail(fault);
    const other = await logIn(t, server);
    const selected = await other.ok('SELECT INBOX');
    t.match(selected.untagged.map(({ text }) => text).join('\n'), /3 EXISTS\n.*3 RECENT/s);
    const fetched = await other.ok('FETCH 1:* (UID BODY[])');
    t.equal(fetched.untagged.filter(({ literals }) => literals.length === 1).length, 3);
    await other.ok('SEARCH UNSEEN SUBJECT two');
    await other.ok('LIST "" *');
    const refused = [
      await client.command('APPEND INBOX', message('four')),
      await client.command('APPEND INBOX', makeLargeMessage(1_000_000)),
      await other.command('STORE 1 +FLAGS (\\Deleted)'),
      await other.command('COPY 1 box'),
      await other.command('MOVE 1 box'),
      await other.command('CREATE new'),
      await other.command('RENAME box new'),
      await other.command('DELETE box'),
      await other.command('SUBSCRIBE box'),
    ];
    for (const { status, text } of refused) {
      t.equal(status, 'NO');
      t.match(text, code);
      t.notMatch(text, /\/|mail\.db/, 'without a path');
    }
    t.match(await untilHealth(server, 503), healthText);
    t.equal(linesOf(server, 'nothing can be stored'), 1);
    t.match(server.faults, [{ msg: 'nothing can be stored', problem }]);
    const metrics = await fetch(`http://127.0.0.1:${server.adminPort}/metrics`);
    t.match(await metrics.text(), /^reprise_store_writable 0$/m);

    faults.mend();
    await untilHealth(server, 200);
    t.equal(linesOf(server, 'mail can be stored again'), 1);
    await client.ok('APPEND INBOX', message('four'));
    await other.ok('NOOP');
    const seen = await other.ok('FETCH 1:* (FLAGS)');
    t.match(seen.untagged.map(({ text }) => text).join('\n'), /4 FETCH/);
    t.notMatch(
      seen.untagged.map(({ text }) => text).join('\n'),
      /Seen|Deleted/,
      'nothing that was refused is done',
    );
    t.equal(await server.stop(), 0);
  });
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

for (const { fault, code, problem } of faults.slice(0, 2)) {
  for (const end of ['stop', 'kill'] as const) {
    await t.test(
      `${fault}: it starts after a ${end}, and what it has is read`,
      options,
      async (t) => {
        const dataDirectory = makeDataDirectory(t);
        using faults = new DiskFaults(dataDirectory);
        const environment = { ...faults.environment, REPRISE_ADMIN_PORT: '0' };
        const first = await startServerProcess({ dataDirectory, environment });
        await first.addUser(user.name, user.password);
        const before = await logIn(t, first);
        for (const name of ['one', 'two']) await before.ok('APPEND INBOX', message(name));
        await first[end]();
        // A disk that was full before has no reserve.
        rmSync(join(dataDirectory, 'reserve'), { force: true });
        if (fault === 'ENOSPC') faults.freeBytes = 0;
        else faults.fail(fault);
        const server = await startServerProcess({ dataDirectory, environment });
        t.teardown(() => server.kill());
        const client = await logIn(t, server);
        const { untagged } = await client.ok('SELECT INBOX');
        t.match(untagged.map(({ text }) => text).join('\n'), /2 EXISTS\n/);
        const fetched = await client.ok('FETCH 1:* BODY[]');
        t.same(
          fetched.untagged.map(({ literals }) => literals[0]?.toString()),
          ['one', 'two'].map((name) => message(name).toString()),
        );
        for (const command of ['STORE 1 +FLAGS (\\Deleted)', 'CREATE box', 'SUBSCRIBE box']) {
          t.match(await client.command(command), { status: 'NO', text: code });
        }
        t.match(await client.command('APPEND INBOX', message('three')), {
          status: 'NO',
          text: code,
        });
        t.equal((await health(server)).status, 503);
        t.match(server.faults, [{ msg: /^nothing can be stored/, problem }]);
        t.equal(await server.stop(), 0);

        faults.mend();
        const last = await startServerProcess({ dataDirectory, environment });
        t.teardown(() => last.kill());
        const after = await logIn(t, last);
        await after.ok('APPEND INBOX', message('three'));
        const status = await after.ok('STATUS INBOX (MESSAGES)');
        t.match(status.untagged, [{ text: /MESSAGES 3/ }]);
        t.equal(await last.stop(), 0);
      },
    );
  }
}

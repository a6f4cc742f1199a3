// What `reprise sessions purge` ends, in every worker and for each way to keep sessions.
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import t, { type Test } from 'tap';
import type { ImapClient } from '../../fixtures/imap-client.ts';
import { RedisServer, redisSkipReason } from '../../fixtures/redis-server.ts';
import { TestAuthority } from '../../fixtures/test-authority.ts';
import { alice, startTwoWorkers, type TwoWorkers } from '../../fixtures/two-workers.ts';
import { until } from '../../fixtures/until.ts';

const bob = { name: 'bob', password: 'battery-staple' };

async function startWithBob(t: Test, environment: Readonly<Record<string, string>> = {}) {
  const server = await startTwoWorkers(t, environment);
  await server.process.addUser(bob.name, bob.password);
  const ofBob = await server.connect();
  await ofBob.login(bob.name, bob.password);
  return { server, ofBob };
}

async function purge(server: TwoWorkers, ...argv: string[]) {
  const result = await server.process.command(['sessions', 'purge', ...argv]);
  return { ...result, stdout: result.stdout.toString() };
}

async function expectBye(t: Test, client: ImapClient, text: string): Promise<void> {
  t.equal((await client.readToEnd()).at(-1)?.text, `* BYE ${text}`);
}

const accountBye = 'Sessions of your account have been purged, log in again';
const certificateBye = 'Sessions of your certificate have been purged, connect again';

/** A cache that purges nothing, as one behind a network may for a while. */
const forgetful = `
  import { SegmentSessionCache } from '${resolve(import.meta.dirname, '../../../tls/index.ts')}';
  class UnpurgedSessionCache extends SegmentSessionCache {
    async purge() { return 0; }
  }
  export const createSessionCache = (options) => new UnpurgedSessionCache(options);
`;

await t.test('of an account: its connections in all workers end, and no other', async (t) => {
  const { server, ofBob } = await startWithBob(t);
  const clients = [await server.loginOn(1), await server.loginOn(2)];
  const session = clients[1]?.sessions.at(-1);
  const returning = await server.connect('tls', session === undefined ? {} : { session });
  t.ok(returning.isResumed, 'the session is good until then');
  await returning.drop();
  const report = await purge(server, '--account', 'ALICE');
  t.match(report, {
    code: 0,
    stdout: /^Purged \d+ sessions\nEnded 2 connections\n$/,
  });
  for (const client of clients) await expectBye(t, client, accountBye);
  t.match(await ofBob.command('NOOP'), { status: 'OK' });
  const after = await server.login('tls', session === undefined ? {} : { session });
  t.notOk(after.isResumed);
  t.match(await after.command('NOOP'), { status: 'OK' }, 'whoever logs in anew may stay');
});

await t.test('of a certificate: its connections end, and replaced workers know it', async (t) => {
  const authority = await TestAuthority.create('Test CA');
  const directory = t.testdir({ 'ca.pem': authority.cert, 'cache.js': forgetful });
  const { server, ofBob } = await startWithBob(t, {
    REPRISE_TLS_CLIENT_AUTH: 'optional',
    REPRISE_TLS_CLIENT_CA: join(directory, 'ca.pem'),
    REPRISE_SESSION_CACHE: `module:${join(directory, 'cache.js')}`,
  });
  const [purged, other] = [
    await authority.issue({ commonName: alice.name }),
    await authority.issue({ commonName: alice.name }),
  ];
  const visit = async ({ cert, key }: typeof purged, session?: Buffer) => {
    const client = await server.connect('tls', { cert, key, ...(session && { session }) });
    await client.ok('AUTHENTICATE EXTERNAL =');
    return client;
  };
  const clients: ImapClient[] = [];
  for (let count = 0; count < 8; count++) clients.push(await visit(purged));
  const ofOther = await visit(other);
  const before = clients.at(-1)?.sessions.at(-1);
  t.match(await purge(server, '--certificate', purged.fingerprint256), {
    code: 0,
    stdout: /^Purged 0 sessions\nEnded 8 connections\n$/,
  });
  for (const client of clients) await expectBye(t, client, certificateBye);
  t.match(await ofOther.command('NOOP'), { status: 'OK' });
  t.match(await ofBob.command('NOOP'), { status: 'OK' });
  // Sessions know their handshake by the second.
  const purgedAt = Date.now();
  await until(() => Date.now() > purgedAt + 1_000);
  const late = (await visit(purged)).sessions.at(-1);
  for (const worker of [1, 2]) {
    await server.crash(worker);
    await server.logged('worker replaced', worker);
  }
  for (let count = 0; count < 8; count++) {
    t.notOk((await visit(purged, before)).isResumed, 'from before the purge');
    t.ok((await visit(purged, late)).isResumed, 'from after it, though before the crash');
  }
});

await t.test(
  'with Redis away it fails, and says what was done',
  { skip: redisSkipReason },
  async (t) => {
    const redis = await RedisServer.start();
    t.teardown(() => redis.stop());
    const secret = join(t.testdir(), 'secret');
    await writeFile(secret, randomBytes(32));
    const { server, ofBob } = await startWithBob(t, {
      REPRISE_SESSION_CACHE: redis.url,
      REPRISE_SESSION_SECRET: secret,
    });
    await server.logged('session cache: connected to Redis');
    const client = await server.login();
    const session = client.sessions.at(-1);
    const tls = session === undefined ? {} : { session };
    const resumes = async () => {
      const visitor = await server.connect('tls', tls);
      const { isResumed } = visitor;
      await visitor.drop();
      return isResumed;
    };
    t.ok(await resumes());
    redis.hang();
    t.match(await purge(server, '--account', alice.name), {
      code: 1,
      stdout: /^Purged 0 sessions\nEnded 1 connection\n/,
      stderr:
        /^reprise: Redis is away \(.*\), so sessions may be left in it\. This server resumes none/,
    });
    await expectBye(t, client, accountBye);
    t.match(await ofBob.command('NOOP'), { status: 'OK' });
    redis.resume();
    await server.logged('session cache: connected to Redis', 2);
    t.notOk(await resumes(), 'it is kept in mind');
  },
);

await t.test('tickets cannot be purged by account, and it says so', async (t) => {
  const { server } = await startWithBob(t, { REPRISE_SESSION_CACHE: 'tickets' });
  const client = await server.login();
  t.match(await purge(server, '--account', alice.name), {
    code: 1,
    stdout: 'Ended 1 connection\n',
    stderr:
      /^reprise: Clients come back with tickets here \(REPRISE_SESSION_CACHE=tickets\), which /,
  });
  await expectBye(t, client, accountBye);
  t.match(await purge(server, '--all'), { code: 0, stdout: /^Ended all tickets/ });
});

await t.test('without resumption there is nothing to purge, but connections end', async (t) => {
  const { server } = await startWithBob(t, { REPRISE_SESSION_CACHE: 'off' });
  const client = await server.login();
  t.match(await purge(server, '--account', alice.name), {
    code: 0,
    stdout: 'There are no sessions to purge: resumption is off\nEnded 1 connection\n',
  });
  await expectBye(t, client, accountBye);
});

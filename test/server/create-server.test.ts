import pino from 'pino';
import t, { type Test } from 'tap';
import { makeCredentials } from '../../server/authentication/make-credentials.ts';
import type { Configuration } from '../../server/config/configuration.ts';
import { readConfiguration } from '../../server/config/read-configuration.ts';
import { createServer, type ServerOptions } from '../../server/create-server.ts';
import { SegmentSessionCache } from '../../tls/sessions/memory/segment-cache.ts';
import { ImapClient } from '../fixtures/imap-client.ts';
import { until } from '../fixtures/until.ts';

function configurationOf(t: Test, workers: number, more = {}): Configuration {
  return readConfiguration({
    environment: {
      REPRISE_DATA: t.testdir(),
      REPRISE_HOST: '127.0.0.1',
      REPRISE_IMAP_PORT: '-1',
      REPRISE_IMAPS_PORT: '0',
      REPRISE_ADMIN_PORT: '-1',
      REPRISE_WORKERS: String(workers),
      ...more,
    },
  });
}

async function start(t: Test, options: Omit<ServerOptions, 'logger'>) {
  const log: Record<string, unknown>[] = [];
  const logger = pino(
    { level: 'debug' },
    { write: (line: string) => void log.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const server = await createServer({ ...options, logger });
  t.teardown(() => server.close({ deadlineMs: 100 }));
  return { server, log };
}

for (const workers of [0, 2]) {
  await t.test(`a cache and a logger of the caller's, with ${workers} workers`, async (t) => {
    const sessionCache = new SegmentSessionCache({ maxBytes: 1 << 20, lifetimeMs: 60_000 });
    const { server, log } = await start(t, {
      configuration: configurationOf(t, workers),
      sessionCache,
    });
    t.equal(server.sessionCache, sessionCache);
    t.equal(server.imapPort, -1);
    const tls = { minVersion: 'TLSv1.3' } as const;
    const connect = (session?: Buffer) =>
      ImapClient.connect({
        port: server.imapsPort,
        security: 'tls',
        tls: { ...tls, ...(session !== undefined && { session }) },
      });
    const first = await connect();
    await until(() => sessionCache.stats().entryCount === 2);
    const session = first.sessions.at(-1);
    await first.command('LOGOUT');
    const second = await connect(session);
    t.ok(second.isResumed);
    t.equal(sessionCache.stats().lookups.hit, 1);
    await second.command('LOGOUT');
    await until(() => log.filter(({ msg }) => msg === 'connected').length === 2);
    const workersSeen = log.filter(({ msg }) => msg === 'connected').map(({ worker }) => worker);
    t.ok(
      workersSeen.every((worker) => (workers === 0 ? worker === undefined : Number(worker) > 0)),
    );
    await server.close();
    t.equal(sessionCache.stats().entryCount, 0, 'the server closes it');
  });
}

await t.test('a clock is refused with workers, and nothing stays open', async (t) => {
  const configuration = configurationOf(t, 1);
  const clock = () => 1_000;
  await t.rejects(start(t, { configuration, clock }), { name: 'RangeError', message: /clock/ });
  await start(t, { configuration });
});

await t.test('without workers the sessions live by the clock of the caller', async (t) => {
  const time = { now: 1_000_000 };
  const { server } = await start(t, {
    configuration: configurationOf(t, 0),
    clock: () => time.now,
  });
  const tls = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;
  const options = { port: server.imapsPort, security: 'tls' } as const;
  const first = await ImapClient.connect({ ...options, tls });
  const [session] = first.sessions;
  await first.command('LOGOUT');
  const comeBack = () =>
    ImapClient.connect({ ...options, tls: { ...tls, ...(session !== undefined && { session }) } });
  const second = await comeBack();
  t.ok(second.isResumed);
  await second.command('LOGOUT');
  time.now += 7_200_000;
  const third = await comeBack();
  t.notOk(third.isResumed);
  await third.command('LOGOUT');
});

await t.test('capabilities are off for the accounts that the configuration names', async (t) => {
  const off = { REPRISE_CAPABILITIES_OFF: 'CONDSTORE,alice:IDLE' };
  const { server } = await start(t, { configuration: configurationOf(t, 1, off) });
  for (const [name, hasIdle] of [
    ['alice', false],
    ['bob', true],
  ] as const) {
    await server.store.createAccount(name, await makeCredentials('secret'));
    const client = await ImapClient.connect({ port: server.imapsPort, security: 'tls' });
    t.match(client.greeting, / IDLE /);
    const { text } = await client.login(name, 'secret');
    t.match(text, /^\[CAPABILITY IMAP4rev1 /);
    t.equal(text.includes(' IDLE '), hasIdle, `for ${name}`);
    t.notMatch(text, / CONDSTORE/);
    await client.logout();
  }
});

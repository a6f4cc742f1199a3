// Where sessions are kept, by REPRISE_SESSION_CACHE: what outlives a server, and what servers share.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import t, { type Test } from 'tap';
import { makeSelfSignedCertificate } from '../../../tls/certificates/self-signed.ts';
import { type MailServer, startMailServer } from '../../fixtures/mail-server.ts';
import { RedisServer, redisSkipReason } from '../../fixtures/redis-server.ts';
import { reprise } from '../cli/reprise.ts';

type Environment = Readonly<Record<string, string>>;

const protocols = ['TLSv1.2', 'TLSv1.3'] as const;

/** What machines of one service have in common: a certificate, by whose name sessions go, and a secret. */
async function makeShared(t: Test): Promise<Environment> {
  const directory = await mkdtemp(join(tmpdir(), 'reprise-caches-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const { cert, key } = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
  const files = { 'cert.pem': cert, 'key.pem': key, secret: randomBytes(32) };
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(directory, name), content);
  }
  return {
    REPRISE_WORKERS: '2',
    REPRISE_TLS_CERT: join(directory, 'cert.pem'),
    REPRISE_TLS_KEY: join(directory, 'key.pem'),
    REPRISE_SESSION_SECRET: join(directory, 'secret'),
  };
}

/** How many of the sessions that one server has given out another one resumes. */
async function countResumed(from: MailServer, to: MailServer): Promise<number> {
  let count = 0;
  for (const protocol of protocols) {
    const versions = { minVersion: protocol, maxVersion: protocol } as const;
    const client = await from.login('tls', versions);
    const session = client.sessions.at(-1);
    await client.logout();
    if (session === undefined) throw new Error('The server has given out no session');
    const returning = await to.login('tls', { ...versions, session });
    if (returning.isResumed) count += 1;
    await returning.logout();
  }
  return count;
}

async function startTwo(t: Test, environment: Environment): Promise<[MailServer, MailServer]> {
  return [await startMailServer(t, { environment }), await startMailServer(t, { environment })];
}

await t.test('memory: each server has sessions of its own', async (t) => {
  const [one, other] = await startTwo(t, await makeShared(t));
  t.equal(await countResumed(one, other), 0);
  t.equal(await countResumed(one, one), protocols.length);
});

await t.test('tickets: servers with one secret open those of each other', async (t) => {
  const environment = { ...(await makeShared(t)), REPRISE_SESSION_CACHE: 'tickets' };
  const [one, other] = await startTwo(t, environment);
  t.equal(await countResumed(one, other), protocols.length);
});

await t.test('tickets: servers without a secret do not', async (t) => {
  const environment = {
    ...(await makeShared(t)),
    REPRISE_SESSION_SECRET: '',
    REPRISE_SESSION_CACHE: 'tickets',
  };
  const [one, other] = await startTwo(t, environment);
  t.equal(await countResumed(one, other), 0);
  t.equal(await countResumed(one, one), protocols.length);
});

await t.test('tickets: once they are purged, no worker opens them', async (t) => {
  const environment = { REPRISE_WORKERS: '2', REPRISE_SESSION_CACHE: 'tickets' };
  const server = await startMailServer(t, { environment });
  const first = await server.login();
  const session = first.sessions.at(-1);
  if (session === undefined) throw new Error('The server has given out no session');
  const countReturns = async (tls: ConnectionOptions) => {
    let resumedCount = 0;
    for (let visit = 0; visit < 10; visit++) {
      const client = await server.connect('tls', tls);
      if (client.isResumed) resumedCount += 1;
      await client.logout();
    }
    return resumedCount;
  };
  t.equal(await countReturns({ session }), 10);
  t.match(await server.process.command(['sessions', 'purge', '--all']), { code: 0 });
  t.equal(await countReturns({ session }), 0);
  const second = await server.login();
  const [renewed] = second.sessions;
  if (renewed === undefined) throw new Error('The server has given out no session');
  t.equal(await countReturns({ session: renewed }), 10, 'all workers have the new key');
});

await t.test('redis: servers share sessions', { skip: redisSkipReason }, async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  const environment = { ...(await makeShared(t)), REPRISE_SESSION_CACHE: redis.url };
  const [one, other] = await startTwo(t, environment);
  t.equal(await countResumed(one, other), protocols.length);
  const { REPRISE_SESSION_SECRET } = await makeShared(t);
  const stranger = await startMailServer(t, {
    environment: { ...environment, REPRISE_SESSION_SECRET: REPRISE_SESSION_SECRET ?? '' },
  });
  t.equal(await countResumed(one, stranger), 0, 'but not with one that has another secret');
});

await t.test('module: a cache of the operator serves all workers', async (t) => {
  const path = resolve(import.meta.dirname, '../../fixtures/example-session-cache.ts');
  const environment = { ...(await makeShared(t)), REPRISE_SESSION_CACHE: `module:${path}` };
  const server = await startMailServer(t, { environment });
  for (let round = 0; round < 5; round++) {
    t.equal(await countResumed(server, server), protocols.length);
  }
});

await t.test('what cannot be used is told in one line', async (t) => {
  const common = { ...(await makeShared(t)), REPRISE_DATA: t.testdir({ short: 'x', 'a.js': '' }) };
  const cases: [Environment, RegExp][] = [
    [
      { REPRISE_SESSION_SECRET: join(common.REPRISE_DATA, 'short') },
      /^reprise: Cannot use secret ".*short" of REPRISE_SESSION_SECRET: it has "1" bytes/,
    ],
    [
      { REPRISE_SESSION_CACHE: `module:${join(common.REPRISE_DATA, 'a.js')}` },
      /^reprise: Session cache module ".*a\.js" exports nothing/,
    ],
  ];
  for (const [environment, line] of cases) {
    const result = await reprise(['serve'], {
      REPRISE_LOG_LEVEL: 'silent',
      REPRISE_ADMIN_PORT: '-1',
      REPRISE_IMAP_PORT: '0',
      REPRISE_IMAPS_PORT: '0',
      ...common,
      ...environment,
    });
    t.match(result, { code: 1, errors: [line] });
    t.equal(result.errors.length, 1);
  }
});

import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { steadyClock } from '../../../../tls/time.ts';
import { makeSelfSignedCertificate, type RedisSessionCache } from '../../../../tls/index.ts';
import { CacheLoad } from '../../../fixtures/cache-load.ts';
import { connectCache, makeRedisCache } from '../../../fixtures/redis-caches.ts';
import { freePort, RedisServer, redisSkipReason } from '../../../fixtures/redis-server.ts';
import { contractLifetimeMs, makeSession } from '../../../fixtures/session-cache-contract.ts';

const options = { skip: redisSkipReason, timeout: 120_000 };
/** For answers of a Redis that is well, on a machine that is busy with other things. */
const patientMs = 2_000;
const inLifetime = () => ({ expiresAt: steadyClock() + contractLifetimeMs });

/** Everything that a cache does, once. */
async function exercise(t: Test, cache: RedisSessionCache): Promise<void> {
  const sessions = Array.from({ length: 40 }, () => makeSession());
  for (const { id, session } of sessions) {
    await cache.put(id, session, { ...inLifetime(), certificate: 'ab' });
  }
  for (const { id, session } of sessions) t.same(await cache.get(id), session);
  await cache.promote(
    sessions.slice(0, 10).map(({ id }) => id),
    'alice',
  );
  t.equal(await cache.purge({ account: 'alice' }), 10);
  t.same(await cache.take(sessions[10]!.id), sessions[10]!.session);
  await cache.delete(sessions[11]!.id);
  for (const { id } of sessions.slice(0, 12)) t.equal(await cache.get(id), undefined);
  t.equal(await cache.purge('all'), 28);
  t.equal(cache.stats().entryCount, 0);
  t.same(cache.stats().failures, { error: 0, timeout: 0, overloaded: 0, unsealed: 0 });
}

async function isBack(cache: RedisSessionCache): Promise<boolean> {
  const { id, session } = makeSession();
  await cache.put(id, session, inLifetime());
  return (await cache.get(id)) !== undefined;
}

async function untilBack(cache: RedisSessionCache): Promise<void> {
  while (!(await isBack(cache))) await wait(20);
}

void t.test('TLS', options, async (t) => {
  const certificate = await makeSelfSignedCertificate({ hostNames: ['127.0.0.1'] });
  const directory = t.testdir({ 'cert.pem': certificate.cert, 'key.pem': certificate.key });
  const redis = await RedisServer.start({
    isTls: true,
    lines: [
      `tls-cert-file ${join(directory, 'cert.pem')}`,
      `tls-key-file ${join(directory, 'key.pem')}`,
      'tls-auth-clients no',
    ],
  });
  t.teardown(() => redis.stop());
  const cache = await connectCache({
    url: redis.url,
    ca: certificate.cert,
    deadlineMs: patientMs,
  });
  await exercise(t, cache);
  await cache.close();

  const errors: (Error | undefined)[] = [];
  const distrustful = makeRedisCache({
    url: redis.url,
    onConnectionChange: (_, error) => errors.push(error),
  });
  while (errors.length === 0) await wait(10);
  t.match(errors, [{ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }]);
  t.notOk(distrustful.isConnected);
  await distrustful.close();
});

void t.test('password and database', options, async (t) => {
  const redis = await RedisServer.start({
    lines: ['requirepass p@ss', 'user bob on >b/b ~* +@all'],
  });
  t.teardown(() => redis.stop());
  const host = `127.0.0.1:${redis.port}`;
  for (const user of [':p%40ss', 'bob:b%2Fb']) {
    const cache = await connectCache({
      url: `redis://${user}@${host}/3`,
      deadlineMs: patientMs,
    });
    await exercise(t, cache);
    await cache.close();
  }
  const errors: (Error | undefined)[] = [];
  const wrong = makeRedisCache({
    url: `redis://:other@${host}`,
    onConnectionChange: (_, error) => errors.push(error),
  });
  while (errors.length === 0) await wait(10);
  t.match(errors[0]?.message, /WRONGPASS/);
  t.notMatch(errors[0]?.message, /other/);
  await wrong.close();
});

void t.test('Sentinels name the master, also after another has taken over', options, async (t) => {
  const master = await RedisServer.start();
  t.teardown(() => master.stop());
  const replica = await RedisServer.start({ lines: [`replicaof 127.0.0.1 ${master.port}`] });
  t.teardown(() => replica.stop());
  const sentinel = await RedisServer.start({
    isSentinel: true,
    lines: [
      `sentinel monitor mymaster 127.0.0.1 ${master.port} 1`,
      'sentinel down-after-milliseconds mymaster 500',
      'sentinel failover-timeout mymaster 2000',
    ],
  });
  t.teardown(() => sentinel.stop());
  // Nobody is at the first address.
  const addresses = `127.0.0.1:${await freePort()},127.0.0.1:${sentinel.port}`;
  const cache = await connectCache({ url: `redis+sentinel://${addresses}/mymaster` });
  await exercise(t, cache);
  const replicas = async () =>
    ((await sentinel.run('SENTINEL', 'REPLICAS', 'mymaster')) as unknown[]).length;
  while ((await replicas()) === 0) await wait(50);

  const load = new CacheLoad(cache);
  await master.kill();
  // A Sentinel ends the connections of a new master's clients, ours among them.
  const role = async () => String(await replica.run('ROLE').catch(() => ''));
  while (!(await role()).startsWith('master')) await wait(50);
  await untilBack(cache);
  t.equal((await load.stop()).rejectionCount, 0);
  await cache.close();

  const lost = makeRedisCache({ url: `redis+sentinel://127.0.0.1:${sentinel.port}/unknown` });
  await wait(200);
  t.notOk(lost.isConnected);
  await lost.close();
});

void t.test('a server that is no master any more is left', options, async (t) => {
  const [one, two] = [await RedisServer.start(), await RedisServer.start()];
  t.teardown(() => Promise.all([one.stop(), two.stop()]));
  const sentinel = await RedisServer.start({
    isSentinel: true,
    lines: [`sentinel monitor mymaster 127.0.0.1 ${one.port} 1`],
  });
  t.teardown(() => sentinel.stop());
  const cache = await connectCache({
    url: `redis+sentinel://127.0.0.1:${sentinel.port}/mymaster`,
  });
  t.ok(await isBack(cache));
  // As an administrator does it, without a word to the clients.
  await sentinel.run('SENTINEL', 'REMOVE', 'mymaster');
  await sentinel.run('SENTINEL', 'MONITOR', 'mymaster', '127.0.0.1', String(two.port), '1');
  await one.run('REPLICAOF', '127.0.0.1', String(two.port));
  await untilBack(cache);
  await cache.close();
});

void t.test('a Cluster, also when a node is away for a while', options, async (t) => {
  const nodes = await Promise.all([0, 1, 2].map(() => startClusterNode()));
  t.teardown(() => Promise.all(nodes.map(({ server }) => server.stop())));
  const slots = [
    [0, 5460],
    [5461, 10_922],
    [10_923, 16_383],
  ];
  for (const [index, { server }] of nodes.entries()) {
    await server.run('CLUSTER', 'ADDSLOTSRANGE', ...slots[index]!.map(String));
    if (index === 0) continue;
    const { server: first, busPort } = nodes[0]!;
    await server.run('CLUSTER', 'MEET', '127.0.0.1', String(first.port), String(busPort));
  }
  for (const { server } of nodes) {
    // Its state is ok already while it does not know of the others, and not yet when it does.
    for (;;) {
      const info = String(await server.run('CLUSTER', 'INFO'));
      if (info.includes('cluster_state:ok') && info.includes('cluster_slots_ok:16384')) break;
      await wait(50);
    }
  }
  const addresses = nodes.map(({ server }) => `127.0.0.1:${server.port}`).join(',');
  const url = `redis+cluster://${addresses}`;
  const patient = await connectCache({ url, deadlineMs: patientMs });
  await exercise(t, patient);
  await patient.close();
  for (const { server } of nodes) t.ok(Number(await server.run('DBSIZE')) === 0);

  const cache = await connectCache({ url, deadlineMs: 500 });
  const load = new CacheLoad(cache);
  nodes[1]!.server.hang();
  await wait(3_000);
  nodes[1]!.server.resume();
  await nodes[2]!.server.kill();
  await wait(500);
  await nodes[2]!.server.start();
  for (let count = 0; count < 30; count++) await untilBack(cache);
  const report = await load.stop();
  t.equal(report.rejectionCount, 0);
  const { longestMs, longestPauseMs } = report;
  t.ok(longestMs < 1_500 + 2 * longestPauseMs, `the longest call took ${longestMs.toFixed()} ms`);
  await cache.close();
});

async function startClusterNode(): Promise<{ server: RedisServer; busPort: number }> {
  const busPort = await freePort();
  const server = await RedisServer.start({
    lines: [
      'cluster-enabled yes',
      `cluster-port ${busPort}`,
      'cluster-node-timeout 2000',
      'cluster-require-full-coverage no',
    ],
  });
  return { server, busPort };
}

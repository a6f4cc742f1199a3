import { setTimeout as wait } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { steadyClock } from '../../../../tls/time.ts';
import type { RedisSessionCache } from '../../../../tls/index.ts';
import { redisLimits } from '../../../../tls/limits.ts';
import { CacheLoad, type LoadReport } from '../../../fixtures/cache-load.ts';
import { connectCache, connected, makeRedisCache } from '../../../fixtures/redis-caches.ts';
import { freePort, RedisServer, redisSkipReason } from '../../../fixtures/redis-server.ts';
import { makeSession } from '../../../fixtures/session-cache-contract.ts';
import { until } from '../../../fixtures/until.ts';
import { SlowProxy } from '../../../fixtures/slow-proxy.ts';

const deadlineMs = 100;
/** What a deadline may be late by, besides what this process had to wait for its turn. */
const slackMs = 400;
const options = { skip: redisSkipReason, timeout: 120_000 };
const inLifetime = () => ({ expiresAt: steadyClock() + 50_000 });

async function startRedis(t: Test): Promise<RedisServer> {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  return redis;
}

function expectUnhurt(t: Test, report: LoadReport): void {
  t.equal(report.rejectionCount, 0, 'nothing rejects');
  t.ok(
    report.longestMs < deadlineMs + slackMs + 2 * report.longestPauseMs,
    `the longest call took ${report.longestMs.toFixed()} ms, a pause of 2 ms ${report.longestPauseMs.toFixed()} ms`,
  );
}

/** Settles when a session that is stored is found. */
async function untilBack(cache: RedisSessionCache): Promise<void> {
  for (;;) {
    const { id, session } = makeSession();
    await cache.put(id, session, inLifetime());
    if ((await cache.get(id)) !== undefined) return;
    await wait(5);
  }
}

void t.test('a Redis that is not there yet', options, async (t) => {
  const port = await freePort();
  const changes: boolean[] = [];
  const cache = makeRedisCache({
    url: `redis://127.0.0.1:${port}`,
    deadlineMs,
    onConnectionChange: (isConnected, error) => {
      changes.push(isConnected);
      t.equal(error === undefined, isConnected);
    },
  });
  const { id, session } = makeSession();
  await cache.put(id, session, inLifetime());
  t.equal(await cache.get(id), undefined);
  t.equal(await cache.take(id), undefined);
  await cache.promote([id], 'alice');
  await cache.delete(id);
  for (const owner of [{ account: 'alice' }, 'all'] as const) {
    await t.rejects(cache.purge(owner), {
      name: 'PurgeError',
      message:
        /^Redis is away \(There is no connection to Redis\), so sessions may be left in it\. /,
      purgedCount: 0,
    });
  }
  t.equal(cache.stats().failures!.error, 7);
  t.equal(cache.stats().lookups.unknown, 0, 'nobody said that it is unknown');
  t.equal(cache.stats().entryCount, 0);
  await wait(500);
  t.same(changes, [false], 'told once, however often it tries');
  await cache.close();
});

void t.test('killed under load, and started again', options, async (t) => {
  const redis = await startRedis(t);
  const cache = await connectCache({ url: redis.url, deadlineMs });
  const load = new CacheLoad(cache);
  await wait(300);
  t.ok(load.report.hitCount > 0);
  await redis.kill();
  await wait(1_500);
  const hitCount = load.report.hitCount;
  await wait(200);
  t.equal(load.report.hitCount, hitCount, 'it is away');
  await redis.start();
  await untilBack(cache);
  expectUnhurt(t, await load.stop());
  t.ok(cache.stats().failures!.error > 0);
  await cache.close();
});

void t.test('hung under load for a moment', options, async (t) => {
  const redis = await startRedis(t);
  const cache = await connectCache({ url: redis.url, deadlineMs });
  const load = new CacheLoad(cache);
  await wait(300);
  redis.hang();
  await wait(1_000);
  redis.resume();
  await untilBack(cache);
  expectUnhurt(t, await load.stop());
  t.ok(cache.stats().failures!.timeout > 0);
  await cache.close();
});

void t.test('hung under load until the connection is given up', options, async (t) => {
  const redis = await startRedis(t);
  const cache = await connectCache({ url: redis.url, deadlineMs });
  const load = new CacheLoad(cache);
  await wait(300);
  redis.hang();
  await wait(redisLimits.stallMs + 1_000);
  t.notOk(cache.isConnected);
  // Two more attempts to connect end without an answer.
  await wait(redisLimits.connectDeadlineMs + 1_000);
  t.notOk(cache.isConnected);
  const { timeout } = cache.stats().failures!;
  t.equal(await cache.get(makeSession().id), undefined);
  t.equal(cache.stats().failures!.timeout, timeout, 'nobody waits for it any more');
  redis.resume();
  await untilBack(cache);
  expectUnhurt(t, await load.stop());
  await cache.close();
});

void t.test('a purge while Redis hangs is done when it is back', options, async (t) => {
  const redis = await startRedis(t);
  const shared = { url: redis.url, deadlineMs, prefix: 'purge:' };
  const [cache, other] = await Promise.all([connectCache(shared), connectCache(shared)]);
  const [ofAlice, ofBob, certified] = [makeSession(), makeSession(), makeSession()];
  await cache.put(ofAlice.id, ofAlice.session, { ...inLifetime(), account: 'alice' });
  await cache.put(ofBob.id, ofBob.session, { ...inLifetime(), account: 'bob' });
  await cache.put(certified.id, certified.session, { ...inLifetime(), certificate: 'ab' });
  redis.hang();
  const purges = [{ account: 'alice' }, { certificate: 'ab' }].map((owner) => cache.purge(owner));
  for (const purge of purges) await t.rejects(purge, { name: 'PurgeError', purgedCount: 0 });
  redis.resume();
  await connected(cache);
  // Without waiting: before it is done in Redis, the cache itself keeps it in mind.
  t.equal(await cache.get(ofAlice.id), undefined);
  t.equal(await cache.take(certified.id), undefined);
  t.same(await cache.get(ofBob.id), ofBob.session, 'nothing of others');
  t.equal(cache.stats().removed.purged, 2);
  await cache.close();
  await other.close();
});

void t.test('a purge that failed is tried until Redis has done it', options, async (t) => {
  const redis = await startRedis(t);
  const shared = { url: redis.url, deadlineMs, prefix: 'purge:' };
  const late: unknown[][] = [];
  const [cache, other] = await Promise.all([
    connectCache({ ...shared, onLatePurge: (...args) => void late.push(args) }),
    connectCache(shared),
  ]);
  const [one, two] = [makeSession(), makeSession()];
  await cache.put(one.id, one.session, { ...inLifetime(), account: 'alice' });
  await cache.put(two.id, two.session, { ...inLifetime(), account: 'bob' });
  await redis.run('CONFIG', 'SET', 'min-replicas-to-write', '1');
  await t.rejects(cache.purge({ account: 'alice' }), {
    message: /^Redis has failed \(Redis has not done a command: NOREPLICAS /,
  });
  t.same(await other.get(one.id), one.session, 'left in Redis');
  t.equal(await cache.get(one.id), undefined, 'but not found by the server that purged it');
  await redis.run('CONFIG', 'SET', 'min-replicas-to-write', '0');
  while ((await other.get(one.id)) !== undefined) await wait(20);
  t.same(await other.get(two.id), two.session);
  await until(() => late.length > 0);
  t.same(late, [[{ account: 'alice' }, true]]);
  t.equal(await cache.purge('all'), 1, 'and a later one is done at once');
  const next = makeSession();
  await cache.put(next.id, next.session, { ...inLifetime(), account: 'alice' });
  t.same(await cache.get(next.id), next.session, 'nothing is kept in mind');
  await redis.kill();
  await t.rejects(cache.purge('all'));
  await cache.close();
  t.same(late.slice(1), [['all', false]], 'but what closing forgets is told');
  await other.close();
});

void t.test('a session goes whose owner Redis could not be told', options, async (t) => {
  const redis = await startRedis(t);
  // So long that nothing expires before the test has ended.
  const lifetimeMs = 60 * 60 * 1000;
  const expiresAt = steadyClock() + lifetimeMs;
  const shared = { url: redis.url, deadlineMs, prefix: 'login:', lifetimeMs };
  const [cache, other] = await Promise.all([connectCache(shared), connectCache(shared)]);
  const [ofAlice, ofBob] = [makeSession(), makeSession()];
  await cache.put(ofAlice.id, ofAlice.session, { expiresAt });
  await cache.put(ofBob.id, ofBob.session, { expiresAt, account: 'bob' });
  redis.hang();
  await Promise.all([cache.promote([ofAlice.id], 'alice'), cache.promote([ofBob.id], 'bob')]);
  redis.resume();
  await connected(cache);
  // Without waiting: before Redis has removed it, the cache itself keeps it in mind.
  t.equal(await cache.get(ofAlice.id), undefined);
  while ((await other.get(ofAlice.id)) !== undefined) await wait(20);
  while ((await cache.get(ofBob.id)) === undefined) await wait(20);
  t.same(await other.get(ofBob.id), ofBob.session, 'one that had its owner already stays');
  await cache.close();
  await other.close();
});

void t.test('nothing is owed for sessions that Redis refused', options, async (t) => {
  const redis = await startRedis(t);
  const cache = await connectCache({ url: redis.url, deadlineMs });
  await redis.run('CONFIG', 'SET', 'min-replicas-to-write', '1');
  const [plain, certified] = [makeSession(), makeSession()];
  await cache.put(plain.id, plain.session, inLifetime());
  await cache.put(certified.id, certified.session, { ...inLifetime(), certificate: 'ab' });
  t.equal(cache.stats().failures!.error, 2);
  await cache.promote([plain.id, certified.id], 'alice');
  t.equal(cache.stats().failures!.error, 3, 'no removal was sent');
  await cache.close();
});

void t.test('what waits for an answer is bounded', options, async (t) => {
  const redis = await startRedis(t);
  const cache = await connectCache({ url: redis.url, deadlineMs });
  redis.hang();
  const lookups = Array.from({ length: 5_000 }, () => cache.get(makeSession().id));
  t.same(new Set(await Promise.all(lookups)), new Set([undefined]));
  const { failures } = cache.stats();
  t.equal(failures!.overloaded, 5_000 - redisLimits.commandsInFlight);
  t.equal(failures!.timeout, redisLimits.commandsInFlight);
  redis.resume();
  await untilBack(cache);
  await cache.close();
});

void t.test('slow', options, async (t) => {
  const redis = await startRedis(t);
  const proxy = await SlowProxy.start(redis.port);
  t.teardown(() => proxy.stop());
  const cache = await connectCache({ url: `redis://127.0.0.1:${proxy.port}`, deadlineMs });
  const load = new CacheLoad(cache);
  await wait(300);
  const { hitCount } = load.report;
  t.ok(hitCount > 0);
  proxy.delayMs = 400;
  await wait(1_500);
  t.ok(cache.isConnected, 'a slow one is not given up');
  t.ok(cache.stats().failures!.timeout > 0);
  proxy.delayMs = 0;
  await untilBack(cache);
  expectUnhurt(t, await load.stop());
  await cache.close();
});

void t.test('full', options, async (t) => {
  const redis = await startRedis(t);
  const cache = await connectCache({ url: redis.url, deadlineMs });
  const before = makeSession();
  await cache.put(before.id, before.session, inLifetime());
  await redis.run('CONFIG', 'SET', 'maxmemory', '1');
  const load = new CacheLoad(cache);
  await wait(300);
  t.same(await cache.get(before.id), before.session, 'what is there is found');
  const late = makeSession();
  await cache.put(late.id, late.session, { ...inLifetime(), account: 'alice' });
  await cache.promote([before.id], 'alice');
  t.equal(load.report.hitCount, 0);
  t.ok(cache.stats().failures!.error > 0);
  t.equal(await cache.get(before.id), undefined, 'a session that cannot get an owner goes');
  t.equal(cache.stats().entryCount, 0, 'what was refused does not count');
  await redis.run('CONFIG', 'SET', 'maxmemory', '0');
  await untilBack(cache);
  expectUnhurt(t, await load.stop());
  await cache.close();
});

void t.test('closing ends what is under way, and all attempts to connect', options, async (t) => {
  const redis = await startRedis(t);
  const proxy = await SlowProxy.start(redis.port);
  t.teardown(() => proxy.stop());
  const url = `redis://127.0.0.1:${proxy.port}`;
  const cache = await connectCache({ url, deadlineMs });
  redis.hang();
  const lookup = cache.get(makeSession().id);
  await cache.close();
  t.equal(await lookup, undefined);
  const second = makeRedisCache({ url, deadlineMs });
  await wait(100);
  await second.close();
  await wait(100);
  t.equal(proxy.connectionCount, 0);
  redis.resume();
  const third = makeRedisCache({ url, deadlineMs });
  await connected(third);
  await third.close();
});

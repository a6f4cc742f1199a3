import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { steadyClock } from '../../../../tls/time.ts';
import { RedisSessionCache } from '../../../../tls/index.ts';
import { connectCache, makeRedisCache, testSecret } from '../../../fixtures/redis-caches.ts';
import { RedisServer, redisSkipReason } from '../../../fixtures/redis-server.ts';
import {
  contractLifetimeMs,
  makeSession,
  testSessionCacheContract,
} from '../../../fixtures/session-cache-contract.ts';

const options = { skip: redisSkipReason };
const inLifetime = () => ({ expiresAt: steadyClock() + contractLifetimeMs });
const redis = redisSkipReason === false ? await RedisServer.start() : undefined;
t.teardown(() => redis?.stop());

/** Two machines that share sessions. */
async function connectTwo(
  t: Test,
  ...differences: Partial<ConstructorParameters<typeof RedisSessionCache>[0]>[]
): Promise<[RedisSessionCache, RedisSessionCache]> {
  const prefix = `shared-${randomBytes(6).toString('hex')}:`;
  const caches = await Promise.all(
    [0, 1].map((index) => connectCache({ url: redis!.url, prefix, ...differences[index] })),
  );
  t.teardown(() => Promise.all(caches.map((cache) => cache.close())));
  return caches as [RedisSessionCache, RedisSessionCache];
}

void t.test('keeps the contract', options, async (t) => {
  testSessionCacheContract(t, {
    makeCache: (clock) => connectCache({ url: redis!.url, clock }),
    makeAwayCache: async (clock) => makeRedisCache({ url: 'redis://127.0.0.1:1', clock }),
  });
});

void t.test('machines share sessions, and what happens to them', options, async (t) => {
  const [one, two] = await connectTwo(t);
  const [first, second, third] = [makeSession(), makeSession(), makeSession()];
  for (const { id, session } of [first, second, third]) await one.put(id, session, inLifetime());
  t.same(await two.get(first.id), first.session);
  const taken = await Promise.all([one.take(first.id), two.take(first.id), one.take(first.id)]);
  t.equal(taken.filter((session) => session !== undefined).length, 1);
  await two.promote([second.id], 'alice');
  await two.put(third.id, third.session, { ...inLifetime(), certificate: 'ab' });
  t.equal(await one.purge({ account: 'alice' }), 1);
  t.equal(await two.get(second.id), undefined);
  t.equal(await one.purge({ certificate: 'ab' }), 1);
  t.equal(await two.get(third.id), undefined);
});

void t.test('a client that comes before its session', options, async (t) => {
  const secondLookMs = 100;
  const [one, two] = await connectTwo(t, {}, { secondLookMs });
  const [late, missing] = [makeSession(), makeSession()];
  const lookup = two.get(late.id);
  await wait(secondLookMs / 2);
  await one.put(late.id, late.session, inLifetime());
  t.same(await lookup, late.session);
  t.equal(await two.get(missing.id), undefined);
  t.match(two.stats().lookups, { hit: 1, unknown: 1 }, 'which counts as one lookup');
});

void t.test('a session whose owner is told at once is found by it', options, async (t) => {
  const [cache] = await connectTwo(t);
  const sessions = Array.from({ length: 20 }, makeSession);
  const calls = sessions.flatMap(({ id, session }) => [
    cache.put(id, session, { ...inLifetime(), certificate: 'ab' }),
    cache.promote([id], 'alice'),
  ]);
  await Promise.all(calls);
  t.equal(await cache.purge({ account: 'alice' }), sessions.length);
});

void t.test('a lookup comes behind what was stored before it', options, async (t) => {
  const [cache] = await connectTwo(t, { secondLookMs: 0 });
  const { id, session } = makeSession();
  const put = cache.put(id, session, inLifetime());
  t.same(await cache.get(id), session);
  await put;
});

void t.test('sessions outlive the cache', options, async (t) => {
  const prefix = `outlive-${randomBytes(6).toString('hex')}:`;
  const { id, session } = makeSession();
  const before = await connectCache({ url: redis!.url, prefix });
  await before.put(id, session, inLifetime());
  await before.close();
  const after = await connectCache({ url: redis!.url, prefix });
  t.same(await after.get(id), session);
  await after.close();
});

void t.test('Redis itself forgets sessions and indexes', options, async (t) => {
  const prefix = `expiry-${randomBytes(6).toString('hex')}:`;
  const cache = await connectCache({ url: redis!.url, prefix, lifetimeMs: 600 });
  t.teardown(() => cache.close());
  const { id, session } = makeSession();
  await cache.put(id, session, { expiresAt: Infinity, account: 'alice', certificate: 'ab' });
  await cache.promote([id], 'bob');
  const keys = (await redis!.run('KEYS', `${prefix}*`)) as string[];
  t.equal(keys.length, 4, 'the session, two accounts and a certificate');
  for (const key of keys) {
    const leftMs = Number(await redis!.run('PTTL', key));
    t.ok(leftMs > 0 && leftMs <= 600, `${key} has ${leftMs} ms left`);
  }
  t.equal(cache.stats().entryCount, 1);
  await wait(700);
  t.same(await redis!.run('KEYS', `${prefix}*`), []);
  t.equal(await cache.get(id), undefined);
  const stats = cache.stats();
  t.equal(stats.entryCount, 0);
  t.equal(stats.usedBytes, 0);
  t.equal(stats.removed.expired, 1);
});

void t.test('an index forgets what has expired', options, async (t) => {
  const prefix = `index-${randomBytes(6).toString('hex')}:`;
  let nowMs = steadyClock();
  const cache = await connectCache({ url: redis!.url, prefix, clock: () => nowMs });
  t.teardown(() => cache.close());
  for (let round = 0; round < 5; round++) {
    const { id, session } = makeSession();
    await cache.put(id, session, { expiresAt: Infinity, account: 'alice' });
    nowMs += 2 * contractLifetimeMs;
  }
  const [index] = (await redis!.run('KEYS', `${prefix}a:*`)) as string[];
  t.equal(await redis!.run('ZCARD', index!), 1);
});

void t.test('reading Redis gives no session, account or certificate away', options, async (t) => {
  const prefix = `secret-${randomBytes(6).toString('hex')}:`;
  const cache = await connectCache({ url: redis!.url, prefix });
  t.teardown(() => cache.close());
  const certificate = 'ab'.repeat(32);
  const { id, session } = makeSession({ isIdInside: false });
  await cache.put(id, session, { ...inLifetime(), certificate });
  await cache.promote([id], 'alice@example.com');
  const keys = (await redis!.run('KEYS', `${prefix}*`)) as string[];
  t.equal(keys.length, 3);
  const contents = await Promise.all(keys.map((key) => redis!.dump(key)));
  const all = Buffer.concat([...keys.map((key) => Buffer.from(key)), ...contents]);
  for (let start = 0; start + 8 <= session.length; start++) {
    if (all.includes(session.subarray(start, start + 8))) t.fail(`bytes from ${start} on`);
  }
  for (const text of ['alice', 'example', 'abab']) t.notOk(all.includes(text), text);
});

void t.test('what another secret has sealed is not found, and counted', options, async (t) => {
  const [one, two] = await connectTwo(t, {}, { secrets: [randomBytes(32)] });
  const { id, session } = makeSession();
  await one.put(id, session, inLifetime());
  t.equal(await two.get(id), undefined);
  t.equal(two.stats().failures!.unsealed, 1);
  t.equal(two.stats().lookups.hit, 0);
  t.same(await one.get(id), session, 'it is still there for others');
});

void t.test('what was changed in Redis is not found, and counted', options, async (t) => {
  const prefix = `changed-${randomBytes(6).toString('hex')}:`;
  const cache = await connectCache({ url: redis!.url, prefix });
  t.teardown(() => cache.close());
  const [one, two] = [makeSession(), makeSession()];
  await cache.put(one.id, one.session, inLifetime());
  await cache.put(two.id, two.session, inLifetime());
  const [first, second] = [one, two].map(
    ({ id }) => `${prefix}s:${Buffer.from(id).toString('base64url')}`,
  );
  await redis!.run('COPY', first!, second!, 'REPLACE');
  t.equal(await cache.get(two.id), undefined, "another session's record");
  await redis!.run('SETRANGE', second!, '38', '\u0001');
  t.equal(await cache.get(two.id), undefined, 'another deadline');
  await redis!.run('SETRANGE', first!, '60', 'x');
  t.equal(await cache.get(one.id), undefined);
  t.equal(cache.stats().failures!.unsealed, 3);
  for (const value of ['', 'x', 'x'.repeat(40), 'x'.repeat(70)]) {
    await redis!.run('SET', first!, value);
    t.equal(await cache.get(one.id), undefined, `"${value}" instead`);
  }
});

void t.test('a change of the secret keeps sessions, and purges find them', options, async (t) => {
  const next = randomBytes(32);
  const [before, after] = await connectTwo(
    t,
    { secrets: [testSecret, next] },
    { secrets: [next, testSecret] },
  );
  const [old, young] = [makeSession(), makeSession()];
  await before.put(old.id, old.session, { ...inLifetime(), account: 'alice' });
  await after.put(young.id, young.session, { ...inLifetime(), account: 'alice' });
  t.same(await after.get(old.id), old.session);
  t.same(await before.get(young.id), young.session);
  t.equal(await after.purge({ account: 'alice' }), 2);
});

void t.test('purges any number of sessions', { ...options, timeout: 120_000 }, async (t) => {
  const [cache, other] = await connectTwo(t, {}, { prefix: `other-*?[a]:` });
  const sessions = Array.from({ length: 600 }, () => makeSession());
  const kept = makeSession();
  await other.put(kept.id, kept.session, inLifetime());
  for (const [index, { id, session }] of sessions.entries()) {
    await cache.put(id, session, { ...inLifetime(), account: index % 2 === 0 ? 'alice' : 'bob' });
  }
  t.equal(await cache.purge({ account: 'alice' }), 300);
  t.equal(await cache.purge({ account: 'alice' }), 0);
  t.equal(await cache.purge('all'), 300);
  t.same(await other.get(kept.id), kept.session, 'another prefix is not touched');
  t.equal(await other.purge('all'), 1, 'a prefix is no pattern');
});

void t.test('refuses what is too large, and ids that are none', options, async (t) => {
  const [cache] = await connectTwo(t);
  const { id, session } = makeSession();
  await cache.put(id, new Uint8Array(60 * 1024 + 1), inLifetime());
  await cache.put(new Uint8Array(0), session, inLifetime());
  await cache.put(new Uint8Array(256), session, inLifetime());
  t.equal(cache.stats().refused.tooLarge, 3);
  t.equal(cache.stats().entryCount, 0);
  await cache.promote([new Uint8Array(0), new Uint8Array(256)], 'alice');
  await cache.delete(new Uint8Array(0));
  t.equal(await cache.take(new Uint8Array(256)), undefined);
});

void t.test('bounds that make no sense are refused', async (t) => {
  const good = { url: 'redis://127.0.0.1:1', secrets: [testSecret], lifetimeMs: 1000 };
  const refused: [Partial<typeof good> & { prefix?: string; deadlineMs?: number }, RegExp][] = [
    [{ url: 'http://127.0.0.1' }, /Cannot use Redis URL/],
    [{ secrets: [] }, /without a secret/],
    [{ lifetimeMs: 0 }, /Cannot keep sessions for "0" ms/],
    [{ lifetimeMs: Number.NaN }, /Cannot keep sessions/],
    [{ deadlineMs: 60_000 }, /Cannot wait for Redis/],
    [{ prefix: 'x'.repeat(129) }, /Cannot use key prefix/],
  ];
  for (const [difference, message] of refused) {
    t.throws(() => new RedisSessionCache({ ...good, ...difference }), { message });
  }
});

// What SegmentSessionCache keeps, evicts and refuses within its bounds, and what it tells of that.
import t from 'tap';
import { SegmentSessionCache } from '../../../../tls/index.ts';
import { makeSession, TestClock } from '../../../fixtures/session-cache-contract.ts';

const lifetimeMs = 60_000;
const mebibyte = 1024 * 1024;

void t.test('holds no more than its bound, and evicts the oldest for room', async (t) => {
  const clock = new TestClock();
  const maxBytes = 256 * 1024;
  const cache = new SegmentSessionCache({ maxBytes, lifetimeMs, clock: clock.read });
  const sessions = Array.from({ length: 5_000 }, () => makeSession());
  let mostBytes = 0;
  for (const { id, session } of sessions) {
    await cache.put(id, session, { expiresAt: Infinity, account: 'alice' });
    mostBytes = Math.max(mostBytes, cache.stats().heldBytes);
  }
  t.ok(mostBytes <= maxBytes, `held ${mostBytes}`);
  t.ok(mostBytes > maxBytes * 0.7, `held ${mostBytes}`);
  const { entryCount, removed } = cache.stats();
  t.equal(entryCount + removed.evicted, 5_000);
  const found = await Promise.all(sessions.map(async ({ id }) => cache.get(id)));
  t.equal(
    found.findIndex((session) => session !== undefined),
    removed.evicted,
    'oldest first',
  );
  t.equal(found.filter((session) => session !== undefined).length, entryCount);
  await cache.close();
});

void t.test('evicts a little with each session that comes', async (t) => {
  const clock = new TestClock();
  // In the second one there are more sessions than the index has places.
  for (const [sessionBytes, maxBytes] of [
    [130, mebibyte],
    [33, mebibyte],
    [130, 2 * mebibyte],
  ] as const) {
    const cache = new SegmentSessionCache({ maxBytes, lifetimeMs, clock: clock.read });
    let evictedBefore = 0;
    let mostAtOnce = 0;
    for (let i = 0; i < (maxBytes / 1024 ** 2) * 20_000; i++) {
      const { id, session } = makeSession({ length: sessionBytes });
      await cache.put(id, session, { expiresAt: Infinity, account: 'alice' });
      const { evicted } = cache.stats().removed;
      mostAtOnce = Math.max(mostAtOnce, evicted - evictedBefore);
      evictedBefore = evicted;
    }
    t.ok(evictedBefore > 0);
    t.ok(mostAtOnce <= 4, `at most ${mostAtOnce} at once, of sessions of ${sessionBytes} bytes`);
    t.ok(cache.stats().usedBytes > 0.4 * maxBytes, 'and no more than has to go');
    await cache.close();
  }
});

void t.test('tiny sessions are bounded by the index, and do not break it', async (t) => {
  const clock = new TestClock();
  const maxBytes = 64 * 1024;
  const cache = new SegmentSessionCache({ maxBytes, lifetimeMs, clock: clock.read });
  for (let i = 0; i < 5_000; i++) {
    const { id } = makeSession();
    await cache.put(id.subarray(0, 8), id.subarray(0, 1), {
      expiresAt: Infinity,
      account: 'alice',
    });
    if (cache.stats().heldBytes > maxBytes) t.fail('over the bound');
  }
  t.ok(cache.stats().entryCount > 300, `${cache.stats().entryCount} entries`);
  await cache.close();
});

void t.test('a capacity of one keeps the newest', async (t) => {
  const clock = new TestClock();
  // One segment for each ring, and one session in each segment.
  const cache = new SegmentSessionCache({
    maxBytes: 480,
    segmentBytes: 160,
    lifetimeMs,
    clock: clock.read,
  });
  const [one, two, three] = [makeSession(), makeSession(), makeSession()];
  for (const { id, session } of [one, two]) await cache.put(id, session, { expiresAt: Infinity });
  t.equal(await cache.get(one.id), undefined);
  t.same(await cache.get(two.id), two.session);
  t.equal(cache.stats().removed.evicted, 1);
  await cache.promote([two.id], 'alice');
  await cache.put(three.id, three.session, { expiresAt: Infinity });
  t.same(await cache.get(two.id), two.session, 'one that has logged in has a place of its own');
  t.same(await cache.get(three.id), three.session);
  await cache.promote([three.id], 'bob');
  t.equal(await cache.get(two.id), undefined);
  t.same(await cache.get(three.id), three.session);
  await cache.close();
});

void t.test('refuses what is larger than a segment, and counts it', async (t) => {
  const clock = new TestClock();
  const cache = new SegmentSessionCache({
    maxBytes: mebibyte,
    segmentBytes: 1024,
    lifetimeMs,
    clock: clock.read,
  });
  const fits = makeSession({ length: 1024 - 20 });
  const tooLarge = makeSession({ length: 1024 - 19 });
  for (const { id, session } of [fits, tooLarge]) {
    await cache.put(id, session, { expiresAt: Infinity });
  }
  await cache.put(new Uint8Array(0), fits.session, { expiresAt: Infinity });
  await cache.put(new Uint8Array(256), new Uint8Array(1), { expiresAt: Infinity });
  t.same(await cache.get(fits.id), fits.session);
  t.equal(await cache.get(tooLarge.id), undefined);
  t.equal(cache.stats().refused.tooLarge, 3);
  await cache.close();
});

void t.test('a flood without login evicts no session of those who have logged in', async (t) => {
  const clock = new TestClock();
  const cache = new SegmentSessionCache({ maxBytes: mebibyte, lifetimeMs, clock: clock.read });
  const members = Array.from({ length: 1_000 }, () => makeSession());
  for (const { id, session } of members) {
    await cache.put(id, session, { expiresAt: Infinity, address: '192.0.2.1' });
    await cache.promote([id], 'alice');
  }
  for (let i = 0; i < 20_000; i++) {
    const { id, session } = makeSession();
    const address = `2001:db8:${(i % 0xffff).toString(16)}::1`;
    await cache.put(id, session, { expiresAt: Infinity, address });
  }
  t.ok(cache.stats().removed.evicted > 10_000, 'it evicts its like');
  for (const { id, session } of members) {
    const found = await cache.get(id);
    if (found === undefined || Buffer.compare(found, session) !== 0) t.fail('evicted a member');
  }
  t.ok(cache.stats().entryCount < 2_100, 'and has an eighth at most');
  await cache.close();
});

void t.test('one address holds a bounded share of the probation ring', async (t) => {
  const clock = new TestClock();
  const cache = new SegmentSessionCache({ maxBytes: mebibyte, lifetimeMs, clock: clock.read });
  const other = makeSession();
  await cache.put(other.id, other.session, { expiresAt: Infinity, address: '198.51.100.7' });
  const flood = Array.from({ length: 2_000 }, () => makeSession());
  for (const [i, { id, session }] of flood.entries()) {
    await cache.put(id, session, { expiresAt: Infinity, address: `2001:db8::${i.toString(16)}` });
  }
  // Of segments of 16 KiB the ring has eight, and an address has two.
  const share = (2 * 16 * 1024) / 152;
  t.equal(cache.stats().entryCount, 1 + Math.floor(share));
  t.equal(cache.stats().refused.overShare, 2_000 - Math.floor(share));
  t.equal(cache.stats().removed.evicted, 0);
  t.same(await cache.get(other.id), other.session);

  await cache.promote([flood[0]!.id], 'alice');
  const late = makeSession();
  await cache.put(late.id, late.session, { expiresAt: Infinity, address: '2001:db8::1' });
  t.same(await cache.get(late.id), late.session, 'a login makes room');
  clock.nowMs += lifetimeMs;
  while (cache.expire());
  const next = makeSession();
  await cache.put(next.id, next.session, { expiresAt: Infinity, address: '2001:db8::1' });
  t.same(await cache.get(next.id), next.session, 'and so does expiry');
  await cache.close();
});

void t.test('oldestAt is when the oldest session came that is still there', async (t) => {
  const clock = new TestClock();
  const cache = new SegmentSessionCache({ maxBytes: mebibyte, lifetimeMs, clock: clock.read });
  t.equal(cache.stats().oldestAt, undefined, 'of none');
  const startMs = clock.nowMs;
  const sessions = Array.from({ length: 4 }, () => makeSession());
  for (const [index, { id, session }] of sessions.entries()) {
    clock.nowMs = startMs + index * 1_000;
    await cache.put(id, session, { expiresAt: Infinity });
  }
  t.equal(cache.stats().oldestAt, startMs);
  await cache.delete(sessions[1]!.id);
  await cache.delete(sessions[0]!.id);
  t.equal(cache.stats().oldestAt, startMs + 2_000, 'without those that are gone');
  await cache.promote([sessions[2]!.id], 'alice');
  t.equal(cache.stats().oldestAt, startMs + 2_000, 'in either ring');
  t.same(await cache.get(sessions[2]!.id), sessions[2]!.session, 'looking takes nothing away');
  clock.nowMs = startMs + 2_000 + lifetimeMs;
  while (cache.expire());
  t.equal(cache.stats().oldestAt, startMs + 3_000, 'without those that have expired');
  t.equal(cache.stats().removed.expired, 1);
  clock.nowMs += 1_000;
  while (cache.expire());
  t.equal(cache.stats().oldestAt, undefined);
  t.equal(cache.stats().heldBytes, 0);
  await cache.close();
});

void t.test('onReclaim is told of each step of expiry and purge', async (t) => {
  const steps: number[] = [];
  let isExpired: (() => void) | undefined;
  const make = (lifetimeMs: number) =>
    new SegmentSessionCache({
      maxBytes: mebibyte,
      lifetimeMs,
      onReclaim: (durationMs) => {
        steps.push(durationMs);
        isExpired?.();
      },
    });
  const cache = make(60_000);
  const one = makeSession();
  await cache.put(one.id, one.session, { expiresAt: Infinity, account: 'alice' });
  t.equal(await cache.purge({ account: 'nobody' }), 0);
  t.same(steps, [], 'nothing to do is no step');
  t.equal(await cache.purge({ account: 'alice' }), 1);
  t.equal(steps.length, 1);
  await cache.put(one.id, one.session, { expiresAt: Infinity });
  await cache.purge('all');
  t.equal(steps.length, 2);
  const shortCache = make(20);
  const expired = new Promise<void>((resolve) => {
    isExpired = resolve;
  });
  // The cache's own timer keeps no process running.
  const alive = setInterval(() => undefined, 1_000);
  await shortCache.put(one.id, one.session, { expiresAt: Infinity });
  await expired;
  clearInterval(alive);
  t.ok(steps.length >= 3);
  t.ok(steps.every((durationMs) => durationMs >= 0 && durationMs < 1_000));
  await cache.close();
  await shortCache.close();
});

void t.test('bounds that make no sense are refused', async (t) => {
  const wrong = [
    { maxBytes: 0, lifetimeMs },
    { maxBytes: 1.5, lifetimeMs },
    { maxBytes: Number.NaN, lifetimeMs },
    { maxBytes: 2 ** 40, lifetimeMs },
    { maxBytes: mebibyte, lifetimeMs: 0 },
    { maxBytes: mebibyte, lifetimeMs: Number.NaN },
    { maxBytes: mebibyte, lifetimeMs: 8 * 24 * 60 * 60 * 1000 },
    { maxBytes: mebibyte, lifetimeMs, segmentBytes: 2 * mebibyte },
    { maxBytes: 64 * 1024, lifetimeMs, segmentBytes: 64 * 1024 },
    { maxBytes: 20, lifetimeMs },
  ];
  for (const options of wrong) {
    t.throws(() => new SegmentSessionCache(options), RangeError, JSON.stringify(options));
  }
});

// What SegmentSessionCache tells of itself beside its counters.
import t from 'tap';
import { SegmentSessionCache } from '../../../../tls/index.ts';
import { makeSession, TestClock } from '../../../fixtures/session-cache-contract.ts';

const lifetimeMs = 60_000;
const expiresAt = Infinity;

void t.test('oldestAt is when the oldest session came that is still there', async (t) => {
  const clock = new TestClock();
  const cache = new SegmentSessionCache({ maxBytes: 1 << 20, lifetimeMs, clock: clock.read });
  t.equal(cache.stats().oldestAt, undefined, 'of none');
  const startMs = clock.nowMs;
  const sessions = Array.from({ length: 4 }, () => makeSession());
  for (const [index, { id, session }] of sessions.entries()) {
    clock.nowMs = startMs + index * 1_000;
    await cache.put(id, session, { expiresAt });
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
      maxBytes: 1 << 20,
      lifetimeMs,
      onReclaim: (durationMs) => {
        steps.push(durationMs);
        isExpired?.();
      },
    });
  const cache = make(60_000);
  const one = makeSession();
  await cache.put(one.id, one.session, { expiresAt, account: 'alice' });
  t.equal(await cache.purge({ account: 'nobody' }), 0);
  t.same(steps, [], 'nothing to do is no step');
  t.equal(await cache.purge({ account: 'alice' }), 1);
  t.equal(steps.length, 1);
  await cache.put(one.id, one.session, { expiresAt });
  await cache.purge('all');
  t.equal(steps.length, 2);
  const shortCache = make(20);
  const expired = new Promise<void>((resolve) => {
    isExpired = resolve;
  });
  // The cache's own timer keeps no process running.
  const alive = setInterval(() => undefined, 1_000);
  await shortCache.put(one.id, one.session, { expiresAt });
  await expired;
  clearInterval(alive);
  t.ok(steps.length >= 3);
  t.ok(steps.every((durationMs) => durationMs >= 0 && durationMs < 1_000));
  await cache.close();
  await shortCache.close();
});

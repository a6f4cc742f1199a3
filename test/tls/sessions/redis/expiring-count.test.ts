import t from 'tap';
import { ExpiringCount } from '../../../../tls/sessions/redis/expiring-count.ts';

const lifetimeMs = 64_000;

void t.test('counts entries until they expire, and no longer than a part more', async (t) => {
  const count = new ExpiringCount(lifetimeMs);
  count.add(10_500, 1, 100);
  count.add(10_700, 2, 50);
  count.add(30_000, 1, 7);
  t.same(count.current, { entryCount: 4, bytes: 157 });
  t.equal(count.expire(10_700), 0);
  t.equal(count.expire(11_000), 3);
  t.same(count.current, { entryCount: 1, bytes: 7 });
  t.equal(count.expire(29_999), 0);
  t.equal(count.expire(30_000), 1);
  t.same(count.current, { entryCount: 0, bytes: 0 });
});

void t.test('what was removed does not expire', async (t) => {
  const count = new ExpiringCount(lifetimeMs);
  count.add(10_500, 2, 200);
  count.add(10_600, -1, -100);
  t.same(count.current, { entryCount: 1, bytes: 100 });
  t.equal(count.expire(20_000), 1);
});

void t.test('is never below zero where others removed what was counted elsewhere', async (t) => {
  const count = new ExpiringCount(lifetimeMs);
  count.add(10_500, -3, -300);
  t.same(count.current, { entryCount: 0, bytes: 0 });
  t.equal(count.expire(20_000), 0);
  count.add(40_000, 1, 10);
  t.same(count.current, { entryCount: 1, bytes: 10 });
  count.clear();
  t.same(count.current, { entryCount: 0, bytes: 0 });
});

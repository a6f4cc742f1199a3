// A worker crashes while clients idle on it and many more are coming: everybody is served in the end, and everybody who had a
// session resumes, wherever sessions are kept. How many connections the crash resets is for `npm run bench -- worker-killed`.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { startMailServer } from '../../fixtures/mail-server.ts';
import { readMetrics } from '../../fixtures/metrics-text.ts';
import { RedisServer, redisSkipReason } from '../../fixtures/redis-server.ts';
import { sabotageOptions } from '../../fixtures/sabotage.ts';
import { loseWorker, resumesInTheEnd } from '../../fixtures/worker-loss.ts';

const idleCount = 40;
const burstCount = 200;

async function lose(t: Test, environment: Readonly<Record<string, string>>) {
  const { process: server } = await startMailServer(t, {
    environment: { REPRISE_WORKERS: '2', ...environment },
    nodeOptions: sabotageOptions,
  });
  const { sessions, ...loss } = await loseWorker({ server, idleCount, burstCount });
  t.comment(JSON.stringify(loss));
  t.ok(loss.lost > 0 && loss.lost < idleCount, 'the clients of one worker lose their connections');
  t.equal(loss.served, burstCount, 'everybody is served in the end');
  t.equal(loss.refused, 0, 'somebody listens all the time');
  t.ok(loss.firstServedMs < loss.replacedMs, 'others are served before the worker is replaced');
  t.equal(server.faults.length, 1, 'the crash is all that went wrong');
  const fromIdle = loss.lost - loss.lostResumed;
  return { server, sessions, fromIdle, fromBurst: loss.served - loss.resumed };
}

for (const cache of ['memory', 'tickets']) {
  await t.test(`${cache}: all resume`, async (t) => {
    const { fromIdle, fromBurst } = await lose(t, { REPRISE_SESSION_CACHE: cache });
    t.strictSame({ fromIdle, fromBurst }, { fromIdle: 0, fromBurst: 0 }, 'full handshakes');
  });
}

await t.test('redis: all resume', { skip: redisSkipReason }, async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  const environment = {
    REPRISE_ADMIN_PORT: '0',
    REPRISE_SESSION_CACHE: redis.url,
    REPRISE_SESSION_SECRET: join(t.testdir({ secret: randomBytes(32).toString('hex') }), 'secret'),
  };
  const { server, sessions, fromIdle, fromBurst } = await lose(t, environment);
  const metrics = await fetch(`http://127.0.0.1:${server.adminPort}/metrics`);
  const counts = readMetrics(await metrics.text());
  const lookups = (result: string) =>
    counts[`reprise_session_cache_lookups_total{result="${result}"}`] ?? 0;
  t.ok(lookups('hit') > 0);
  t.equal(lookups('expired'), 0);
  // On a machine that is busy Redis may not take a session, or not be told whose it is: then there is none.
  const failureCount = ['error', 'timeout', 'overloaded'].reduce(
    (sum, cause) => sum + (counts[`reprise_session_cache_failures_total{cause="${cause}"}`] ?? 0),
    0,
  );
  const lateCount = lookups('timeout') + (failureCount === 0 ? 0 : lookups('unknown'));
  t.ok(fromIdle + fromBurst <= lateCount, 'but for those that Redis kept waiting');
  t.equal(sessions.length, idleCount);
  const later = await Promise.all(sessions.map((session) => resumesInTheEnd(server, session)));
  const lostCount = later.filter((isResumed) => !isResumed).length;
  t.ok(
    lostCount <= failureCount,
    `${lostCount} sessions are lost, ${failureCount} commands failed`,
  );
});

await t.test('control: without resumption nobody does', async (t) => {
  const { fromIdle, fromBurst } = await lose(t, { REPRISE_SESSION_CACHE: 'off' });
  t.ok(fromIdle > 0);
  t.equal(fromBurst, burstCount);
});

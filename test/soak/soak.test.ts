// 5,000 connections in cycles. What is exact is checked: after each cycle the cache has no session and no byte, and nothing
// of a connection that was closed is reachable. Resident memory, and a million connections, are for `npm run soak`.
import t from 'tap';
import { judgeSoak } from './judge-soak.ts';
import { defaultMix } from './load-mix.ts';
import { runSoak } from './run-soak.ts';
import type { SoakOptions } from './soak-options.ts';

const options: SoakOptions = {
  cacheKind: 'memory',
  allocator: 'system',
  mix: defaultMix,
  connectionCount: 5_000,
  warmUpCount: 0,
  cycleCount: 3,
  workerCount: 0,
  // A client comes back within a quarter of it: long enough on a busy machine, and each cycle waits for its end.
  lifetimeSeconds: 12,
  concurrency: 16,
  settleMs: 0,
  sampleIntervalMs: 250,
  seed: 1,
};

t.setTimeout(300_000);

const control: SoakOptions = { ...options, connectionCount: 600, cycleCount: 3 };

/** A server that is busy with other things may forget a session rather than wait 50 ms for it. */
const judgeOptions = { minResumedShare: 0.9 };

await t.test('5,000 connections leave nothing', async (t) => {
  const result = await runSoak(options);
  const { counts } = result;
  t.same(judgeSoak(result, judgeOptions).faults, []);
  t.comment(JSON.stringify(counts));
  t.equal(result.quietPoints.length, options.cycleCount);
  for (const { peakUsedBytes } of result.quietPoints) t.ok(peakUsedBytes > 0, 'was in use');
  t.ok(counts.resumed > 0.3 * counts.connections, 'clients came back');
  t.ok(counts.returnedTooLate > 0, 'some of them too late');
  t.equal(counts.resumedTooLate, 0);
});

await t.test('nor do they with workers', async (t) => {
  const result = await runSoak({
    ...options,
    workerCount: 2,
    connectionCount: 2_000,
    cycleCount: 3,
  });
  t.same(judgeSoak(result, judgeOptions).faults, []);
  t.ok(result.counts.resumed > 0.3 * result.counts.connections, 'clients came back');
  for (const { peakUsedBytes, collectedThreadCount } of result.quietPoints) {
    t.ok(peakUsedBytes > 0, 'was in use');
    t.equal(collectedThreadCount, 3, 'garbage was collected in the main thread and both workers');
  }
});

const controls = { buffered: true };
const cycles = control.cycleCount;
const count = (faults: readonly string[], pattern: RegExp): number =>
  faults.filter((fault) => pattern.test(fault)).length;

t.jobs = 3;

void t.test('control: a Map with a timer for each', controls, async (t) => {
  const { faults } = judgeSoak(await runSoak({ ...control, cacheKind: 'map' }));
  t.equal(
    count(faults, /^\d+ handshakes are reachable after .*, while its sessions live$/),
    cycles,
  );
});

void t.test('control: a cache that never frees', controls, async (t) => {
  const { faults } = judgeSoak(await runSoak({ ...control, cacheKind: 'never-frees' }));
  t.equal(count(faults, /^0 sessions have 0 bytes and hold \d+ after/), cycles);
});

void t.test('control: without a cache nobody resumes', controls, async (t) => {
  const result = await runSoak({ ...control, cacheKind: 'off' });
  t.ok(result.counts.returned > 0);
  t.equal(result.counts.resumed, 0);
  const { faults } = judgeSoak({ ...result, options: { ...control, cacheKind: 'memory' } });
  t.equal(count(faults, /^Only 0 of \d+ clients that came back resumed$/), 1);
});

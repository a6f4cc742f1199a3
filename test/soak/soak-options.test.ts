import t from 'tap';
import { nextCycle, planCycles, type SoakOptions } from './soak-options.ts';
import { soakResult } from './soak-result.ts';

const options: SoakOptions = {
  ...soakResult([]).options,
  connectionCount: 300_000,
  warmUpCount: 60_000,
};

void t.test('equal cycles to warm up, then growing ones', async (t) => {
  const cycles = planCycles(options);
  const counts = (isWarmUp: boolean): number[] =>
    cycles.filter((cycle) => cycle.isWarmUp === isWarmUp).map((cycle) => cycle.connectionCount);
  t.same(counts(true), [12_000, 12_000, 12_000, 12_000, 12_000]);
  const measured = counts(false);
  t.equal(measured.length, 12);
  t.equal(
    measured.reduce((sum, count) => sum + count, 0),
    300_000,
  );
  for (const [index, count] of measured.entries()) t.ok(count > (measured[index - 1] ?? 0));
  t.ok(Math.abs(measured[11]! / measured[0]! - 3) < 0.01);
});

void t.test('further cycles grow as those before', async (t) => {
  const cycles = [...planCycles(options)];
  const measured = cycles.filter(({ isWarmUp }) => !isWarmUp).map((each) => each.connectionCount);
  const next = nextCycle(cycles);
  t.notOk(next.isWarmUp);
  const step = measured[11]! - measured[10]!;
  t.ok(Math.abs(next.connectionCount - measured[11]! - step) <= 2, String(next.connectionCount));
  t.same(nextCycle([{ connectionCount: 7, isWarmUp: false }]).connectionCount, 7);
});

void t.test('without a warm-up, and with one cycle', async (t) => {
  t.same(planCycles({ ...options, warmUpCount: 0, cycleCount: 1, connectionCount: 7 }), [
    { connectionCount: 7, isWarmUp: false },
  ]);
});

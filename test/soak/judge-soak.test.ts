import t from 'tap';
import { isUndecided, judgeSoak } from './judge-soak.ts';
import type { SoakResult } from './run-soak.ts';
import { growingBy, soakResult } from './soak-result.ts';

const limit = { maxSlopeBytes: 16 };

void t.test('resident memory that does not grow', async (t) => {
  const { line, faults } = judgeSoak(soakResult(growingBy(0)), limit);
  t.same(faults, []);
  t.ok(Math.abs(line.slope) < 1e-6, String(line.slope));
});

void t.test('resident memory that grows', async (t) => {
  const { line, faults } = judgeSoak(soakResult(growingBy(17)), limit);
  t.ok(Math.abs(line.slope - 17) < 1e-6);
  t.same(faults, ['Resident memory grows by up to 17.0 bytes with each connection']);
  t.same(judgeSoak(soakResult(growingBy(17))).faults, [], 'a short soak does not judge it');
  t.same(judgeSoak(soakResult(growingBy(15)), limit).faults, []);
});

void t.test(
  'garbage that is not given back before it is collected, and what is never',
  async (t) => {
    const points = growingBy(0);
    const growing = points.map((point) => ({
      ...point,
      collectedResidentBytes: point.collectedResidentBytes + point.connectionCount * 20,
    }));
    t.same(judgeSoak(soakResult(growing), limit).faults, [
      'Resident memory after a collection grows by up to 20.0 bytes with each connection',
    ]);
    t.ok(Math.abs(judgeSoak(soakResult(growing)).collectedLine.slope - 20) < 1e-6);
  },
);

void t.test('noise in which growth could hide', async (t) => {
  const noisy = growingBy(0).map((point, index) => ({
    ...point,
    residentBytes: point.residentBytes + (index % 2) * 1e6,
  }));
  t.match(judgeSoak(soakResult(noisy), limit).faults, [/^Resident memory grows by up to \d+/]);
});

void t.test('a line that is not known well enough, and when to go on', async (t) => {
  const bounds = { maxSlopeBytes: 16, maxHalfWidthBytes: 8 };
  const noisy = (slope: number, noiseBytes: number) =>
    growingBy(slope).map((point, index) => ({
      ...point,
      residentBytes: point.residentBytes + (index % 2) * noiseBytes,
    }));
  t.notOk(isUndecided(noisy(0, 40_000), bounds), 'known');
  t.same(judgeSoak(soakResult(noisy(0, 40_000)), bounds).faults, []);
  t.ok(isUndecided(noisy(0, 100_000), bounds), 'not known');
  t.same(judgeSoak(soakResult(noisy(0, 100_000)), { maxHalfWidthBytes: 8 }).faults, [
    'A slope is known to 10.1 bytes only',
  ]);
  t.notOk(isUndecided(noisy(40, 100_000), bounds), 'not known, but for certain too steep');
});

void t.test('what is left at a quiet point', async (t) => {
  const withLast = (change: object): string[] => {
    const points = growingBy(0);
    points.push({ ...points.pop()!, ...change });
    return [...judgeSoak(soakResult(points), limit).faults];
  };
  t.match(withLast({ entryCount: 3, usedBytes: 400, heldBytes: 4096 }), [
    '3 sessions have 400 bytes and hold 4096 after 13000 connections, when all have expired',
  ]);
  t.equal(withLast({ heldBytes: 1 }).length, 1);
  t.match(withLast({ socketCount: 2 }), ['2 sockets are open after 13000 connections']);
  const reachable = { handshakes: 0, sockets: 3 };
  t.match(withLast({ reachable }), [
    '1 sockets are reachable after 13000 connections, when its sessions have expired',
  ]);
  t.match(withLast({ reachableBefore: { ...reachable, handshakes: 7, sockets: 2 } }), [
    '7 handshakes are reachable after 13000 connections, while its sessions live',
  ]);
});

void t.test('what the clients have seen', async (t) => {
  const withCounts = (change: Partial<SoakResult['counts']>, cacheKind = 'memory' as const) => {
    const result = soakResult(growingBy(0));
    return judgeSoak({
      ...result,
      counts: { ...result.counts, ...change },
      options: { ...result.options, cacheKind },
      lastError: 'ECONNRESET',
    }).faults;
  };
  t.same(withCounts({ failed: 13 }), [], 'one in a thousand');
  t.same(withCounts({ failed: 14 }), [
    '14 of 13000 connections failed, the last one with ECONNRESET',
  ]);
  t.same(withCounts({ resumedTooLate: 1 }), ['1 sessions resumed after they had expired']);
  t.same(withCounts({ resumed: 5940 }), []);
  t.same(withCounts({ resumed: 5939 }), ['Only 5939 of 6000 clients that came back resumed']);
  t.same(withCounts({ resumed: 0, returned: 0 }), ['Only 0 of 0 clients that came back resumed']);
  t.same(withCounts({}, 'off' as 'memory'), ['6000 clients resumed, though nothing can']);
  t.same(withCounts({ resumed: 0 }, 'off' as 'memory'), []);
});

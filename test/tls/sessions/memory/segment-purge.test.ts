// Purges of many sessions: in steps of a bounded size, between which nobody finds what was purged.
import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { type PurgeOwner, SegmentSessionCache } from '../../../../tls/index.ts';
import { segmentLimits } from '../../../../tls/limits.ts';
import { resizableMemory } from '../../../../tls/sessions/memory/segment.ts';
import { makeSession, TestClock } from '../../../fixtures/session-cache-contract.ts';

const lifetimeMs = 60_000;
const maxBytes = 8 * 1024 * 1024;

/** A cache with sessions that one account and one certificate own, but for every tenth. */
async function fill(count: number, segmentBytes = 16 * 1024) {
  const clock = new TestClock();
  let releaseCount = 0;
  const memory = {
    ...resizableMemory,
    release: (buffer: ArrayBuffer, keptBytes?: number) => {
      releaseCount++;
      resizableMemory.release(buffer, keptBytes);
    },
  };
  const options = { maxBytes, segmentBytes, lifetimeMs, clock: clock.read, memory };
  const cache = new SegmentSessionCache(options);
  const sessions = Array.from({ length: count }, () => makeSession());
  for (const [index, { id, session }] of sessions.entries()) {
    const name = index % 10 === 0 ? 'other' : 'one';
    await cache.put(id, session, { expiresAt: Infinity, account: name, certificate: name });
  }
  return { cache, sessions, releases: () => releaseCount };
}

/** Purges; what the largest step removed and released, and how many steps there were. */
async function purge(
  { cache, releases }: Awaited<ReturnType<typeof fill>>,
  owner: PurgeOwner,
  onTurn: (turn: number) => Promise<void>,
) {
  let isOver = false;
  const purged = cache.purge(owner).finally(() => (isOver = true));
  let [mostRemoved, mostReleased, turnCount] = [0, 0, 0];
  let before = { removed: 0, released: releases() };
  while (!isOver) {
    await onTurn(turnCount);
    await nextTurn();
    const now = { removed: cache.stats().removed.purged, released: releases() };
    // What is counted as removed at the call itself is no step.
    if (turnCount > 0) {
      mostRemoved = Math.max(mostRemoved, now.removed - before.removed);
      mostReleased = Math.max(mostReleased, now.released - before.released);
    }
    before = now;
    turnCount++;
  }
  return { count: await purged, mostRemoved, mostReleased, turnCount };
}

for (const owner of [{ account: 'one' }, { certificate: 'one' }] as const) {
  void t.test(`of ${Object.keys(owner)[0]}: bounded steps`, async (t) => {
    const scene = await fill(20_000, 128 * 1024);
    const { cache, sessions } = scene;
    const late: ReturnType<typeof makeSession>[] = [];
    let foundCount = 0;
    const report = await purge(scene, owner, async (turn) => {
      for (let step = 1; step < 10; step++) {
        // From the end, which the purge comes to last; none of these is another owner's.
        const { id } = sessions.at(-((step + turn * 490) % sessions.length))!;
        if ((await cache.get(id)) !== undefined) foundCount++;
      }
      const { id, session } = makeSession();
      await cache.put(id, session, { expiresAt: Infinity, account: 'one', certificate: 'one' });
      late.push({ id, session });
    });
    t.equal(report.count, 18_000);
    t.equal(foundCount, 0, 'none is found while it lasts');
    t.ok(report.mostRemoved > 0 && report.mostRemoved <= segmentLimits.entriesPerStep);
    t.ok(report.turnCount > 18_000 / segmentLimits.entriesPerStep, `${report.turnCount} turns`);
    t.equal(cache.stats().entryCount, 2_000 + late.length);
    for (const { id, session } of late) t.same(await cache.get(id), session, 'came after it');
    t.same(await cache.get(sessions[0]!.id), sessions[0]!.session);
    await cache.close();
  });
}

void t.test('of all: memory goes back in bounded steps', async (t) => {
  const scene = await fill(30_000);
  const { cache, sessions, releases } = scene;
  const heldBytes = cache.stats().heldBytes;
  const late: ReturnType<typeof makeSession>[] = [];
  let foundCount = 0;
  let mostHeld = 0;
  const before = releases();
  const report = await purge(scene, 'all', async (turn) => {
    for (const { id } of sessions.slice(turn * 500, turn * 500 + 10)) {
      if ((await cache.get(id)) !== undefined) foundCount++;
    }
    const { id, session } = makeSession();
    await cache.put(id, session, { expiresAt: Infinity, account: 'one' });
    late.push({ id, session });
    mostHeld = Math.max(mostHeld, cache.stats().heldBytes);
  });
  t.equal(report.count, 30_000);
  t.equal(foundCount, 0, 'none is found while it lasts');
  // Of the index a table may go in the same step, and a session that comes makes another segment go.
  t.ok(report.mostReleased <= segmentLimits.segmentsPerStep + 2, `${report.mostReleased} at once`);
  t.ok(releases() - before > 250, `${releases() - before} segments`);
  t.ok(report.turnCount > 250 / (segmentLimits.segmentsPerStep + 1), `${report.turnCount} turns`);
  t.ok(mostHeld <= heldBytes + 64 * 1024, 'new sessions take the room of those that go');
  t.equal(cache.stats().entryCount, late.length);
  for (const { id, session } of late) t.same(await cache.get(id), session, 'came after it');
  t.equal(await cache.purge('all'), late.length);
  t.match(cache.stats(), { entryCount: 0, usedBytes: 0, heldBytes: 0 });
  await cache.close();
});

void t.test('of all, when a cache is closed meanwhile', async (t) => {
  const { cache } = await fill(10_000);
  const purged = cache.purge('all');
  await cache.close();
  t.equal(cache.stats().heldBytes, 0);
  t.equal(await purged, 10_000);
});

void t.test('a full cache stays within its bytes while it is purged', async (t) => {
  const scene = await fill(60_000);
  const { cache } = scene;
  t.ok(cache.stats().removed.evicted > 0);
  let mostHeld = 0;
  await purge(scene, 'all', async () => {
    for (let count = 0; count < 200; count++) {
      const { id, session } = makeSession();
      await cache.put(id, session, { expiresAt: Infinity, account: 'one' });
    }
    mostHeld = Math.max(mostHeld, cache.stats().heldBytes);
  });
  t.ok(mostHeld <= maxBytes, `held ${mostHeld}`);
  await cache.close();
});

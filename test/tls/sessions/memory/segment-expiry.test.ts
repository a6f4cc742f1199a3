// How SegmentSessionCache forgets: at the deadline, by itself, in small steps, leaving no secret behind.
import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import { segmentLimits } from '../../../../tls/limits.ts';
import { SegmentSessionCache } from '../../../../tls/index.ts';
import type { SegmentMemory } from '../../../../tls/sessions/memory/segment.ts';
import { makeSession, TestClock } from '../../../fixtures/session-cache-contract.ts';

const lifetimeMs = 60_000;
const mebibyte = 1024 * 1024;
const segmentBytes = 12 * 1024;

/** Memory that remembers what it gave out, and what was in the segments when they came back. */
function observeMemory(): SegmentMemory & {
  readonly buffers: Set<ArrayBuffer>;
  readonly dirtyBytes: () => number;
} {
  const buffers = new Set<ArrayBuffer>();
  let dirtyBytes = 0;
  return {
    buffers,
    dirtyBytes: () => dirtyBytes,
    allocate(byteLength) {
      const buffer = new ArrayBuffer(byteLength, { maxByteLength: byteLength });
      buffers.add(buffer);
      return buffer;
    },
    release(buffer) {
      // The index has hashes in it, no secrets.
      if (buffer.byteLength === segmentBytes)
        dirtyBytes += new Uint8Array(buffer).filter((byte) => byte !== 0).length;
      buffers.delete(buffer);
      buffer.resize(0);
    },
  };
}

/** A cache with a clock that a test moves, and with memory that it can look into. */
function openObserved() {
  const clock = new TestClock();
  const memory = observeMemory();
  const cache = new SegmentSessionCache({
    maxBytes: mebibyte,
    segmentBytes,
    lifetimeMs,
    clock: clock.read,
    memory,
  });
  return { clock, memory, cache };
}

/** A cache with a clock that a test moves. */
function open(maxBytes = mebibyte) {
  const clock = new TestClock();
  return { clock, cache: new SegmentSessionCache({ maxBytes, lifetimeMs, clock: clock.read }) };
}

function contains(buffers: Iterable<ArrayBuffer>, bytes: Uint8Array): boolean {
  return [...buffers].some((buffer) => Buffer.from(buffer).includes(bytes));
}

void t.test('expiry gives all memory back, exactly, and secrets are zeros before', async (t) => {
  const { clock, memory, cache } = openObserved();
  const first = makeSession();
  await cache.put(first.id, first.session, { expiresAt: clock.nowMs + lifetimeMs });
  clock.nowMs += 1_000;
  const sessions = Array.from({ length: 500 }, () => makeSession());
  for (const { id, session } of sessions) {
    await cache.put(id, session, { expiresAt: clock.nowMs + lifetimeMs });
  }
  await cache.promote(
    sessions.slice(0, 250).map(({ id }) => id),
    'alice',
  );
  t.equal(contains(memory.buffers, first.session), true, 'the test can see secrets');

  clock.nowMs += lifetimeMs - 1_000;
  t.equal(cache.expire(), false);
  t.equal(cache.stats().removed.expired, 1);
  t.equal(contains(memory.buffers, first.session), false, 'one that has expired is overwritten');
  t.equal(contains(memory.buffers, sessions[0]!.session), true);

  clock.nowMs += 1_000;
  t.equal(cache.expire(), false);
  t.same([cache.stats().entryCount, cache.stats().usedBytes, cache.stats().heldBytes], [0, 0, 0]);
  t.equal(memory.buffers.size, 0);
  t.equal(memory.dirtyBytes(), 0, 'nothing but zeros goes back');
  await cache.close();
});

void t.test('every way out overwrites the secret at once', async (t) => {
  const { clock, memory, cache } = openObserved();
  const options = { expiresAt: clock.nowMs + lifetimeMs, certificate: 'one' };
  const ways: Record<string, (id: Uint8Array) => unknown> = {
    delete: (id) => cache.delete(id),
    take: (id) => cache.take(id),
    'put of another': (id) => cache.put(id, makeSession().session, options),
    'purge of the certificate': () => cache.purge({ certificate: 'one' }),
    'purge of all': () => cache.purge('all'),
    close: () => cache.close(),
  };
  for (const [name, way] of Object.entries(ways)) {
    const { id, session } = makeSession();
    await cache.put(id, session, options);
    t.equal(contains(memory.buffers, session), true);
    await way(id);
    t.equal(contains(memory.buffers, session), false, name);
  }
  t.equal(memory.buffers.size, 0);
});

void t.test('a full segment goes back with the last of its sessions', async (t) => {
  const { memory, cache } = openObserved();
  const sessions = Array.from({ length: 300 }, () => makeSession());
  for (const { id, session } of sessions) {
    await cache.put(id, session, { expiresAt: Infinity, account: 'alice' });
  }
  const { heldBytes } = cache.stats();
  const perSegment = Math.floor(segmentBytes / 152);
  const [first, ...others] = sessions.slice(perSegment, 2 * perSegment);
  for (const { id } of others) await cache.delete(id, 'superseded');
  t.equal(cache.stats().heldBytes, heldBytes, 'dead bytes are held');
  await cache.delete(first!.id);
  t.equal(cache.stats().heldBytes, heldBytes - segmentBytes);
  t.equal(cache.stats().entryCount, 300 - perSegment);
  await cache.close();
  t.equal(memory.buffers.size, 0);
});

void t.test('promote leaves no second copy behind', async (t) => {
  const { clock, memory, cache } = openObserved();
  const { id, session } = makeSession();
  await cache.put(id, session, { expiresAt: clock.nowMs + lifetimeMs });
  const { usedBytes } = cache.stats();
  await cache.promote([id], 'alice');
  t.equal(cache.stats().usedBytes, usedBytes);
  t.equal(cache.stats().entryCount, 1);
  const copies = [...memory.buffers].filter((buffer) => Buffer.from(buffer).includes(session));
  t.equal(copies.length, 1);
  await cache.close();
});

void t.test('expires by itself, without traffic', { timeout: 10_000 }, async (t) => {
  const cache = new SegmentSessionCache({ maxBytes: mebibyte, lifetimeMs: 40 });
  for (let i = 0; i < 3_000; i++) {
    const { id, session } = makeSession();
    await cache.put(id, session, { expiresAt: Infinity });
  }
  t.ok(cache.stats().heldBytes > 0);
  // The cache's own timer keeps no process alive, so that somebody has to wait for it.
  await new Promise<void>((resolve) => {
    const check = setInterval(() => {
      if (cache.stats().heldBytes > 0) return;
      clearInterval(check);
      resolve();
    }, 5);
  });
  const { entryCount, removed } = cache.stats();
  t.equal(entryCount, 0);
  t.equal(removed.expired + removed.evicted, 3_000);
  await cache.close();
});

void t.test('expires in a process where nothing else happens', { timeout: 10_000 }, async (t) => {
  const cache = new SegmentSessionCache({ maxBytes: 8 * mebibyte, lifetimeMs: 100 });
  for (let i = 0; i < 8 * segmentLimits.entriesPerStep; i++) {
    const { id, session } = makeSession();
    await cache.put(id, session, { expiresAt: Infinity, account: 'alice' });
  }
  // One timer: whoever looks oftener wakes the event loop for the cache.
  await wait(1_500);
  t.equal(cache.stats().removed.expired, 8 * segmentLimits.entriesPerStep);
  t.equal(cache.stats().heldBytes, 0);
  await cache.close();
});

void t.test(
  'gives memory back soon after the last session was taken',
  { timeout: 10_000 },
  async (t) => {
    const cache = new SegmentSessionCache({ maxBytes: mebibyte, lifetimeMs: 640 });
    const { id, session } = makeSession();
    await cache.put(id, session, { expiresAt: Infinity });
    await cache.take(id);
    await new Promise<void>((resolve) => {
      const check = setInterval(() => {
        if (cache.stats().heldBytes > 0) return;
        clearInterval(check);
        resolve();
      }, 5);
    });
    t.equal(cache.stats().removed.taken, 1);
    await cache.close();
  },
);

void t.test('a step of expiry is bounded, however much has expired', async (t) => {
  const { clock, cache } = open(8 * mebibyte);
  for (let i = 0; i < 3 * segmentLimits.entriesPerStep; i++) {
    const { id, session } = makeSession();
    await cache.put(id, session, { expiresAt: Infinity, account: 'alice' });
  }
  clock.nowMs += lifetimeMs;
  t.equal(cache.expire(), true);
  t.equal(cache.stats().removed.expired, segmentLimits.entriesPerStep);
  t.equal(cache.expire(), true);
  while (cache.expire());
  t.equal(cache.stats().removed.expired, 3 * segmentLimits.entriesPerStep);
  t.equal(cache.stats().heldBytes, 0);
  await cache.close();
});

void t.test('a clock that is set back makes no session live longer', async (t) => {
  const { clock, cache } = open();
  const before = makeSession();
  await cache.put(before.id, before.session, { expiresAt: Infinity });
  clock.nowMs -= 10;
  t.same(await cache.get(before.id), before.session, 'a correction of a few ms costs nothing');
  clock.nowMs -= 365 * 24 * 60 * 60 * 1000;
  t.equal(await cache.get(before.id), undefined, 'after a jump it is gone');
  const after = makeSession();
  await cache.put(after.id, after.session, { expiresAt: Infinity });
  t.same(await cache.get(after.id), after.session, 'and others are kept');
  clock.nowMs += lifetimeMs;
  while (cache.expire());
  t.equal(cache.stats().heldBytes, 0);
  await cache.close();
});

void t.test('a clock that is set back does not stop expiry', async (t) => {
  const { clock, cache } = open();
  for (const jumpMs of [0, -365 * 24 * 60 * 60 * 1000, lifetimeMs / 2]) {
    clock.nowMs += jumpMs;
    const { id, session } = makeSession();
    await cache.put(id, session, { expiresAt: Infinity });
  }
  clock.nowMs += lifetimeMs / 2;
  while (cache.expire());
  t.equal(cache.stats().entryCount, 1);
  clock.nowMs += lifetimeMs / 2;
  while (cache.expire());
  t.equal(cache.stats().heldBytes, 0);
  await cache.close();
});

void t.test('the index shrinks as well as it grows', async (t) => {
  const { clock, cache } = open(64 * mebibyte);
  const put = async (count: number) => {
    const sessions = Array.from({ length: count }, () => makeSession());
    for (const { id, session } of sessions) {
      await cache.put(id, session, { expiresAt: Infinity, account: 'alice' });
    }
    return sessions;
  };
  await put(100_000);
  const full = cache.stats();
  clock.nowMs += 1_000;
  const late = await put(2_000);
  clock.nowMs += lifetimeMs - 1_000;
  while (cache.expire());
  t.equal(cache.stats().entryCount, 2_000);
  for (const { id } of late) if ((await cache.get(id)) === undefined) t.fail('lost one');
  const { heldBytes, usedBytes } = cache.stats();
  t.ok(full.heldBytes / full.entryCount < 200, `${full.heldBytes / full.entryCount} bytes each`);
  // Two segments that are not full, and an index of at most 43 bytes for each session.
  t.ok(heldBytes < usedBytes + 2 * 256 * 1024 + 2_000 * 43, `${heldBytes} for ${usedBytes}`);
  await cache.close();
});

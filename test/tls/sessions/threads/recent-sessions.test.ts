import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { RecentSessions } from '../../../../tls/sessions/threads/recent-sessions.ts';
import { SessionLife } from '../../../../tls/sessions/session-cache.ts';
import { makeSession } from '../../../fixtures/session-cache-contract.ts';

const lifetimeMs = 60_000;
const nowMs = 1_000_000;
const expiresAt = nowMs + lifetimeMs;

function makeTable(maxBytes = 1024 * 1024) {
  const memory = RecentSessions.allocate({ maxBytes, sessionBytes: 228, lifetimeMs });
  return { memory, table: new RecentSessions(memory), bytes: new Uint8Array(memory.buffer) };
}

/** Sessions that lie in one set of any table: their ids begin alike. */
function makeNeighbours(count: number) {
  return Array.from({ length: count }, () => {
    const { id, session } = makeSession({ isIdInside: false });
    id.fill(7, 0, 4);
    return { id, session };
  });
}

await t.test('gives back what was put, in each thread a copy', async (t) => {
  const { memory, table } = makeTable();
  const other = new RecentSessions(memory);
  const { id, session } = makeSession();
  const wanted = session.slice();
  t.equal(table.put(id, session, expiresAt, nowMs), true);
  session.fill(0);
  t.same(other.get(id, nowMs), wanted);
  other.get(id, nowMs)!.fill(0);
  t.same(table.get(id, nowMs), wanted);
  t.equal(table.get(makeSession().id, nowMs), undefined);
  t.equal(table.get(id.subarray(1), nowMs), undefined);
});

await t.test('stays within its bound', async (t) => {
  for (const maxBytes of [1, 4096, 100_000, 4 * 1024 * 1024]) {
    const { memory, table } = makeTable(maxBytes);
    t.ok(memory.setCount === 1 || memory.buffer.byteLength <= maxBytes);
    t.ok(memory.setCount === 1 || memory.buffer.byteLength > maxBytes / 2);
    const sessions = Array.from({ length: 1_000 }, () => makeSession());
    for (const { id, session } of sessions) table.put(id, session, expiresAt, nowMs);
    const { id, session } = sessions.at(-1)!;
    t.same(table.get(id, nowMs), session);
  }
});

await t.test('the oldest of a set gives way', async (t) => {
  const { table } = makeTable();
  const sessions = makeNeighbours(6);
  for (const [index, { id, session }] of sessions.entries()) {
    table.put(id, session, expiresAt - 1_000 + index, nowMs);
  }
  t.same(
    sessions.map(({ id }) => table.get(id, nowMs) !== undefined),
    [false, false, true, true, true, true],
  );
  table.delete(sessions[4]!.id);
  const [one, two] = makeNeighbours(2);
  table.put(one!.id, one!.session, expiresAt, nowMs);
  t.ok(table.get(sessions[2]!.id, nowMs), 'not where there is a free slot');
  table.put(two!.id, two!.session, expiresAt, nowMs);
  t.equal(table.get(sessions[2]!.id, nowMs), undefined);
});

await t.test('a session that takes the place of another under its id', async (t) => {
  const { table } = makeTable();
  const { id, session } = makeSession();
  table.put(id, session, expiresAt, nowMs);
  const successor = new Uint8Array(randomBytes(50));
  t.equal(table.put(id, successor, expiresAt, nowMs), true);
  t.same(table.get(id, nowMs), successor);
  t.equal(table.put(id, new Uint8Array(229), expiresAt, nowMs), false, 'too long for a slot');
  t.equal(table.get(id, nowMs), undefined, 'and what was there before is gone');
});

await t.test('finds nothing from its last instant on, however long it was to live', async (t) => {
  const { table, bytes } = makeTable();
  const { id, session } = makeSession();
  table.put(id, session, Infinity, nowMs);
  t.same(table.get(id, expiresAt - 1), session);
  t.equal(table.get(id, expiresAt), undefined);
  t.ok(
    bytes.every((byte) => byte === 0),
    'its bytes are overwritten at once',
  );
  table.put(id, session, expiresAt, nowMs);
  t.equal(table.get(id, nowMs - 3_600_000), undefined, 'nor where the clock was set back');
  t.equal(table.put(id, session, nowMs, nowMs), false, 'one that is over already');
});

await t.test('nothing is left of sessions that have gone', async (t) => {
  const { table, bytes } = makeTable();
  const sessions = Array.from({ length: 200 }, () => makeSession());
  const fill = () => {
    for (const [index, { id, session }] of sessions.entries()) {
      table.put(id, session, expiresAt - 1_000 + index, nowMs);
    }
  };
  fill();
  for (const { id } of sessions) table.delete(id);
  t.ok(
    bytes.every((byte) => byte === 0),
    'after delete',
  );
  fill();
  table.clear();
  t.ok(
    bytes.every((byte) => byte === 0),
    'after clear',
  );
  fill();
  t.equal(table.expire(nowMs), expiresAt - 1_000, 'when the next one expires');
  t.equal(table.expire(expiresAt - 900), expiresAt - 899);
  t.equal(sessions.filter(({ id }) => table.get(id, nowMs) !== undefined).length, 99);
  t.equal(table.expire(expiresAt), undefined);
  t.ok(
    bytes.every((byte) => byte === 0),
    'after expire',
  );
});

/** Looks up a session, and does something while it has the lock. */
function whileHeld(table: RecentSessions, id: Uint8Array, act: () => void): void {
  const { isOver } = SessionLife.prototype;
  let hasActed = false;
  SessionLife.prototype.isOver = function (...given) {
    if (!hasActed) {
      hasActed = true;
      act();
    }
    return isOver.apply(this, given);
  };
  try {
    table.get(id, nowMs);
  } finally {
    SessionLife.prototype.isOver = isOver;
  }
}

await t.test('what goes while its lock is held is gone when it is given back', async (t) => {
  const { memory, table, bytes } = makeTable(4096);
  const reader = new RecentSessions(memory);
  const [kept, gone] = makeNeighbours(2);
  const acts: Record<string, () => void> = {
    delete: () => table.delete(gone!.id),
    clear: () => table.clear(),
    put: () => t.equal(table.put(gone!.id, gone!.session, expiresAt, nowMs), false),
    expire: () => table.expire(expiresAt),
  };
  for (const [name, act] of Object.entries(acts)) {
    for (const { id, session } of [kept!, gone!]) table.put(id, session, expiresAt, nowMs);
    whileHeld(reader, kept!.id, act);
    t.ok(
      bytes.every((byte) => byte === 0),
      name,
    );
    t.equal(table.put(gone!.id, gone!.session, expiresAt, nowMs), true, 'and the set is as new');
    t.same(reader.get(gone!.id, nowMs), gone!.session);
  }
});

await t.test('a thread that died with a lock holds up nobody', async (t) => {
  const { memory, table } = makeTable(4096);
  const { id, session } = makeSession();
  table.put(id, session, expiresAt, nowMs);
  // The locks come after times and lengths.
  const locks = new Int32Array(memory.buffer, memory.setCount * 4 * 12, memory.setCount);
  const set = id[0]! & (memory.setCount - 1);
  locks[set] = 1;
  t.equal(table.get(id, nowMs), undefined);
  t.equal(table.put(id, session, expiresAt, nowMs), false);
  table.delete(id);
  table.clear();
  t.equal(table.expire(nowMs), undefined, 'nor is it looked at again and again');
  t.equal(table.get(id, nowMs), undefined);
  const others = Array.from({ length: 50 }, () => makeSession());
  const other = others.find(({ id }) => (id[0]! & (memory.setCount - 1)) !== set)!;
  t.equal(table.put(other.id, other.session, expiresAt, nowMs), true);
  t.same(table.get(other.id, nowMs), other.session);
});

await t.test('threads that write and read at once see whole sessions', async (t) => {
  // Few slots and many threads, so that they meet.
  const { memory } = makeTable(4096);
  const threads = Array.from(
    { length: 4 },
    (_, seed) =>
      new Worker(new URL('../../../fixtures/recent-sessions-thread.ts', import.meta.url), {
        workerData: { memory, seed },
      }),
  );
  const results = await Promise.all(
    threads.map(async (thread) => {
      const [result] = await once(thread, 'message');
      return result as { found: number; torn: number };
    }),
  );
  for (const { found, torn } of results) {
    t.ok(found > 100, `${found} found`);
    t.equal(torn, 0);
  }
});

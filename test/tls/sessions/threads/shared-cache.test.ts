import { setImmediate as nextTurn } from 'node:timers/promises';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import t, { type Test } from 'tap';
import {
  type Clock,
  makeSentCalls,
  RemoteSessionCache,
  SegmentSessionCache,
  serveSessionCache,
  SharedSessionCache,
  type SessionCacheStats,
} from '../../../../tls/index.ts';
import { cacheLimits, sharedLimits } from '../../../../tls/limits.ts';
import {
  ByteQueue,
  encodeChange,
  SharedCacheState,
  type SharedSessionMemory,
} from '../../../../tls/sessions/threads/change-queue.ts';
import { RecentSessions } from '../../../../tls/sessions/threads/recent-sessions.ts';
import {
  contractLifetimeMs as lifetimeMs,
  makeSession,
  TestClock,
  testSessionCacheContract,
} from '../../../fixtures/session-cache-contract.ts';
import { until } from '../../../fixtures/until.ts';

const maxBytes = 8 * 1024 * 1024;

/** A thread's end, with what it has sent to the owner and the memory it shares with it. */
interface ThreadEnd {
  readonly cache: RemoteSessionCache;
  readonly sent: unknown[][];
  readonly memory: SharedSessionMemory;
  readonly port: MessagePort;
}

/** A thread's end, in this thread: the memory and the messages are the same. */
async function attach(owner: SharedSessionCache, clock: Clock): Promise<ThreadEnd> {
  const { port1, port2 } = new MessageChannel();
  const sent: unknown[][] = [];
  let memory: SharedSessionMemory | undefined;
  port1.once('message', (message: SharedSessionMemory) => {
    memory = message;
  });
  port2.on('message', (message: unknown[]) => {
    if (Array.isArray(message)) sent.push(message);
  });
  serveSessionCache(owner, port2);
  const cache = new RemoteSessionCache(port1, clock);
  await until(() => memory !== undefined);
  return { cache, sent, memory: memory!, port: port1 };
}

async function makeScene(t: Test, threadCount = 2) {
  const clock = new TestClock();
  const owner = new SharedSessionCache({ maxBytes, lifetimeMs, clock: clock.read });
  const ends: ThreadEnd[] = [];
  while (ends.length < threadCount) ends.push(await attach(owner, clock.read));
  t.teardown(async () => {
    for (const { cache } of ends) await cache.close();
    await owner.close();
  });
  const [first, second] = ends.map(({ cache }) => cache);
  const inLifetime = () => ({ expiresAt: clock.nowMs + lifetimeMs });
  return { clock, owner, ends, first: first!, second: second!, inLifetime };
}

/** The statistics of an owner that has not been asked, and so has not read its queues. */
function statsUnasked(owner: SharedSessionCache): SessionCacheStats {
  return SegmentSessionCache.prototype.stats.call(owner);
}

function bytesOf({ recent, queue }: SharedSessionMemory): Uint8Array {
  // But for the positions of the queue.
  return Buffer.concat([new Uint8Array(recent.buffer), new Uint8Array(queue, 8)]);
}

/** A thread's end that closes the owner's end too, and returns its statistics. */
class WholeSharedCache extends RemoteSessionCache {
  readonly #owner: SharedSessionCache;

  constructor(port: MessagePort, owner: SharedSessionCache, clock: Clock) {
    super(port, clock);
    this.#owner = owner;
  }

  override stats(): SessionCacheStats {
    return this.#owner.stats();
  }

  // The clock of the contract goes on only after a call: the owner has read by then.
  override async put(...given: Parameters<RemoteSessionCache['put']>): Promise<void> {
    await super.put(...given);
    this.#owner.applyChanges();
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#owner.close();
  }
}

void t.test('keeps the contract, from a thread', async (t) => {
  testSessionCacheContract(t, {
    makeCache: async (clock) => {
      const { port1, port2 } = new MessageChannel();
      const owner = new SharedSessionCache({ maxBytes, lifetimeMs, clock });
      let isAttached = false;
      port1.once('message', () => {
        isAttached = true;
      });
      serveSessionCache(owner, port2);
      const cache = new WholeSharedCache(port1, owner, clock);
      while (!isAttached) await nextTurn();
      return cache;
    },
  });
});

void t.test('keeps the contract, in the owner', async (t) => {
  testSessionCacheContract(t, {
    makeCache: (clock) => new SharedSessionCache({ maxBytes, lifetimeMs, clock }),
  });
});

void t.test('what one thread stores another finds, and nobody is asked', async (t) => {
  const { ends, first, second, owner, inLifetime } = await makeScene(t);
  const { id, session } = makeSession();
  const stored = first.put(id, session, inLifetime());
  const found = second.get(id);
  const promoted = first.promote([id], 'alice');
  await stored;
  t.same(await found, session);
  await promoted;
  t.equal(statsUnasked(owner).entryCount, 0);
  t.same(
    ends.map(({ sent }) => sent),
    [[], []],
  );
  t.match(owner.stats(), { entryCount: 1, lookups: { hit: 1, unknown: 0 } });
  t.equal(await owner.purge({ account: 'alice' }), 1, 'the owner knows whose it is');
});

void t.test('the owner is told of everything after a moment, in one message', async (t) => {
  const { ends, first, owner, inLifetime } = await makeScene(t);
  const sessions = Array.from({ length: 50 }, () => makeSession());
  for (const { id, session } of sessions) await first.put(id, session, inLifetime());
  await until(() => statsUnasked(owner).entryCount === 50);
  t.same(ends[0]!.sent, [[]]);
});

void t.test('and at the end of a thread, also of one that says nothing more', async (t) => {
  for (const end of ['close', 'die'] as const) {
    const { ends, first, second, owner, inLifetime } = await makeScene(t);
    const { id, session } = makeSession();
    await second.put(id, session, inLifetime());
    await first.get(id);
    await first.put(makeSession().id, session, inLifetime());
    if (end === 'close') await first.close();
    else ends[0]!.port.close();
    await until(() => statsUnasked(owner).entryCount === 2);
    t.equal(owner.stats().lookups.hit, 1, 'its lookups still count');
  }
});

void t.test('a session that fits no slot is found by asking', async (t) => {
  const { ends, first, second, inLifetime } = await makeScene(t);
  const { id, session } = makeSession({ length: 700 });
  await first.put(id, session, inLifetime());
  t.same(await second.get(id), session);
  t.equal(ends[1]!.sent.length, 1);
  await second.delete(id);
  t.equal(await first.get(id), undefined);
});

void t.test('older sessions than the table has room for are found by asking', async (t) => {
  const { ends, first, second, owner, inLifetime } = await makeScene(t);
  const sessions = Array.from({ length: 5_000 }, () => makeSession());
  const put = async ({ id, session }: (typeof sessions)[number]) =>
    first.put(id, session, { ...inLifetime(), account: 'alice' });
  await Promise.all(sessions.map(put));
  const found = await Promise.all(sessions.map(async ({ id }) => second.get(id)));
  t.same(
    found,
    sessions.map(({ session }) => session),
  );
  const { recent, tableCounts } = ends[1]!.memory;
  t.ok(tableCounts[0]! > 2 * recent.setCount, `${tableCounts[0]} without asking`);
  t.ok(tableCounts[0]! <= 4 * recent.setCount, `${tableCounts[0]} without asking`);
  t.equal(owner.stats().entryCount, 5_000);
});

void t.test('a queue that is full loses nothing', async (t) => {
  const { first, second, owner, inLifetime } = await makeScene(t);
  const sessions = Array.from({ length: 3_000 }, () => makeSession());
  // In one turn of the event loop, so that nobody reads meanwhile.
  const calls = sessions.flatMap(({ id, session }) => [
    first.put(id, session, inLifetime()),
    first.promote([id], 'alice'),
  ]);
  t.ok(3_000 * 130 > sharedLimits.queueBytes);
  for (const call of calls) await call;
  t.equal(owner.stats().entryCount, 3_000);
  t.equal(
    await owner.purge({ account: 'alice' }),
    3_000,
    'nor does a promotion overtake its session',
  );
  const found = await Promise.all(sessions.map(async ({ id }) => second.get(id)));
  t.same(new Set(found), new Set([undefined]));
});

void t.test('nor does a deletion overtake its session there', async (t) => {
  const { ends, first, second, owner, inLifetime } = await makeScene(t);
  const sessions = Array.from({ length: 3_000 }, () => makeSession());
  const calls = sessions.flatMap(({ id, session }) => [
    first.put(id, session, inLifetime()),
    first.delete(id, 'superseded'),
  ]);
  for (const call of calls) await call;
  const found = await Promise.all(sessions.map(async ({ id }) => second.get(id)));
  t.same(new Set(found), new Set([undefined]));
  t.match(owner.stats(), { entryCount: 0, removed: { superseded: 3_000 } });
  // Once the queue has been read, changes are written into it again.
  const { id, session } = makeSession();
  ends[0]!.sent.length = 0;
  await first.put(id, session, inLifetime());
  t.same(await second.get(id), session);
  t.same(ends[0]!.sent, []);
});

void t.test('a queue that is half full is read at once', async (t) => {
  const { ends, first, inLifetime } = await makeScene(t);
  const queue = new ByteQueue(ends[0]!.memory.queue);
  const sessions = Array.from({ length: 3 }, () => makeSession({ length: 60_000 }));
  const stored = sessions.map(async ({ id, session }) => first.put(id, session, inLifetime()));
  await Promise.all(stored);
  t.ok(queue.waitingBytes > sharedLimits.queueBytes / 2);
  // Before its moment has passed.
  await nextTurn();
  await nextTurn();
  t.same(ends[0]!.sent, [[]]);
  t.equal(queue.waitingBytes, 0);
});

void t.test('what the owner stores is what threads find', async (t) => {
  const { first, owner, inLifetime } = await makeScene(t);
  const { id, session } = makeSession();
  await first.put(id, session, inLifetime());
  const other = makeSession().session;
  await owner.put(id, other, inLifetime());
  t.same(await first.get(id), other);
});

void t.test('a change whose predecessor may not be there yet waits for it', async (t) => {
  const { first, second, owner, inLifetime } = await makeScene(t);
  const { id, session } = makeSession();
  // The owner looks at the queue of the first thread, then both write, then it looks at that of the second.
  let hasWritten = false;
  const waitingBytes = Object.getOwnPropertyDescriptor(ByteQueue.prototype, 'waitingBytes')!;
  Object.defineProperty(ByteQueue.prototype, 'waitingBytes', {
    ...waitingBytes,
    get(this: ByteQueue) {
      const bytes = waitingBytes.get!.call(this) as number;
      if (!hasWritten) {
        hasWritten = true;
        void first.put(id, session, inLifetime());
        void second.delete(id);
      }
      return bytes;
    },
  });
  t.teardown(() => Object.defineProperty(ByteQueue.prototype, 'waitingBytes', waitingBytes));
  owner.applyChanges();
  t.ok(hasWritten);
  t.equal(await owner.get(id), undefined, 'the deletion came later');
});

void t.test('nobody finds anything once it is closed, and nothing is left', async (t) => {
  const { ends, first, second, owner, inLifetime } = await makeScene(t);
  const { id, session } = makeSession();
  await first.put(id, session, inLifetime());
  await second.get(id);
  await owner.close();
  t.equal(await second.get(id), undefined);
  await first.put(id, session, inLifetime());
  t.equal(await second.get(id), undefined);
  t.equal(owner.stats().lookups.hit, 1);
  // As a thread that was just writing.
  const change = { kind: 'put', id, session, options: inLifetime() } as const;
  new ByteQueue(ends[0]!.memory.queue).write(encodeChange({ number: 9, change }));
  await first.close();
  for (const { memory } of ends) {
    await until(() => bytesOf(memory).every((byte) => byte === 0));
  }
});

void t.test("a thread's end has the statistics of what it has done", async (t) => {
  const { first, inLifetime } = await makeScene(t);
  const { id, session } = makeSession();
  await first.put(id, session, inLifetime());
  await first.get(id);
  await until(() => first.stats().entryCount === 1);
  t.match(first.stats(), { lookups: { hit: 1 } });
});

void t.test('takes sessions as large as the cache behind it would by itself', async (t) => {
  const clock = new TestClock();
  for (const maxBytes of [256 * 1024, 1024 * 1024]) {
    const options = { maxBytes, lifetimeMs, clock: clock.read };
    for (const cache of [new SegmentSessionCache(options), new SharedSessionCache(options)]) {
      const { id, session } = makeSession({ length: maxBytes / 64 - 100 });
      await cache.put(id, session, { expiresAt: Infinity });
      t.same(await cache.get(id), session);
      await cache.close();
    }
  }
  for (const recentSessionBytes of [0, 1.5, 100_000]) {
    const options = { maxBytes, lifetimeMs, recentSessionBytes };
    t.throws(() => new SharedSessionCache(options), { name: 'RangeError' });
  }
});

void t.test('what threads write counts in the order of writing', async (t) => {
  const { first, second, owner, inLifetime } = await makeScene(t);
  for (let round = 0; round < 20; round++) {
    const { id, session } = makeSession();
    const writers = round % 2 === 0 ? [first, second] : [second, first];
    await writers[0]!.put(id, session, inLifetime());
    await writers[1]!.delete(id);
    t.equal(await owner.get(id), undefined, 'what came before is deleted');
    await writers[1]!.put(id, session, inLifetime());
    t.same(await owner.get(id), session, 'what comes after is not');
  }
});

void t.test('of two threads that take only one gets the session', async (t) => {
  const { first, second, owner, inLifetime } = await makeScene(t);
  for (let round = 0; round < 50; round++) {
    const { id, session } = makeSession();
    await first.put(id, session, inLifetime());
    const taken = await Promise.all([second.take(id), first.take(id)]);
    t.equal(taken.filter((session) => session !== undefined).length, 1);
    t.equal(await first.get(id), undefined);
    t.equal(await second.get(id), undefined);
  }
  t.match(owner.stats(), { entryCount: 0, removed: { taken: 50 } });
});

void t.test('nobody finds what is purged, told to the owner or not', async (t) => {
  for (const whose of ['all', { account: 'alice' }, { certificate: 'ab'.repeat(32) }] as const) {
    const { ends, first, second, owner, inLifetime } = await makeScene(t);
    const { id, session } = makeSession();
    await first.put(id, session, { ...inLifetime(), certificate: 'ab'.repeat(32) });
    await first.promote([id], 'alice');
    t.equal(await owner.purge(whose), 1);
    t.equal(await first.get(id), undefined);
    t.equal(await second.get(id), undefined);
    const { memory } = ends[0]!;
    t.ok(
      bytesOf(memory).every((byte) => byte === 0),
      'and nothing is left of it',
    );
  }
});

void t.test('what has expired is overwritten, be there traffic or not', async (t) => {
  const { clock, ends, first, second, owner, inLifetime } = await makeScene(t);
  const sessions = Array.from({ length: 100 }, () => makeSession());
  for (const { id, session } of sessions) await first.put(id, session, inLifetime());
  await until(() => statsUnasked(owner).entryCount === 100);
  t.notOk(bytesOf(ends[0]!.memory).every((byte) => byte === 0));
  clock.nowMs += lifetimeMs;
  t.equal(await second.get(sessions[0]!.id), undefined);
  await until(() => bytesOf(ends[0]!.memory).every((byte) => byte === 0));
  while (owner.expire());
  t.match(statsUnasked(owner), { entryCount: 0, heldBytes: 0 });
});

void t.test('nor is what comes while the table is looked through forgotten', async (t) => {
  const clock = new TestClock();
  // A table of eight steps.
  const options = { maxBytes: 64 * 1024 * 1024, lifetimeMs, clock: clock.read };
  const owner = new SharedSessionCache(options);
  const end = await attach(owner, clock.read);
  const { expire } = RecentSessions.prototype;
  let steps = 0;
  const limits: { longestWaitMs: number } = cacheLimits;
  const { longestWaitMs } = limits;
  limits.longestWaitMs = 200;
  t.teardown(async () => {
    limits.longestWaitMs = longestWaitMs;
    RecentSessions.prototype.expire = expire;
    await end.cache.close();
    await owner.close();
  });
  const { id, session } = makeSession();
  // In the first set, which the first step has passed.
  id.fill(0, 0, 4);
  RecentSessions.prototype.expire = function (...given) {
    const next = expire.apply(this, given);
    if (++steps === 3) {
      void end.cache.put(id, session, { expiresAt: clock.nowMs + lifetimeMs });
      owner.applyChanges();
      clock.nowMs += lifetimeMs;
    }
    return next;
  };
  await end.cache.delete(makeSession().id);
  await until(() => steps >= 3);
  await until(() => bytesOf(end.memory).every((byte) => byte === 0));
  t.ok(steps > 8, `${steps} steps`);
});

void t.test('what is written while the owner reads is read too', async (t) => {
  const { ends, first, owner, inLifetime } = await makeScene(t);
  const { read } = ByteQueue.prototype;
  t.teardown(() => {
    ByteQueue.prototype.read = read;
  });
  const last = makeSession();
  let hasWritten = false;
  // A thread writes when the owner has begun to read a queue that is more than half full.
  ByteQueue.prototype.read = function () {
    if (!hasWritten) {
      hasWritten = true;
      void first.put(last.id, last.session, inLifetime());
    }
    return read.call(this);
  };
  const large = Array.from({ length: 3 }, () => makeSession({ length: 60_000 }));
  await Promise.all(large.map(async ({ id, session }) => first.put(id, session, inLifetime())));
  await until(() => statsUnasked(owner).entryCount === 4);
  t.ok(ends[0]!.sent.length >= 1);
});

void t.test('holds no more than its bound, the table included', async (t) => {
  const clock = new TestClock();
  const small = 256 * 1024;
  const owner = new SharedSessionCache({ maxBytes: small, lifetimeMs, clock: clock.read });
  const thread = owner.attach();
  for (let count = 0; count < 5_000; count++) {
    const { id, session } = makeSession();
    await owner.put(id, session, { expiresAt: Infinity, account: 'alice' });
  }
  const { heldBytes } = owner.stats();
  const tableBytes = thread.memory.recent.buffer.byteLength;
  t.ok(tableBytes > 4096);
  t.ok(heldBytes + tableBytes <= small, `${heldBytes} and ${tableBytes}`);
  await owner.close();
});

void t.test('what goes wrong where nobody waits is told', async (t) => {
  const errors: unknown[] = [];
  const clock = new TestClock();
  let hasRoom = true;
  const owner = new SharedSessionCache({
    maxBytes,
    lifetimeMs,
    clock: clock.read,
    onError: (error) => errors.push(error),
    memory: {
      allocate: (byteLength) => {
        if (!hasRoom) throw new RangeError('Array buffer allocation failed');
        return new ArrayBuffer(byteLength);
      },
      release: () => undefined,
    },
  });
  const { cache } = await attach(owner, clock.read);
  hasRoom = false;
  const { id, session } = makeSession();
  await cache.put(id, session, { expiresAt: clock.nowMs + lifetimeMs });
  await until(() => errors.length > 0);
  t.match(errors, [{ message: 'Array buffer allocation failed' }]);
  await cache.close();
});

await t.test(
  'a purge clears the table in steps, and nobody finds anything in it meanwhile',
  async (t) => {
    const clock = new TestClock();
    const options = { maxBytes: 64 * 1024 * 1024, lifetimeMs, clock: clock.read };
    const owner = new SharedSessionCache(options);
    const end = await attach(owner, clock.read);
    const sessions = Array.from({ length: 2_000 }, () => makeSession());
    for (const { id, session } of sessions) {
      await end.cache.put(id, session, { expiresAt: Infinity, account: 'alice' });
      owner.applyChanges();
    }
    const { setCount } = end.memory.recent;
    t.ok(setCount > 4 * sharedLimits.setsPerStep, `${setCount} sets`);
    const recent = new RecentSessions(end.memory.recent);
    const inTable = () => sessions.filter(({ id }) => recent.get(id, clock.nowMs)).length;
    const before = inTable();
    let isOver = false;
    const purged = owner.purge({ account: 'alice' }).finally(() => (isOver = true));
    const counts: number[] = [];
    while (!isOver) {
      counts.push(inTable());
      const found = await Promise.all(sessions.slice(-5).map(async ({ id }) => end.cache.get(id)));
      t.same(new Set(found), new Set([undefined]));
      await nextTurn();
    }
    t.equal(await purged, sessions.length);
    t.ok(before > 1_900 && counts[0]! > before / 2, `${before}, then ${counts.join(', ')}`);
    t.equal(inTable(), 0);
    const late = makeSession();
    await end.cache.put(late.id, late.session, { expiresAt: Infinity });
    const { hit } = owner.stats().lookups;
    t.same(await end.cache.get(late.id), late.session);
    t.equal(end.memory.tableCounts[0], 1, 'and the table is in use again');
    t.equal(owner.stats().lookups.hit, hit + 1);
    await end.cache.close();
    await owner.close();
  },
);

await t.test('what a thread had begun to tell before a purge goes with it', async (t) => {
  const { owner, ends, inLifetime } = await makeScene(t);
  const { memory } = ends[0]!;
  const state = new SharedCacheState(memory.state);
  const queue = new ByteQueue(memory.queue);
  const [ofAlice, ofBob, promoted] = [makeSession(), makeSession(), makeSession()];
  await owner.put(promoted.id, promoted.session, inLifetime());
  const put = ({ id, session }: typeof ofAlice, account: string) => ({
    kind: 'put' as const,
    id,
    session,
    options: { ...inLifetime(), account },
  });
  const changes = [
    put(ofAlice, 'alice'),
    put(ofBob, 'bob'),
    { kind: 'promote' as const, ids: [promoted.id], account: 'alice' },
  ].map((change) => ({ number: state.takeNumber(), change }));
  await owner.purge({ account: 'alice' });
  for (const change of changes) queue.write(encodeChange(change));
  t.equal(await owner.get(ofAlice.id), undefined);
  t.equal(await owner.get(promoted.id), undefined);
  t.same(await owner.get(ofBob.id), ofBob.session);
  const later = { number: state.takeNumber(), change: put(ofAlice, 'alice') };
  queue.write(encodeChange(later));
  t.same(await owner.get(ofAlice.id), ofAlice.session, 'a later one is kept');
});

await t.test('a purge reaches what went as a message and was not read yet', async (t) => {
  const clock = new TestClock();
  const owner = new SegmentSessionCache({ maxBytes, lifetimeMs, clock: clock.read });
  const { port1, port2 } = new MessageChannel();
  serveSessionCache(owner, port2);
  const end = new RemoteSessionCache(port1, clock.read);
  const { id, session } = makeSession();
  const told = [end.put(id, session, { expiresAt: Infinity }), end.promote([id], 'alice')];
  makeSentCalls(owner);
  t.equal(await owner.purge({ account: 'alice' }), 1);
  for (const call of told) await call;
  t.equal(await owner.get(id), undefined);
  await end.close();
  await owner.close();
});

await t.test('sessions that are too large for the table are counted', async (t) => {
  const { owner, ends, first, second, inLifetime } = await makeScene(t);
  const { sessionBytes } = ends[0]!.memory.recent;
  const [fits, tooLarge] = [
    makeSession({ length: sessionBytes }),
    makeSession({ length: sessionBytes + 1 }),
  ];
  for (const { id, session } of [fits, tooLarge]) await first.put(id, session, inLifetime());
  for (const { id, session } of [fits, tooLarge]) t.same(await second.get(id), session);
  t.same(owner.stats().table, { hit: 1, tooLarge: 1 });
  const gone = owner.attach();
  gone.memory.tableCounts.set([10, 20]);
  gone.detach();
  t.same(owner.stats().table, { hit: 11, tooLarge: 21 }, 'also those of a thread that is gone');
});

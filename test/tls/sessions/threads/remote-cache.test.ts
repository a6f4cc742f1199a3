import { once } from 'node:events';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import t from 'tap';
import { remoteLimits } from '../../../../tls/limits.ts';
import {
  NullSessionCache,
  RemoteSessionCache,
  SegmentSessionCache,
  serveSessionCache,
  type SessionCache,
} from '../../../../tls/index.ts';
import {
  contractLifetimeMs,
  makeSession,
  testSessionCacheContract,
} from '../../../fixtures/session-cache-contract.ts';
import { until } from '../../../fixtures/until.ts';

const cacheOptions = { maxBytes: 8 * 1024 * 1024, lifetimeMs: contractLifetimeMs };

/** Closes the cache behind it too, so that the test leaves no timer. */
class WholeRemoteSessionCache extends RemoteSessionCache {
  readonly #behind: SessionCache;

  constructor(port: MessagePort, behind: SessionCache) {
    super(port);
    this.#behind = behind;
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#behind.close();
  }
}

function connect(behind: SessionCache): { cache: RemoteSessionCache; serverPort: MessagePort } {
  const { port1, port2 } = new MessageChannel();
  serveSessionCache(behind, port2);
  return { cache: new WholeRemoteSessionCache(port1, behind), serverPort: port2 };
}

const inLifetime = () => ({ expiresAt: Date.now() + contractLifetimeMs / 2 });

void t.test('keeps the contract, with a segment cache at the other end', async (t) => {
  testSessionCacheContract(t, {
    makeCache: (clock) => connect(new SegmentSessionCache({ ...cacheOptions, clock })).cache,
  });
});

void t.test('a cache in another thread answers', async (t) => {
  const { port1, port2 } = new MessageChannel();
  const owner = new Worker(new URL('../../../fixtures/session-cache-thread.ts', import.meta.url), {
    workerData: { port: port2 },
    transferList: [port2],
  });
  t.teardown(() => owner.terminate());
  const cache = new RemoteSessionCache(port1);
  const { id, session } = makeSession();
  await cache.put(id, session, inLifetime());
  t.same(await cache.get(id), session);
  t.equal(cache.stats().entryCount, 1);
  await cache.close();
});

void t.test('answers find nothing when the other end dies, also those under way', async (t) => {
  const { port1, port2 } = new MessageChannel();
  const owner = new Worker(new URL('../../../fixtures/session-cache-thread.ts', import.meta.url), {
    workerData: { port: port2 },
    transferList: [port2],
  });
  const cache = new RemoteSessionCache(port1);
  const { id, session } = makeSession();
  await cache.put(id, session, inLifetime());
  t.same(await cache.get(id), session);
  const lookups = [cache.get(id), cache.take(id)];
  await owner.terminate();
  for (const lookup of lookups) await lookup;
  t.equal(await cache.get(id), undefined);
  t.equal(await cache.take(id), undefined);
  await cache.put(id, session, inLifetime());
  await cache.promote([id], 'alice');
  t.equal(await cache.purge('all'), 0);
  t.equal(cache.stats().entryCount, 0);
});

void t.test('a call that is under way when the other end dies is settled', async (t) => {
  const behind = new StalledSessionCache();
  const { cache, serverPort } = connect(behind);
  const lookup = cache.get(makeSession().id);
  const put = cache.put(makeSession().id, makeSession().session, inLifetime());
  await until(() => behind.callCount === 2);
  serverPort.close();
  t.equal(await lookup, undefined);
  await put;
  await cache.close();
});

void t.test('several threads share a cache, and one that leaves takes nothing along', async (t) => {
  const behind = new SegmentSessionCache(cacheOptions);
  const one = new MessageChannel();
  const two = new MessageChannel();
  serveSessionCache(behind, one.port2);
  serveSessionCache(behind, two.port2);
  const first = new RemoteSessionCache(one.port1);
  const second = new RemoteSessionCache(two.port1);
  const { id, session } = makeSession();
  await first.put(id, session, inLifetime());
  await first.close();
  t.equal(await first.get(id), undefined);
  t.equal(first.stats().entryCount, 0);
  t.same(await second.take(id), session);
  await second.close();
  await behind.close();
});

void t.test('a session that was sent before a lookup is found', async (t) => {
  const caches = {
    'at once': new SegmentSessionCache(cacheOptions),
    'by a cache that takes its time': new SlowSessionCache(cacheOptions),
  };
  for (const [name, behind] of Object.entries(caches)) {
    const one = new MessageChannel();
    const two = new MessageChannel();
    serveSessionCache(behind, one.port2);
    const first = new RemoteSessionCache(one.port1);
    const { id, session } = makeSession();
    let put: unknown;
    // However late its port is read: it has been looked at when this one is.
    two.port2.on('message', () => {
      put ??= first.put(id, session, inLifetime());
    });
    serveSessionCache(behind, two.port2);
    const second = new RemoteSessionCache(two.port1);
    t.same(await second.get(id), session, name);
    await put;
    t.match(behind.stats().lookups, { hit: 1, unknown: 0 });
    await first.close();
    await second.close();
    await behind.close();
  }
});

void t.test('what nobody waits for goes along with what somebody does', async (t) => {
  const { port1, port2 } = new MessageChannel();
  const asked: unknown[][] = [];
  const answered: unknown[][] = [];
  const behind = new SegmentSessionCache(cacheOptions);
  const cache = new WholeRemoteSessionCache(port1, behind);
  port2.on('message', (message) => {
    if (Array.isArray(message)) asked.push(message);
  });
  port1.on('message', (message: unknown[]) => answered.push(message));
  serveSessionCache(behind, port2);
  const { id, session } = makeSession();
  const calls = [
    cache.delete(makeSession().id, 'superseded'),
    cache.put(id, session, inLifetime()),
  ];
  t.same(await cache.get(id), session);
  for (const call of calls) await call;
  t.same(
    asked.map((calls) => calls.map((call) => (call as string[])[1])),
    [['delete', 'put'], ['get']],
  );
  t.same(
    answered.map((answers) => answers.length),
    [3],
  );
  await cache.delete(id);
  t.equal(behind.stats().entryCount, 0, 'or goes alone after a moment');
  const { id: another } = makeSession();
  await cache.put(another, session, inLifetime());
  void cache.delete(another);
  await cache.close();
  // At the latest at the end.
  await until(() => asked.length === 5);
});

void t.test('what the cache rejects with comes through', async (t) => {
  const { cache } = connect(new BrokenSessionCache());
  await t.rejects(async () => cache.get(makeSession().id), { message: 'The disk is on fire' });
  await t.rejects(async () => cache.take(makeSession().id), { message: 'The disk is on fire' });
  t.equal(await cache.purge('all'), 0);
  await cache.close();
});

void t.test('a cache that has stopped answering is not asked without end', async (t) => {
  const behind = new StalledSessionCache();
  const { cache } = connect(behind);
  const lookups = Array.from({ length: remoteLimits.pendingCalls }, async () =>
    cache.get(makeSession().id),
  );
  t.equal(await cache.get(makeSession().id), undefined);
  await cache.put(makeSession().id, makeSession().session, inLifetime());
  await cache.delete(makeSession().id);
  await until(() => behind.callCount === remoteLimits.pendingCalls);
  // A login is told all the same: else a purge would not find the session, were it stored before.
  const loginCount = remoteLimits.pendingCallsWithLogins - remoteLimits.pendingCalls;
  const logins = Array.from({ length: loginCount + 1 }, () =>
    cache.promote([makeSession().id], 'alice'),
  );
  await until(() => behind.callCount === remoteLimits.pendingCallsWithLogins);
  await cache.close();
  t.same(new Set(await Promise.all([...lookups, ...logins])), new Set([undefined]));
  t.equal(behind.callCount, remoteLimits.pendingCallsWithLogins);
});

void t.test('sends bytes of its own, and leaves no copy of a secret behind', async (t) => {
  const behind = new WatchedSessionCache();
  const { cache } = connect(behind);
  const { id, session } = makeSession();
  // As a parser has it: the id and the session lie in the midst of other bytes.
  const around = new Uint8Array(1024).fill(0xaa);
  around.set(id, 100);
  around.set(session, 200);
  await cache.put(
    around.subarray(100, 100 + id.length),
    around.subarray(200, 200 + session.length),
    inLifetime(),
  );
  t.same(behind.id, id);
  t.same(behind.session, session);
  t.equal(behind.given!.buffer.byteLength, session.length, 'only the session was sent');
  t.same(new Set(behind.given), new Set([0]), 'it is overwritten once it is stored');
  t.same(around.subarray(200, 200 + session.length), session, 'the caller still owns what it gave');

  behind.answer = around.subarray(200, 200 + session.length);
  const found = await cache.get(id);
  t.same(found, session);
  t.equal(found!.buffer.byteLength, session.length, 'only the session came back');
  t.same(new Set(behind.answer), new Set([0]), "the cache's copy is overwritten once it is sent");
  t.equal(around[300 + session.length], 0xaa);
  await cache.close();
});

void t.test('does not keep a process alive', async (t) => {
  const child = new Worker(
    `import { MessageChannel } from 'node:worker_threads';
     import { NullSessionCache, RemoteSessionCache, serveSessionCache } from ${JSON.stringify(
       new URL('../../../../tls/index.ts', import.meta.url).href,
     )};
     const { port1, port2 } = new MessageChannel();
     serveSessionCache(new NullSessionCache(), port2);
     await new RemoteSessionCache(port1).get(new Uint8Array(32));`,
    { eval: true, execArgv: ['--input-type=module'] },
  );
  const [code] = await once(child, 'exit');
  t.equal(code, 0);
});

/** As one that asks somebody else first. */
class SlowSessionCache extends SegmentSessionCache {
  override async put(...given: Parameters<SegmentSessionCache['put']>): Promise<void> {
    const [id, session, options] = given;
    const copy = session.slice();
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    await super.put(id, copy, options);
  }
}

class StalledSessionCache extends NullSessionCache {
  callCount = 0;

  override get(): Promise<undefined> {
    return this.#stall();
  }

  override put(): Promise<void> {
    return this.#stall();
  }

  override promote(): Promise<void> {
    return this.#stall();
  }

  override delete(): Promise<void> {
    return this.#stall();
  }

  #stall(): Promise<undefined> {
    this.callCount++;
    return new Promise(() => {});
  }
}

class BrokenSessionCache extends NullSessionCache {
  override get(): Promise<undefined> {
    return Promise.reject(new Error('The disk is on fire'));
  }

  override take(): Promise<undefined> {
    throw new Error('The disk is on fire');
  }
}

class WatchedSessionCache extends NullSessionCache {
  id: Uint8Array | undefined;
  session: Uint8Array | undefined;
  given: Uint8Array | undefined;
  answer: Uint8Array | undefined;

  override async put(id?: Uint8Array, session?: Uint8Array): Promise<void> {
    this.id = id;
    this.session = session?.slice();
    this.given = session;
  }

  override async get(): Promise<undefined> {
    return this.answer as undefined;
  }
}

import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import t, { type Test } from 'tap';
import {
  makeSelfSignedCertificate,
  NullSessionCache,
  SegmentSessionCache,
  type SessionCache,
  TlsAcceptError,
  TlsAcceptor,
  type TlsConnection,
  type TlsEvent,
} from '../../tls/index.ts';
import {
  captureNodeHello,
  prependPskIdentity,
  splitIntoRecords,
} from '../fixtures/captured-hello.ts';
import { skipWithout } from '../fixtures/clients.ts';
import { TestClock } from '../fixtures/session-cache-contract.ts';
import {
  type AcceptorServer,
  type AcceptorServerOptions,
  lifetimeMs,
  startAcceptorServer,
  testCredential,
} from '../fixtures/tls-acceptor-server.ts';
import { type OpensslVersion, visitWithNode, visitWithOpenssl } from '../fixtures/tls-visit.ts';
import { until } from '../fixtures/until.ts';

const tls13 = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' } as const;

interface Setting {
  readonly server: AcceptorServer;
  readonly cache: SessionCache;
  readonly clock: TestClock;
}

async function start(
  t: Test,
  options: Partial<AcceptorServerOptions> & { readonly maxBytes?: number } = {},
): Promise<Setting> {
  const clock = new TestClock();
  const { maxBytes = 1024 * 1024 } = options;
  const cache =
    options.cache ?? new SegmentSessionCache({ maxBytes, lifetimeMs, clock: clock.read });
  const server = await startAcceptorServer({ clock: clock.read, ...options, cache });
  t.teardown(async () => {
    await server.stop();
    await cache.close();
  });
  return { server, cache, clock };
}

/** Sends octets as they are; what the server answers until it or the test ends the connection. */
async function sendRaw(
  port: number,
  octets: Uint8Array,
): Promise<{ socket: Socket; answer: () => Buffer; closed: Promise<unknown> }> {
  const socket = connectPlain(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  socket.write(octets);
  return { socket, answer: () => Buffer.concat(chunks), closed };
}

const isFailure =
  (code: string) =>
  (event: TlsEvent): boolean =>
    event.kind === 'failure' && event.code === code;

void t.test('gives out the connection and what is known of it', async (t) => {
  const accepted: TlsConnection[] = [];
  const { server, cache } = await start(t, {
    onConnection: (connection) => {
      accepted.push(connection);
      connection.socket.end('hello\r\n');
    },
  });
  const tls = { servername: 'localhost' };
  const first = await visitWithNode({ port: server.port, version: 'TLSv1.3', tls });
  const session = first.sessions.at(-1);
  await visitWithNode({ port: server.port, version: 'TLSv1.3', session, tls });
  await visitWithNode({ port: server.port, version: 'TLSv1.2' });
  t.match(accepted, [
    { isResumed: false, protocol: 'TLSv1.3', serverName: 'localhost' },
    { isResumed: true, protocol: 'TLSv1.3', serverName: 'localhost' },
    { isResumed: false, protocol: 'TLSv1.2', serverName: undefined },
  ]);
  t.same(
    accepted.map(({ sessionIds }) => sessionIds.length),
    [2, 1, 1],
    'a full handshake of TLS 1.3 issues two sessions, a resumed one issues one',
  );
  t.same(
    server.events.map((event) => ('outcome' in event ? event.outcome : event.kind)),
    ['full', 'lookup', 'resumed', 'full'],
  );
  t.equal(cache.stats().entryCount, 4);
});

void t.test(
  'a TLS 1.2 session stays the same, and belongs to each of its connections',
  async (t) => {
    const accepted: TlsConnection[] = [];
    const { server, cache } = await start(t, {
      onConnection: (connection) => {
        accepted.push(connection);
        connection.socket.end('hello\r\n');
      },
    });
    const visit = await visitWithNode({ port: server.port, version: 'TLSv1.2' });
    await visitWithNode({ port: server.port, version: 'TLSv1.2', session: visit.sessions.at(-1) });
    t.equal(accepted[1]!.isResumed, true);
    t.same(accepted[1]!.sessionIds, accepted[0]!.sessionIds);
    server.acceptor.promote(accepted[1]!, 'alice');
    t.equal(await cache.purge({ account: 'alice' }), 1);
  },
);

void t.test('promote names the account whose sessions can be purged', async (t) => {
  const { server, cache } = await start(t, {
    onConnection: (connection, acceptor) => {
      acceptor.promote(connection, 'alice');
      connection.socket.end('hello\r\n');
    },
  });
  // TLS 1.3 sessions are issued after the handshake, but before anything a client says can be answered.
  let visit = await visitWithNode({ port: server.port, version: 'TLSv1.2' });
  const session = visit.sessions.at(-1);
  t.equal(
    (await visitWithNode({ port: server.port, version: 'TLSv1.2', session })).isResumed,
    true,
  );
  t.equal(await cache.purge({ account: 'alice' }), 1);
  visit = await visitWithNode({ port: server.port, version: 'TLSv1.2', session });
  t.equal(visit.isResumed, false);
});

void t.test('resumes on a port without TLS after STARTTLS', async (t) => {
  const { server } = await start(t, {
    beforeTls: async (socket) => {
      socket.write('* OK ready\r\n');
      const [command] = (await once(socket, 'data')) as [Buffer];
      if (command.toString() !== 'a STARTTLS\r\n') throw new Error('Cannot read the command');
      socket.pause();
      socket.write('a OK go on\r\n');
    },
  });
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    let session: Buffer | undefined;
    const outcomes: boolean[] = [];
    for (let round = 0; round < 4; round++) {
      const socket = connectPlain(server.port, '127.0.0.1');
      await once(socket, 'data');
      socket.write('a STARTTLS\r\n');
      await once(socket, 'data');
      const visit = await visitWithNode({ port: server.port, version, session, socket });
      outcomes.push(visit.isResumed);
      session = visit.sessions.at(-1);
    }
    t.same(outcomes, [false, true, true, true], version);
  }
});

void t.test('resumes parallel connections with one session', async (t) => {
  const { server } = await start(t);
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { sessions } = await visitWithNode({ port: server.port, version });
    const visits = await Promise.all(
      Array.from({ length: 8 }, () =>
        visitWithNode({ port: server.port, version, session: sessions.at(-1) }),
      ),
    );
    t.equal(visits.filter(({ isResumed }) => isResumed).length, 8, version);
  }
});

void t.test('keeps a used session until its successor is used', async (t) => {
  const { server, cache } = await start(t);
  const visit = (session?: Buffer) =>
    visitWithNode({ port: server.port, version: 'TLSv1.3', session });
  const old = (await visit()).sessions.at(-1);
  let last = await visit(old);
  for (let round = 0; round < 3; round++) {
    last = await visit(old);
    t.equal(
      last.isResumed,
      true,
      'a client that never got the successor comes back with the old one',
    );
  }
  t.equal(cache.stats().removed.superseded, 0);
  t.equal((await visit(last.sessions.at(-1))).isResumed, true);
  t.equal(cache.stats().removed.superseded, 1);
  t.equal((await visit(old)).isResumed, false, 'once the successor was used the old one is gone');
});

void t.test(
  'a session at its deadline gets a full handshake, and one before it is resumed',
  async (t) => {
    const { server, clock } = await start(t);
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const visit = (session?: Buffer) => visitWithNode({ port: server.port, version, session });
      const { sessions } = await visit();
      const madeMs = clock.nowMs;
      clock.nowMs = madeMs + lifetimeMs - 1;
      t.equal((await visit(sessions.at(-1))).isResumed, true);
      clock.nowMs = madeMs + lifetimeMs;
      t.equal((await visit(sessions.at(-1))).isResumed, false);
    }
  },
);

void t.test('a capacity of one is enough for one client', async (t) => {
  // One segment with room for one session in each ring.
  const cache = new SegmentSessionCache({ maxBytes: 768, segmentBytes: 256, lifetimeMs });
  const { server } = await start(t, { cache, clock: () => Date.now() });
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    let { sessions } = await visitWithNode({ port: server.port, version });
    for (let round = 0; round < 10; round++) {
      const visit = await visitWithNode({ port: server.port, version, session: sessions.at(-1) });
      t.equal(visit.isResumed, true, `${version}, round ${round}`);
      sessions = visit.sessions;
    }
    t.equal(cache.stats().entryCount, 1);
  }
});

void t.test('looks up the first PSK identity only', async (t) => {
  const { server } = await start(t);
  const { sessions } = await visitWithNode({ port: server.port, version: 'TLSv1.3' });
  const hello = await captureNodeHello({ ...tls13, session: sessions.at(-1)! });
  const control = await sendRaw(server.port, hello);
  await until(() => control.answer().length > 0);
  t.equal(hasPreSharedKey(control.answer()), true, 'as it is, the hello is resumed');
  control.socket.destroy();

  const changed = prependPskIdentity(hello, Buffer.alloc(32, 1));
  const raw = await sendRaw(server.port, changed);
  await until(() => raw.answer().length > 0);
  t.equal(raw.answer()[0], 22, 'a handshake record, no alert');
  t.equal(raw.answer()[5], 2, 'a ServerHello');
  t.equal(hasPreSharedKey(raw.answer()), false, 'of a full handshake');
  raw.socket.destroy();
});

void t.test('a session of another credential gets a full handshake', async (t) => {
  const { server, cache } = await start(t);
  const renewed = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
  const others = {
    other: { ...renewed, name: 'other' },
    test: { ...renewed, name: 'test' },
  };
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const [name, credential] of Object.entries(others)) {
      const { server: other } = await start(t, { cache, credential });
      const { sessions } = await visitWithNode({ port: server.port, version });
      const visit = await visitWithNode({ port: other.port, version, session: sessions.at(-1) });
      // A renewed certificate of the same credential keeps its sessions.
      t.equal(visit.isResumed, name === 'test', `${version}, credential "${name}"`);
    }
  }
});

void t.test('a hello in pieces or in several records is accepted', async (t) => {
  const { server } = await start(t);
  const { sessions } = await visitWithNode({ port: server.port, version: 'TLSv1.3' });
  const hello = await captureNodeHello({ ...tls13, session: sessions.at(-1)! });
  for (const position of [1, 5, 6, 9, 43, 76, 500, hello.length - 1]) {
    const raw = await sendRaw(server.port, hello.subarray(0, position));
    await until(() => server.acceptor.pendingHelloCount === 1);
    raw.socket.write(hello.subarray(position));
    await until(() => raw.answer().length > 0);
    t.equal(hasPreSharedKey(raw.answer()), true, `cut at ${position}`);
    raw.socket.destroy();
  }
  const raw = await sendRaw(server.port, splitIntoRecords(hello, 500));
  await until(() => raw.answer().length > 0);
  t.equal(raw.answer()[0], 22, 'in records of 500 octets');
  raw.socket.destroy();
});

void t.test('refuses what is not TLS, and goes on', async (t) => {
  const { server } = await start(t);
  const raw = await sendRaw(server.port, Buffer.from('a1 LOGIN alice secret\r\n'));
  await raw.closed;
  t.match(server.events, [{ kind: 'failure', code: 'NOT_TLS', address: '127.0.0.1' }]);
  const [event] = server.events;
  if (event?.kind !== 'failure') return t.fail('no failure');
  t.ok(event.error instanceof TlsAcceptError);
  t.notMatch(event.error.message, /alice|secret/, 'nothing of what the client said');
  t.equal((await visitWithNode({ port: server.port, version: 'TLSv1.3' })).isResumed, false);
});

void t.test('refuses a hello over the bound', async (t) => {
  const { server } = await start(t);
  const raw = await sendRaw(server.port, Buffer.from([22, 3, 1, 0x40, 0, 1, 0, 0x40, 0]));
  await raw.closed;
  t.match(server.events, [{ kind: 'failure', code: 'HELLO_TOO_LARGE' }]);
});

void t.test('answers a malformed hello with an alert', async (t) => {
  const { server } = await start(t);
  const hello = await captureNodeHello(tls13);
  hello[43] = 33;
  const raw = await sendRaw(server.port, hello);
  await raw.closed;
  t.equal(raw.answer()[0], 21, 'an alert');
  t.match(server.events, [{ kind: 'failure', code: 'HANDSHAKE_FAILED' }]);
});

void t.test('a slow hello and a slow handshake have their deadlines', async (t) => {
  const { server } = await start(t, { helloDeadlineMs: 50, handshakeDeadlineMs: 50 });
  const hello = await captureNodeHello(tls13);
  const slow = await sendRaw(server.port, hello.subarray(0, 20));
  await slow.closed;
  t.match(server.events, [{ kind: 'failure', code: 'HELLO_TIMEOUT' }]);
  const stuck = await sendRaw(server.port, hello);
  const drip = setInterval(() => stuck.socket.write(Buffer.from([22])), 10);
  await stuck.closed;
  clearInterval(drip);
  t.match(server.events[1], { kind: 'failure', code: 'HANDSHAKE_FAILED' });
});

void t.test('a client that leaves in the middle costs nothing', async (t) => {
  const { server } = await start(t);
  const hello = await captureNodeHello(tls13);
  const leave: [string, string, (socket: Socket) => unknown, Buffer][] = [
    ['before the hello', 'CLOSED', (socket) => socket.end(), Buffer.alloc(0)],
    ['in the hello', 'CLOSED', (socket) => socket.resetAndDestroy(), hello.subarray(0, 50)],
    ['after the hello', 'HANDSHAKE_FAILED', (socket) => socket.end(), hello],
    ['after the hello, at once', 'HANDSHAKE_FAILED', (socket) => socket.resetAndDestroy(), hello],
  ];
  for (const [name, code, act, octets] of leave) {
    server.events.length = 0;
    const raw = await sendRaw(server.port, octets);
    if (name.startsWith('in')) await until(() => server.acceptor.pendingHelloCount === 1);
    if (name === 'after the hello') await until(() => raw.answer().length > 0);
    act(raw.socket);
    await server.event((event) => event.kind === 'failure');
    const [event] = server.events.filter(({ kind }) => kind === 'failure');
    t.ok(event !== undefined && (isFailure(code)(event) || isFailure('CLOSED')(event)), name);
    await raw.closed;
  }
  t.equal((await visitWithNode({ port: server.port, version: 'TLSv1.3' })).isResumed, false);
});

void t.test('bounds the connections that wait for their hello', async (t) => {
  const { server } = await start(t, { maxPendingHellosPerAddress: 2 });
  const waiting = [
    await sendRaw(server.port, Buffer.alloc(0)),
    await sendRaw(server.port, Buffer.alloc(0)),
  ];
  await until(() => server.acceptor.pendingHelloCount === 2);
  const third = await sendRaw(server.port, Buffer.alloc(0));
  await third.closed;
  t.match(server.events, [{ kind: 'failure', code: 'TOO_MANY_PENDING' }]);
  for (const { socket } of waiting) socket.destroy();
  await until(() => server.acceptor.pendingHelloCount === 0);
  t.equal((await visitWithNode({ port: server.port, version: 'TLSv1.3' })).isResumed, false);
});

void t.test('a cache that hangs or fails delays no handshake', async (t) => {
  const never = new Promise<never>(() => {});
  class HangingCache extends NullSessionCache {
    override get = () => never;
    override put = () => never;
  }
  class FailingCache extends NullSessionCache {
    override get = () => Promise.reject(new Error('away'));
    override put = () => Promise.reject(new Error('away'));
    override promote = () => Promise.reject(new Error('away'));
    override delete = () => Promise.reject(new Error('away'));
  }
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { server: hanging } = await start(t, { cache: new HangingCache(), lookupDeadlineMs: 20 });
    const { server: failing } = await start(t, {
      cache: new FailingCache(),
      onConnection: (connection, acceptor) => {
        acceptor.promote(connection, 'alice');
        connection.socket.end('hello\r\n');
      },
    });
    const results = { [hanging.port]: 'timeout', [failing.port]: 'error' };
    for (const server of [hanging, failing]) {
      const { sessions } = await visitWithNode({ port: server.port, version });
      const session = sessions.at(-1);
      const visit = await visitWithNode({ port: server.port, version, session });
      t.equal(visit.isResumed, false);
      const result = results[server.port];
      t.match(
        server.events.filter(({ kind }) => kind === 'lookup'),
        [{ result }],
        `${version}, ${result}`,
      );
    }
    t.ok(failing.events.some(({ kind }) => kind === 'cacheError'));
  }
});

void t.test('a cache that returns rubbish costs a full handshake at most', async (t) => {
  class RubbishCache extends NullSessionCache {
    rubbish = new Uint8Array(0);
    override get = async (): Promise<Uint8Array<ArrayBuffer> & undefined> =>
      this.rubbish.slice() as Uint8Array<ArrayBuffer> & undefined;
  }
  const cache = new RubbishCache();
  const { server } = await start(t, { cache });
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const rubbish of [[], [7], [0, 1, 2, 3], [32, ...Array<number>(64).fill(9)]]) {
      cache.rubbish = Uint8Array.from(rubbish);
      const { sessions } = await visitWithNode({ port: server.port, version });
      const session = sessions.at(-1);
      const visit = await visitWithNode({ port: server.port, version, session });
      t.equal(visit.isResumed, false, `${version}, ${rubbish.length} octets`);
    }
  }
});

void t.test('close fails what is under way and leaves what is there', async (t) => {
  const { server } = await start(t);
  const client = connectTls({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false });
  client.on('error', () => {});
  await once(client, 'data');
  const waiting = await sendRaw(server.port, Buffer.alloc(0));
  await until(() => server.acceptor.pendingHelloCount === 1);
  const inHandshake = await sendRaw(server.port, await captureNodeHello(tls13));
  await until(() => inHandshake.answer().length > 0);
  await server.acceptor.close();
  await Promise.all([waiting.closed, inHandshake.closed]);
  t.equal(server.events.filter(isFailure('ACCEPTOR_CLOSED')).length, 2);
  const late = await sendRaw(server.port, Buffer.alloc(0));
  await late.closed;
  t.equal(server.events.filter(isFailure('ACCEPTOR_CLOSED')).length, 3);
  client.write('still there');
  const [echo] = (await once(client, 'data')) as [Buffer];
  t.equal(echo.toString(), 'still there');
  client.destroy();
  await server.acceptor.close();
});

void t.test(
  'what openssl s_client may and may not do',
  { skip: skipWithout('openssl') },
  async (t) => {
    const { server, cache } = await start(t);
    const sessionFile = join(t.testdir({}), 'session');
    const visit = (version: OpensslVersion, isReturning: boolean, options: string[]) =>
      visitWithOpenssl({
        port: server.port,
        version,
        sessionFile,
        isReturning,
        arguments: options,
      });
    t.equal(await visit('TLSv1.3', false, ['-no_middlebox']), false, 'no legacy session id');
    t.equal(await visit('TLSv1.3', true, ['-no_middlebox']), false, 'nor is it resumed');
    t.equal(await visit('TLSv1.3', false, ['-groups', 'P-384']), false, 'one of the other groups');
    t.equal(await visit('TLSv1.2', false, []), false);
    t.equal(
      await visit('TLSv1.2', true, []),
      true,
      'a client that would take a ticket resumes by id',
    );
    const { entryCount } = cache.stats();
    await t.rejects(visit('TLSv1.3', false, ['-groups', 'X448']), /alert handshake failure/);
    await t.rejects(
      visit('TLSv1.1', false, ['-cipher', 'DEFAULT@SECLEVEL=0']),
      'no version below TLS 1.2',
    );
    t.equal(cache.stats().entryCount, entryCount);
    const reasons = server.events.flatMap((event) =>
      event.kind === 'failure' ? [event.error.message] : [],
    );
    t.same(reasons, [
      'Cannot finish the TLS handshake: no suitable key share',
      'Cannot finish the TLS handshake: unsupported protocol',
    ]);
  },
);

void t.test('makes no sense of a lifetime out of range or of a bad credential', async (t) => {
  const cache = new NullSessionCache();
  const credential = await testCredential();
  for (const lifetimeMs of [0, -1, Number.NaN, 8 * 24 * 60 * 60 * 1000]) {
    t.throws(() => new TlsAcceptor({ credential, cache, lifetimeMs }), RangeError, `${lifetimeMs}`);
  }
  const { key } = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
  t.throws(() => new TlsAcceptor({ credential: { ...credential, key }, cache, lifetimeMs }));
});

/** Whether the ServerHello that an answer begins with takes up a PSK. */
function hasPreSharedKey(answer: Buffer): boolean {
  const serverHello = answer.subarray(5, 5 + answer.readUInt16BE(3));
  return serverHello.includes(Buffer.from([0, 41, 0, 2, 0, 0]));
}

import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { duplexPair } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import {
  makeSelfSignedCertificate,
  SegmentSessionCache,
  TlsAcceptor,
  type TlsConnection,
} from '../../tls/index.ts';
import { skipWithout } from '../fixtures/clients.ts';
import {
  lifetimeMs,
  startAcceptorServer,
  startForTest,
  testCredential,
} from '../fixtures/tls-acceptor-server.ts';
import { type OpensslVersion, visitWithNode, visitWithOpenssl } from '../fixtures/tls-visit.ts';

void t.test('gives out the connection and what is known of it', async (t) => {
  const accepted: TlsConnection[] = [];
  const { server, cache } = await startForTest(t, {
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

void t.test('what is written at once goes out together with the sessions', async (t) => {
  const { server } = await startForTest(t);
  const socket = connectPlain(server.port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  // Over a stream of JavaScript, so that TLS does not read from the socket by itself.
  const [carried, carrier] = duplexPair();
  socket.pipe(carrier).pipe(socket);
  const client = connectTls({ socket: carried, rejectUnauthorized: false });
  await once(client, 'data');
  t.equal(client.getProtocol(), 'TLSv1.3');
  t.equal(chunks.length, 2, 'the handshake, and all the rest');
  client.destroy();
  socket.destroy();
});

void t.test(
  'a TLS 1.2 session stays the same, and belongs to each of its connections',
  async (t) => {
    const accepted: TlsConnection[] = [];
    const { server, cache } = await startForTest(t, {
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

void t.test('a cache that says null where it finds nothing', async (t) => {
  const cache = new SegmentSessionCache({ maxBytes: 1024 * 1024, lifetimeMs });
  t.teardown(() => cache.close());
  cache.get = () => Promise.resolve(null as unknown as undefined);
  const server = await startAcceptorServer({ cache });
  t.teardown(() => server.stop());
  const session = (await visitWithNode({ port: server.port, version: 'TLSv1.3' })).sessions.at(-1);
  const visit = await visitWithNode({ port: server.port, version: 'TLSv1.3', session });
  t.equal(visit.isResumed, false);
  t.match(server.events.at(-2), { kind: 'lookup', result: 'unknown' });
});

void t.test('promote names the account whose sessions can be purged', async (t) => {
  const { server, cache } = await startForTest(t, {
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
  const { server } = await startForTest(t, {
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
  const { server } = await startForTest(t);
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
  const { server, cache } = await startForTest(t);
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
    const { server, clock } = await startForTest(t);
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
  const { server } = await startForTest(t, { cache, clock: () => Date.now() });
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

void t.test('a session of another credential gets a full handshake', async (t) => {
  const { server, cache } = await startForTest(t);
  const renewed = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
  const others = {
    other: { ...renewed, name: 'other' },
    test: { ...renewed, name: 'test' },
  };
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const [name, credential] of Object.entries(others)) {
      const { server: other } = await startForTest(t, { cache, credentials: [credential] });
      const { sessions } = await visitWithNode({ port: server.port, version });
      const visit = await visitWithNode({ port: other.port, version, session: sessions.at(-1) });
      // A renewed certificate of the same credential keeps its sessions.
      t.equal(visit.isResumed, name === 'test', `${version}, credential "${name}"`);
    }
  }
});

void t.test(
  'what openssl s_client may and may not do',
  { skip: skipWithout('openssl') },
  async (t) => {
    const { server, cache } = await startForTest(t);
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
    t.equal(await visit('TLSv1.3', true, ['-no_middlebox']), true, 'which resumes by ticket');
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
  const resumption = { kind: 'off' } as const;
  const credential = await testCredential();
  for (const lifetimeMs of [0, -1, Number.NaN, 8 * 24 * 60 * 60 * 1000]) {
    t.throws(
      () => new TlsAcceptor({ credentials: [credential], resumption, lifetimeMs }),
      RangeError,
      `${lifetimeMs}`,
    );
  }
  const { key } = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
  const credentials = [{ ...credential, key }];
  t.throws(() => new TlsAcceptor({ credentials, resumption, lifetimeMs }));
  t.throws(() => new TlsAcceptor({ credentials: [], resumption, lifetimeMs }), RangeError);
});

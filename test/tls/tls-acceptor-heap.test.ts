// Nothing of a connection that is gone stays reachable: neither the acceptor, nor its cache, nor its timers
// keep it. The same test finds a single listener that is leaked on purpose.
import { EventEmitter } from 'node:events';
import { type Socket, connect as connectPlain } from 'node:net';
import t from 'tap';
import { SegmentSessionCache, type TlsConnection } from '../../tls/index.ts';
import { captureNodeHello } from '../fixtures/captured-hello.ts';
import { countReachable } from '../fixtures/count-reachable.ts';
import { lifetimeMs, startAcceptorServer, tlsVersions } from '../fixtures/tls-acceptor-server.ts';
import { visitWithNode } from '../fixtures/tls-visit.ts';
import { until } from '../fixtures/until.ts';

const connectionCount = 200;

interface Run {
  /** What keeps connections alive that it should not, as a control. */
  readonly leak?: (connection: TlsConnection) => void;
}

/** References to all that the server had of connections which are gone. */
async function visitAndLeave({
  leak,
}: Run): Promise<{ references: WeakRef<object>[]; stop: () => Promise<void> }> {
  const references: WeakRef<object>[] = [];
  const cache = new SegmentSessionCache({ maxBytes: 4 * 1024 * 1024, lifetimeMs });
  const server = await startAcceptorServer({
    cache,
    beforeTls: async (socket: Socket) => {
      references.push(new WeakRef(socket));
    },
    onConnection: (connection, acceptor) => {
      const parts = [connection, connection.socket, connection.sessionIds];
      references.push(...parts.map((part) => new WeakRef<object>(part)));
      leak?.(connection);
      acceptor.promote(connection, 'alice');
      connection.socket.write('hello\r\n');
      connection.socket.resume();
    },
  });
  for (const version of tlsVersions) {
    let session: Buffer | undefined;
    for (let round = 0; round < connectionCount / tlsVersions.length; round++) {
      const leave = round % 2 === 0 ? 'close' : 'drop';
      const visit = await visitWithNode({ port: server.port, version, leave, session });
      // Full and resumed handshakes in turn.
      session = round % 4 === 0 ? undefined : visit.sessions.at(-1);
    }
  }
  await until(() => server.connections.size === 0);
  server.events.length = 0;
  return {
    references,
    stop: async () => {
      await server.stop();
      await cache.close();
    },
  };
}

void t.test('connections that are gone', async (t) => {
  const { references, stop } = await visitAndLeave({});
  t.equal(references.length, 4 * connectionCount);
  t.equal(await countReachable(references), 0);
  await stop();
});

void t.test('the test finds a listener that is leaked', async (t) => {
  const shared = new EventEmitter();
  shared.setMaxListeners(0);
  const { references, stop } = await visitAndLeave({
    leak: (connection) => shared.on('shutdown', () => connection.socket.destroy()),
  });
  t.ok((await countReachable(references)) >= connectionCount);
  t.equal(shared.listenerCount('shutdown'), connectionCount);
  await stop();
});

void t.test('the test finds a timer that is started for a connection', async (t) => {
  const timers: NodeJS.Timeout[] = [];
  const contexts: WeakRef<object>[] = [];
  const cache = new SegmentSessionCache({ maxBytes: 1024 * 1024, lifetimeMs });
  const server = await startAcceptorServer({
    cache,
    onConnection: ({ socket, sessionIds }) => {
      contexts.push(new WeakRef(sessionIds));
      // In the context of the connection, as its owner might start it.
      socket.on('end', () => timers.push(setTimeout(() => {}, lifetimeMs).unref()));
      socket.resume().end('hello\r\n');
    },
  });
  for (let round = 0; round < 10; round++) {
    await visitWithNode({ port: server.port, version: 'TLSv1.3' });
  }
  await until(() => server.connections.size === 0);
  t.equal(await countReachable(contexts), 10, 'a timer keeps the context it was started in');
  for (const timer of timers) clearTimeout(timer);
  timers.length = 0;
  await server.stop();
  await cache.close();
  t.equal(await countReachable(contexts), 0);
});

void t.test('connections that never came to TLS', async (t) => {
  const references: WeakRef<object>[] = [];
  const cache = new SegmentSessionCache({ maxBytes: 1024 * 1024, lifetimeMs });
  const server = await startAcceptorServer({
    cache,
    beforeTls: async (socket: Socket) => {
      references.push(new WeakRef(socket));
    },
  });
  const hello = await captureNodeHello({ minVersion: 'TLSv1.3' });
  const beginnings = [Buffer.from('a1 NOOP\r\n'), hello.subarray(0, 100), hello, Buffer.alloc(0)];
  for (let i = 0; i < 40; i++) {
    const socket = connectPlain(server.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(beginnings[i % beginnings.length]!);
    await until(() => references.length === i + 1);
    socket.resetAndDestroy();
  }
  await until(() => server.events.filter(({ kind }) => kind === 'failure').length === 40);
  server.events.length = 0;
  t.equal(await countReachable(references), 0);
  await server.stop();
  await cache.close();
});

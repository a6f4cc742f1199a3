// Clients that leave between their ClientHello and the end of their handshake keep neither place nor descriptor.
import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import t, { type Test } from 'tap';
import {
  Admission,
  type AdmissionOptions,
  SegmentSessionCache,
  type SessionCache,
} from '../../tls/index.ts';
import { captureNodeHello } from '../fixtures/captured-hello.ts';
import { startForTest, tlsVersions } from '../fixtures/tls-acceptor-server.ts';
import { until } from '../fixtures/until.ts';

/** Far longer than the test: what waits for it does not come. */
const never = 600_000;
/** For what happens at once, on a busy machine. */
const deadlineMs = 10_000;

/** A server that gives up nobody for being slow; its connections may be half open, as those of mail clients are. */
async function start(t: Test, options: AdmissionOptions = {}, cache?: SessionCache) {
  const sockets: Socket[] = [];
  const admission = new Admission(options);
  const { server } = await startForTest(t, {
    admission,
    ...(cache !== undefined && { cache, lookupDeadlineMs: never }),
    allowHalfOpen: true,
    helloDeadlineMs: never,
    handshakeDeadlineMs: never,
    beforeTls: async (socket) => void sockets.push(socket),
  });
  const failures = () =>
    server.events.map((event) => (event.kind === 'failure' ? event.error.message : event.kind));
  return { server, admission, sockets, failures };
}

/** A client that sends a whole ClientHello and says no more. */
async function sendHello(t: Test, port: number, hello: Buffer): Promise<Socket> {
  const socket = connectPlain({ port, host: '127.0.0.1', allowHalfOpen: true });
  t.teardown(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(hello);
  return socket;
}

/** The ways of a client to leave. The last still reads, as no mail client does before its handshake is done. */
const departures: Record<string, (socket: Socket) => void> = {
  reset: (socket) => socket.resetAndDestroy(),
  destroy: (socket) => socket.destroy(),
  end: (socket) => socket.end(),
};

for (const version of tlsVersions) {
  const hello = await captureNodeHello({ minVersion: version, maxVersion: version });
  for (const [name, leave] of Object.entries(departures)) {
    await t.test(`a ${version} client that leaves by ${name} right behind its hello`, async (t) => {
      const { server, admission, sockets, failures } = await start(t);
      leave(await sendHello(t, server.port, hello));
      await until(() => server.events.length === 1, deadlineMs);
      t.match(failures(), [/the client has left|ECONNRESET/]);
      t.equal(admission.count, 0);
      t.ok(sockets[0]?.destroyed);
    });

    await t.test(`a ${version} client that leaves by ${name} after our answer`, async (t) => {
      const { server, admission, sockets, failures } = await start(t);
      const client = await sendHello(t, server.port, hello);
      await once(client, 'data');
      leave(client);
      await until(() => server.events.length === 1, deadlineMs);
      t.match(failures(), [/the client has left|ECONNRESET/]);
      t.equal(admission.count, 0);
      t.ok(sockets[0]?.destroyed);
    });

    await t.test(`a ${version} client that leaves by ${name} before its turn`, async (t) => {
      const { server, admission, sockets, failures } = await start(t, {
        quickHandshakes: 1,
        tickMs: never,
      });
      const holder = await sendHello(t, server.port, hello);
      await once(holder, 'data');
      const client = await sendHello(t, server.port, hello);
      await until(() => admission.count === 2 && server.acceptor.pendingHelloCount === 0);
      leave(client);
      await until(() => server.events.length === 1, deadlineMs);
      t.match(failures(), [/the client has left/]);
      t.equal(admission.count, 1, 'the one whose turn it is stays');
      t.strictSame(
        sockets.map(({ destroyed }) => destroyed),
        [false, true],
      );
    });
  }

  await t.test(`a ${version} client that closes its side behind its handshake stays`, async (t) => {
    const { server } = await startForTest(t, {
      allowHalfOpen: true,
      onConnection: ({ socket }) => {
        // The answer comes long after the end of the input was read.
        socket.once('end', () => setImmediate(() => socket.end('BYE')));
        socket.resume();
      },
    });
    const client = connectTls({
      port: server.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      minVersion: version,
      maxVersion: version,
    });
    await once(client, 'secureConnect');
    client.end('LOGOUT');
    const [answer] = (await once(client, 'data')) as [Buffer];
    t.equal(answer.toString(), 'BYE');
  });
}

/** A cache that finds nothing, and not before it is told. */
class WaitingSessionCache extends SegmentSessionCache {
  readonly answer = Promise.withResolvers<undefined>();
  isAsked = false;

  override get(): Promise<undefined> {
    this.isAsked = true;
    return this.answer.promise;
  }
}

/** A ClientHello of TLS 1.2 that asks for a session of 32 zeros; the one that is given asks for none. */
function withSessionId(hello: Buffer): Buffer {
  const idLengthOffset = 43;
  const id = Buffer.alloc(32);
  const result = Buffer.concat([
    hello.subarray(0, idLengthOffset),
    Buffer.of(id.length),
    id,
    hello.subarray(idLengthOffset + 1),
  ]);
  result.writeUInt16BE(hello.readUInt16BE(3) + id.length, 3);
  result.writeUIntBE(hello.readUIntBE(6, 3) + id.length, 6, 3);
  return result;
}

await t.test('a client that closes its side while its session is looked up', async (t) => {
  const cache = new WaitingSessionCache({ maxBytes: 1 << 20, lifetimeMs: 60_000 });
  const { server, admission, sockets, failures } = await start(t, {}, cache);
  const hello = await captureNodeHello({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' });
  const client = await sendHello(t, server.port, withSessionId(hello));
  await until(() => cache.isAsked, deadlineMs);
  client.end();
  await once(client, 'finish');
  // The end is read behind bytes that nobody takes, before TLS reads.
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  cache.answer.resolve(undefined);
  await until(() => failures().some((message) => message.includes('has left')), deadlineMs);
  t.equal(admission.count, 0);
  t.ok(sockets[0]?.destroyed);
});

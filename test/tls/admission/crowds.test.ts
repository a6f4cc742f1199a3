// Many clients at one instant, and strangers who want to keep others out: everybody who shakes hands is served.
import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import t, { type Test } from 'tap';
import { Admission } from '../../../tls/index.ts';
import { captureNodeHello } from '../../fixtures/captured-hello.ts';
import { startForTest } from '../../fixtures/tls-acceptor-server.ts';
import { visitWithNode } from '../../fixtures/tls-visit.ts';
import { until } from '../../fixtures/until.ts';

/** Far longer than the test: what waits for it does not come. */
const never = 600_000;
const hello = await captureNodeHello({ minVersion: 'TLSv1.3' });

/** Connections from each of the addresses 127.0.0.2 to 127.0.0.24; they end with the test. */
async function openFromMany(t: Test, port: number, countEach: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  t.teardown(() => sockets.forEach((socket) => socket.destroy()));
  for (let host = 2; host <= 24; host++) {
    const opened = Array.from({ length: countEach }, () =>
      connectPlain({ port, host: '127.0.0.1', localAddress: `127.0.0.${host}` }),
    );
    sockets.push(...opened);
    for (const socket of opened) socket.on('error', () => {}).resume();
    await Promise.all(opened.map((socket) => once(socket, 'connect')));
  }
  return sockets;
}

const visit = (port: number) => visitWithNode({ port, version: 'TLSv1.3' });

void t.test('1,000 clients that connect first and then all shake hands are served', async (t) => {
  const { server } = await startForTest(t);
  const sockets: Socket[] = [];
  for (let count = 0; count < 1_000; count++) {
    const socket = connectPlain(server.port, '127.0.0.1');
    sockets.push(socket);
    if (count % 100 === 99) await once(socket, 'connect');
  }
  await until(() => server.acceptor.pendingHelloCount === sockets.length, 60_000);
  const greetings = await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<string>((resolve) => {
          const client = connectTls({ socket, rejectUnauthorized: false });
          client.once('data', (chunk: Buffer) => {
            resolve(chunk.toString());
            client.end();
          });
          client.once('error', (error) => resolve(error.message));
          client.once('close', () => resolve('closed'));
        }),
    ),
  );
  t.same(greetings, Array<string>(sockets.length).fill('hello\r\n'));
  t.equal(server.events.filter(({ kind }) => kind === 'failure').length, 0);
});

void t.test('silent clients of many addresses keep nobody out', async (t) => {
  const { server } = await startForTest(t, { helloDeadlineMs: never });
  await openFromMany(t, server.port, 100);
  await until(() => server.acceptor.pendingHelloCount === 2_300, 60_000);
  await visit(server.port);
  t.equal(server.acceptor.pendingHelloCount, 2_300, 'nor has anybody to go');
});

void t.test('silent clients that fill the process make room for others', async (t) => {
  const admission = new Admission({ connectionsBeforeLogin: 230 });
  const { server } = await startForTest(t, { helloDeadlineMs: never, admission });
  await openFromMany(t, server.port, 10);
  await until(() => admission.count === 230, 60_000);
  for (let round = 0; round < 30; round++) await visit(server.port);
  const failures = server.events.filter(({ kind }) => kind === 'failure');
  for (const failure of failures) t.match(failure, { code: 'TOO_MANY_PENDING' });
  t.ok(failures.length >= 1, `${failures.length} silent ones made room`);
});

void t.test('clients that stall after their hello keep nobody out', async (t) => {
  const { server } = await startForTest(t, { handshakeDeadlineMs: never });
  const sockets = await openFromMany(t, server.port, 60);
  for (const socket of sockets) socket.write(hello);
  // Nobody's deadline helps: the client gets in because stalled handshakes make room.
  for (let round = 0; round < 3; round++) await visit(server.port);
  t.equal(server.connections.size <= 1, true, 'none of the others has come to TLS');
});

void t.test('dripping clients keep nobody out', async (t) => {
  const { server } = await startForTest(t, { handshakeDeadlineMs: never, helloDeadlineMs: never });
  const sockets = await openFromMany(t, server.port, 20);
  // Half drip their hello, half what should follow it.
  for (const [index, socket] of sockets.entries()) if (index % 2 === 0) socket.write(hello);
  let sent = 0;
  const drip = setInterval(() => {
    for (const [index, socket] of sockets.entries()) {
      socket.write(index % 2 === 0 ? Buffer.from([20]) : hello.subarray(sent, sent + 1));
    }
    sent += 1;
  }, 20);
  t.teardown(() => clearInterval(drip));
  for (let round = 0; round < 3; round++) await visit(server.port);
  t.pass('a client shakes hands beside them');
});

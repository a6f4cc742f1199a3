// Clients that send half of a long ClientHello and wait, or much behind a hello that waits for its turn: what they make a server hold has one bound, and at the bound the
// address goes that holds most. A client of another address, whose hello is long too, is served.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t from 'tap';
import { Admission } from '../../tls/index.ts';
import { tlsLimits } from '../../tls/limits.ts';
import { captureNodeHello, withExtension } from '../fixtures/captured-hello.ts';
import { startForTest } from '../fixtures/tls-acceptor-server.ts';
import { visitWithNode } from '../fixtures/tls-visit.ts';
import { until } from '../fixtures/until.ts';

const hello = await captureNodeHello({ minVersion: 'TLSv1.3' });
const long = withExtension(hello, 0xfafa, Buffer.alloc(60_000));
const halfBytes = 60_000;

/** A client at an address of its own that has sent the beginning of a hello. */
async function begin(port: number, localAddress: string, bytes: Buffer): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(bytes);
  return socket;
}

await t.test('half hellos have one bound', async (t) => {
  const { server } = await startForTest(t);
  const honest = await begin(server.port, '127.0.0.2', long.subarray(0, 20_000));
  await until(() => server.acceptor.pendingHelloCount === 1);
  const count = 500;
  const crowd: Socket[] = [];
  for (let index = 0; index < count; index++) {
    crowd.push(await begin(server.port, '127.0.0.3', long.subarray(0, halfBytes)));
  }
  t.teardown(() => {
    for (const socket of [honest, ...crowd]) socket.destroy();
  });
  const failureCount = (): number => server.events.filter(({ kind }) => kind === 'failure').length;
  await until(() => server.acceptor.pendingHelloCount + failureCount() === count + 1);
  const most = Math.floor(tlsLimits.heldHelloBytes / halfBytes);
  await until(() => server.acceptor.pendingHelloCount <= most + 1);
  t.ok(server.acceptor.pendingHelloCount > most / 3, 'no more of them go than must');
  const failures = server.events.filter(({ kind }) => kind === 'failure');
  t.ok(failures.every((event) => event.kind === 'failure' && event.code === 'TOO_MANY_PENDING'));
  t.ok(failures.every((event) => event.kind === 'failure' && event.address === '127.0.0.3'));

  const answered = once(honest, 'data');
  honest.write(long.subarray(20_000));
  const [answer] = (await answered) as [Buffer];
  t.equal(answer[0], 22, 'the client of another address is served');
  t.equal((await visitWithNode({ port: server.port, version: 'TLSv1.3' })).isResumed, false);
});

await t.test('a whole long hello counts until its handshake ends', async (t) => {
  const { server } = await startForTest(t);
  const crowd: Socket[] = [];
  t.teardown(() => {
    for (const socket of crowd) socket.destroy();
  });
  for (let index = 0; index < 400; index++) crowd.push(await begin(server.port, '127.0.0.3', long));
  await until(() =>
    server.events.some((event) => event.kind === 'failure' && event.code === 'TOO_MANY_PENDING'),
  );
  t.equal((await visitWithNode({ port: server.port, version: 'TLSv1.3' })).isResumed, false);
});

await t.test('what waits behind a hello for its turn counts too', async (t) => {
  const admission = new Admission({ quickHandshakes: 1, quickTicks: Infinity });
  const { server } = await startForTest(t, { admission });
  const busy = await begin(server.port, '127.0.0.2', hello);
  const isRead = () => server.acceptor.pendingHelloCount === 0;
  await until(() => admission.count === 1 && isRead());
  const honest = visitWithNode({ port: server.port, version: 'TLSv1.3' });
  await until(() => admission.count === 2 && isRead());
  const count = 400;
  const crowd: Socket[] = [];
  t.teardown(() => {
    for (const socket of [busy, ...crowd]) socket.destroy();
  });
  for (let index = 0; index < count; index++) {
    crowd.push(await begin(server.port, '127.0.0.3', hello));
  }
  await until(() => admission.count === count + 2 && isRead());
  for (const socket of crowd) socket.write(Buffer.alloc(halfBytes));
  const most = Math.floor(tlsLimits.heldHelloBytes / halfBytes);
  await until(() => server.events.length >= count - most);
  t.ok(server.events.length < count - most / 3, 'no more of them go than must');
  const expected = { kind: 'failure', code: 'TOO_MANY_PENDING', address: '127.0.0.3' } as const;
  for (const event of server.events) t.match(event, expected);
  busy.destroy();
  t.equal((await honest).isResumed, false, 'the client of another address is served');
});

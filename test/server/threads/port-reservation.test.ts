import { type AddressInfo, createServer, type Server } from 'node:net';
import t, { type Test } from 'tap';
import type { ListenerSettings } from '../../../server/net/listener.ts';
import { canSharePorts, PortReservation } from '../../../server/threads/port-reservation.ts';

const host = '127.0.0.1';

function plain(port: number): ListenerSettings {
  return { host, port, kind: 'starttls' };
}

function tls(port: number): ListenerSettings {
  return { host, port, kind: 'tls' };
}

/** Listens as a worker does; rejects with the system's error. */
async function listen(t: Test, port: number, reusePort = true): Promise<number> {
  const server: Server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, reusePort }, resolve);
  });
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

await t.test('free ports are chosen, differ, and are kept until they are released', async (t) => {
  const reservation = await PortReservation.take([plain(0), tls(0)]);
  const [imapPort = 0, imapsPort = 0] = reservation.listeners.map(({ port }) => port);
  t.ok(imapPort > 0 && imapsPort > 0);
  t.not(imapPort, imapsPort);
  await t.rejects(listen(t, imapPort), { code: 'EADDRINUSE' });
  await reservation.release();
  await reservation.release();
  for (const port of [imapPort, imapsPort]) {
    t.equal(await listen(t, port), port);
    t.equal(await listen(t, port), port, 'and a second worker beside it');
  }
});

await t.test(
  'a port that workers of another server share is found, and nothing is kept',
  async (t) => {
    const taken = await listen(t, 0);
    const free = await listen(t, 0);
    await t.rejects(PortReservation.take([plain(taken)]), {
      code: 'EADDRINUSE',
      syscall: 'listen',
      port: taken,
    });
    const reservation = await PortReservation.take([plain(0)]);
    await reservation.release();
    const imapPort = reservation.listeners[0]?.port ?? -1;
    await t.rejects(PortReservation.take([plain(imapPort), tls(free)]));
    t.equal(await listen(t, imapPort, false), imapPort, 'the first one was given back');
  },
);

await t.test('a whole list is kept, each listener as it was asked for', async (t) => {
  const wishes = [plain(0), tls(0), { ...tls(0), isProxied: true }];
  const reservation = await PortReservation.take(wishes);
  t.teardown(() => reservation.release());
  const ports = reservation.listeners.map(({ port }) => port);
  t.equal(new Set(ports).size, 3);
  t.strictSame(
    reservation.listeners.map((listener) => ({ ...listener, port: 0 })),
    wishes,
  );
  for (const port of ports) await t.rejects(listen(t, port), { code: 'EADDRINUSE' });
});

await t.test('threads share ports on Linux', { skip: process.platform !== 'linux' }, async (t) => {
  t.equal(await canSharePorts(), true);
});

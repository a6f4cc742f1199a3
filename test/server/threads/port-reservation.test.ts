import { type AddressInfo, createServer, type Server } from 'node:net';
import t, { type Test } from 'tap';
import { canSharePorts, PortReservation } from '../../../server/threads/port-reservation.ts';

const host = '127.0.0.1';

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
  const reservation = await PortReservation.take({ host, imapPort: 0, imapsPort: 0 });
  const { imapPort, imapsPort } = reservation.ports;
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
    await t.rejects(PortReservation.take({ host, imapPort: taken, imapsPort: -1 }), {
      code: 'EADDRINUSE',
      syscall: 'listen',
      port: taken,
    });
    const reservation = await PortReservation.take({ host, imapPort: 0, imapsPort: -1 });
    await reservation.release();
    const { imapPort } = reservation.ports;
    await t.rejects(PortReservation.take({ host, imapPort, imapsPort: free }));
    t.equal(await listen(t, imapPort, false), imapPort, 'the first one was given back');
  },
);

await t.test('a port that is off stays off', async (t) => {
  const reservation = await PortReservation.take({ host, imapPort: -1, imapsPort: 0 });
  t.equal(reservation.ports.imapPort, -1);
  await reservation.release();
});

await t.test('threads share ports on Linux', { skip: process.platform !== 'linux' }, async (t) => {
  t.equal(await canSharePorts(), true);
});

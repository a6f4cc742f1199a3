// Clients that reach the TLS port and do not shake hands: they cost little, and nobody else notices.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t from 'tap';
import { startMailServer } from '../fixtures/mail-server.ts';

const server = await startMailServer(t);
const handshakeDeadlineMs = 20_000;
const loginDeadlineMs = 120_000;

/** The first bytes of a ClientHello that announces more than it sends. */
const helloStart = Buffer.from('1603010200010001fc0303', 'hex');

await t.test('clients that stop within the hello are dropped at the deadline', async (t) => {
  const sockets = await Promise.all(
    Array.from({ length: 20 }, () => open(server.process.imapsPort)),
  );
  const begun = performance.now();
  let closedCount = 0;
  const closed = Promise.all(sockets.map((socket) => closing(socket).then(() => closedCount++)));
  for (const [index, socket] of sockets.entries()) socket.write(helloStart.subarray(0, index % 11));
  const other = await server.login('tls');
  await other.ok('NOOP');
  t.equal(closedCount, 0, 'another client is served meanwhile');
  await closed;
  const tookMs = performance.now() - begun;
  t.ok(tookMs >= handshakeDeadlineMs - 1_000, `closed after ${tookMs} ms`);
  t.ok(tookMs < loginDeadlineMs, 'by the deadline of the handshake, not by that of the login');
});

await t.test(
  'plain IMAP, HTTP and noise on 993 end the connection, not the listener',
  async (t) => {
    const noise = Buffer.alloc(70_000, 0x16);
    const bye = '* BYE This is an IMAP server, and it expects TLS here\r\n';
    for (const [bytes, answer] of [
      [Buffer.from('a NOOP\r\n'), bye],
      [Buffer.from('GET / HTTP/1.1\r\n\r\n'), bye],
      [noise, '\x15\x03\x03\x00\x02\x02\x46'],
    ] as const) {
      const socket = await open(server.process.imapsPort);
      const closed = closing(socket);
      let text = '';
      socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
      socket.write(bytes);
      await closed;
      t.equal(text, answer, bytes.toString('latin1', 0, 6));
    }
    await (await server.login('tls')).ok('NOOP');
  },
);

await t.test('clients that drop right after connecting leave nothing behind', async (t) => {
  for (let round = 0; round < 50; round++) {
    const socket = await open(server.process.imapsPort);
    if (round % 2 === 0) socket.write(helloStart);
    if (round % 3 === 0) socket.resetAndDestroy();
    else socket.destroy();
  }
  await (await server.login('tls')).ok('NOOP');
  t.same(server.process.faults, [], 'nothing of it is logged as a fault of the server');
});

/** Settles when the connection has ended, by a reset too. */
function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => {});
  socket.resume();
  await once(socket, 'connect');
  return socket;
}

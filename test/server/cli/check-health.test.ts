import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import t from 'tap';
import { startServerProcess } from '../../fixtures/server-process.ts';
import { reprise } from './reprise.ts';

await t.test('a server that serves is healthy, port by port', async (t) => {
  const server = await startServerProcess();
  t.teardown(() => server.stop());
  const [imap, imaps] = [String(server.imapPort), String(server.imapsPort)];
  const check = (imapPort: string, imapsPort: string) =>
    reprise(['healthcheck'], { REPRISE_IMAP_PORT: imapPort, REPRISE_IMAPS_PORT: imapsPort });
  t.match(await check(imap, imaps), { code: 0, stderr: '' });
  t.match(await check('-1', imaps), { code: 0 });
  t.match(await check(imap, '-1'), { code: 0 });
  t.match(await check(imaps, '-1'), { code: 1, stderr: /does not serve/ }, 'TLS is no greeting');
  t.match(await check('0', imaps), { code: 1, stderr: /fixed/ });
});

await t.test('nobody there, and somebody else there', async (t) => {
  const other = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.resume().end('220 smtp ready\r\n');
  });
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  const port = String((other.address() as AddressInfo).port);
  const check = (imapPort: string, imapsPort: string) =>
    reprise(['healthcheck'], { REPRISE_IMAP_PORT: imapPort, REPRISE_IMAPS_PORT: imapsPort });
  const answered = await check(port, '-1');
  t.match(answered, { code: 1, stderr: /does not serve: it answered "220 smtp ready"/ });
  t.equal(answered.errors.length, 1);
  t.match(await check('-1', port), { code: 1, stderr: /does not serve/ });
  other.close();
  await once(other, 'close');
  t.match(await check(port, '-1'), { code: 1, stderr: /does not serve: connect ECONNREFUSED/ });
});

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { TestAuthority } from '../../fixtures/test-authority.ts';
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

await t.test('a server that wants client certificates is healthy without one', async (t) => {
  const authority = await TestAuthority.create('Clients');
  const caPath = join(t.testdir(), 'ca.pem');
  writeFileSync(caPath, authority.cert);
  const environment = { REPRISE_TLS_CLIENT_AUTH: 'required', REPRISE_TLS_CLIENT_CA: caPath };
  const server = await startServerProcess({ environment });
  t.teardown(() => server.stop());
  const result = await reprise(['healthcheck'], {
    ...environment,
    REPRISE_IMAP_PORT: '-1',
    REPRISE_IMAPS_PORT: String(server.imapsPort),
  });
  t.match(result, { code: 0, stderr: '', stdout: /IMAP over TLS answers/ });
});

await t.test('a list of listeners is checked whole, those for proxies too', async (t) => {
  const listeners = '127.0.0.1:0:starttls,127.0.0.1:0:tls+proxy,127.0.0.1:0:starttls+proxy';
  const shorthand = { REPRISE_HOST: '', REPRISE_IMAP_PORT: '', REPRISE_IMAPS_PORT: '' };
  for (const [proxies, word] of [
    ['127.0.0.1', 'answers'],
    ['192.0.2.1', 'accepts'],
  ] as const) {
    const server = await startServerProcess({
      environment: { ...shorthand, REPRISE_LISTEN: listeners, REPRISE_PROXY_FROM: proxies },
    });
    t.teardown(() => server.stop());
    const bound = String(server.log.find(({ msg }) => msg === 'listening')?.['listeners']);
    const result = await reprise(['healthcheck'], {
      REPRISE_LISTEN: bound,
      REPRISE_PROXY_FROM: proxies,
    });
    t.match(result, { code: 0, stderr: '' });
    const [plain, tls, proxied] = bound.split(',').map((item) => item.split(':', 2).join(':'));
    t.equal(
      result.stdout,
      `IMAP answers on ${plain}\nIMAP over TLS ${word} on ${tls}\nIMAP ${word} on ${proxied}\n`,
    );
  }
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

// Floods of connections against a whole server: nothing that a stranger sends or breaks off ends a thread, fills the
// disk with log lines, or keeps others out.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t from 'tap';
import { alice, startMailServer } from '../fixtures/mail-server.ts';
import { ImapClient } from '../fixtures/imap-client.ts';
import { readMetrics } from '../fixtures/metrics-text.ts';
import { until } from '../fixtures/until.ts';

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** Does something so many times, some of them at a time. */
async function repeat(count: number, act: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const go = async (): Promise<void> => {
    while (next < count) await act(next++);
  };
  await Promise.all(Array.from({ length: 20 }, go));
}

/** Metrics of the server: the sum of the samples whose name with labels begins so. */
async function sumOf(adminPort: number, start: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${adminPort}/metrics`);
  const samples = Object.entries(readMetrics(await response.text()));
  return samples.reduce((sum, [name, value]) => sum + (name.startsWith(start) ? value : 0), 0);
}

const workers = { REPRISE_WORKERS: '2', REPRISE_ADMIN_PORT: '0' };

await t.test('resets in every phase end no worker', async (t) => {
  const server = await startMailServer(t, { environment: workers });
  const { imapPort, imapsPort } = server.process;
  const member = await server.login();
  const plainTexts = [
    '',
    'a NOOP\r\n',
    'a STARTTLS\r\n',
    `${'a CAPABILITY\r\n'.repeat(40)}a STARTTLS\r\n`,
    'a STARTTLS\r\n\x16\x03\x01\x02',
    'a LOGOUT\r\n',
    'GET / HTTP/1.1\r\n\r\n',
    'a LOGIN {5}\r\n',
  ];
  const tlsTexts = [
    '',
    '\x16',
    '\x16\x03\x01\x00\x05',
    'GET / HTTP/1.1\r\n',
    '\x15\x03\x01\x00\x02',
  ];
  await repeat(800, async (index) => {
    const isTls = index % 2 === 0;
    const texts = isTls ? tlsTexts : plainTexts;
    const socket = await open(isTls ? imapsPort : imapPort);
    socket.write(texts[(index >> 1) % texts.length]!, 'latin1');
    // Some at once, others when the server has answered, or has not for a while.
    if (index % 3 > 0) await Promise.race([once(socket, 'data'), once(socket, 'close'), soon()]);
    socket.resetAndDestroy();
  });
  await member.ok('NOOP');
  t.same(server.process.faults, []);
});

function soon(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, 5));
}

await t.test('a flood of connections that speak no TLS is a few lines, and counted', async (t) => {
  const server = await startMailServer(t, { environment: workers });
  const { imapsPort, adminPort, log } = server.process;
  const count = 3_000;
  const lineCount = log.length;
  await repeat(count, async () => {
    const socket = await open(imapsPort);
    socket.resume().end('abc');
    await once(socket, 'close');
  });
  await until(() => log.length > lineCount);
  let failed = 0;
  while (failed < count) failed = await sumOf(adminPort, 'reprise_tls_failures_total');
  t.equal(failed, count);
  const lines = log.slice(lineCount).map((line) => JSON.stringify(line));
  t.ok(lines.join('\n').length < 100_000 / 2, `${lines.join('\n').length} bytes`);
  t.ok(lines.length <= 60, `${lines.length} lines`);
  t.notMatch(lines.join('\n'), /stack/);
});

await t.test('out of descriptors: told once, and who has an account comes in', async (t) => {
  const server = await startMailServer(t, { environment: workers, maxDescriptors: 200 });
  const { imapPort, imapsPort, adminPort, log } = server.process;
  const member = await server.login();
  const silent: Socket[] = [];
  t.teardown(() => silent.forEach((socket) => void socket.destroy()));
  for (let index = 0; index < 400; index++) silent.push(await open(imapPort));
  const isShortage = ({ msg }: { readonly msg?: unknown }) => /descriptors/.test(String(msg));
  await until(() => log.some(isShortage));
  await member.ok('NOOP');
  const newcomer = await ImapClient.connect({ port: imapsPort, security: 'tls' });
  await newcomer.login(alice.name, alice.password);
  await newcomer.logout();
  t.match(log.filter(isShortage)[0], { level: 'error', limit: 200 });
  t.ok(log.filter(isShortage).length <= 2, 'one line of each worker');
  t.ok((await sumOf(adminPort, 'reprise_connections_ended_total{cause="room"}')) > 200);
});

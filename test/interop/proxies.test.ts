// Debian's HAProxy and nginx in front, which say with PROXY headers for whom they speak.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { clientPath, skipWithout } from '../fixtures/clients.ts';
import { ImapClient } from '../fixtures/imap-client.ts';
import { alice } from '../fixtures/mail-server.ts';
import { startServerProcess } from '../fixtures/server-process.ts';
import { until } from '../fixtures/until.ts';

/** Where the client is; the proxies are on 127.0.0.1. */
const clientAddress = '127.0.0.9';

/** Options of TCP count too, though the types do not say so. */
const fromClientAddress: object = { localAddress: clientAddress };

const server = await startServerProcess({
  environment: {
    REPRISE_HOST: '',
    REPRISE_IMAP_PORT: '',
    REPRISE_IMAPS_PORT: '',
    REPRISE_LISTEN:
      '127.0.0.1:0:tls,127.0.0.1:0:tls+proxy,127.0.0.1:0:starttls+proxy,127.0.0.1:0:starttls',
    REPRISE_PROXY_FROM: '127.0.0.1',
    REPRISE_WORKERS: '2',
  },
});
t.teardown(() => server.stop());
await server.addUser(alice.name, alice.password);
const [directPort = 0, tlsPort = 0, plainPort = 0] = String(
  server.log.find(({ msg }) => msg === 'listening')?.['listeners'],
)
  .split(',')
  .map((listener) => Number(listener.split(':')[1]));

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Settles when somebody listens on the port. */
async function listening(port: number, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`The proxy has ended with ${child.exitCode}`);
    const socket = connect(port, '127.0.0.1');
    const isThere = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function startProxy(
  t: Test,
  program: 'haproxy' | 'nginx',
  args: readonly string[],
  port: number,
): Promise<void> {
  const child = spawn(clientPath(program), args, { stdio: 'ignore' });
  t.teardown(async () => {
    if (child.exitCode !== null) return;
    const exited = once(child, 'exit');
    // Not SIGKILL: the workers of nginx would stay.
    child.kill('SIGTERM');
    await exited;
  });
  await listening(port, child);
}

async function startHaproxy(t: Test, target: number, word: string): Promise<number> {
  const port = await freePort();
  const path = join(t.testdir(), 'haproxy.cfg');
  const lines = [
    'defaults',
    '  mode tcp',
    '  timeout connect 5s',
    '  timeout client 60s',
    '  timeout server 60s',
    'frontend imap',
    `  bind 127.0.0.1:${port}`,
    '  default_backend reprise',
    'backend reprise',
    // Its health checks come with a header of their own.
    `  server one 127.0.0.1:${target} ${word} check inter 100ms`,
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  await startProxy(t, 'haproxy', ['-db', '-f', path], port);
  return port;
}

async function startNginx(t: Test, target: number): Promise<number> {
  const port = await freePort();
  const directory = t.testdir();
  const path = join(directory, 'nginx.conf');
  const lines = [
    'load_module /usr/lib/nginx/modules/ngx_stream_module.so;',
    'daemon off;',
    'worker_processes 1;',
    `pid ${directory}/nginx.pid;`,
    'error_log stderr;',
    'events {}',
    'stream {',
    '  server {',
    `    listen 127.0.0.1:${port};`,
    `    proxy_pass 127.0.0.1:${target};`,
    '    proxy_protocol on;',
    '  }',
    '}',
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  await startProxy(t, 'nginx', ['-e', 'stderr', '-p', directory, '-c', path], port);
  return port;
}

let loginCount = 0;

/** Logs in; the address that the server has logged for it. */
async function addressOfLogin(client: ImapClient): Promise<unknown> {
  await client.login(alice.name, alice.password);
  loginCount += 1;
  const logins = () => server.log.filter(({ msg }) => msg === 'logged in');
  await until(() => logins().length === loginCount);
  await client.logout();
  return logins().at(-1)?.['address'];
}

/** Connects over TLS from {@link clientAddress}. */
function connectFromFar(port: number): Promise<ImapClient> {
  return ImapClient.connect({ port, security: 'tls', tls: fromClientAddress });
}

for (const [name, program, start] of [
  ['HAProxy, version 1', 'haproxy', (t: Test, port: number) => startHaproxy(t, port, 'send-proxy')],
  [
    'HAProxy, version 2',
    'haproxy',
    (t: Test, port: number) => startHaproxy(t, port, 'send-proxy-v2'),
  ],
  ['nginx', 'nginx', startNginx],
] as const) {
  await t.test(
    `${name}: the client's address is the client's`,
    { skip: skipWithout(program) },
    async (t) => {
      const through = await connectFromFar(await start(t, tlsPort));
      t.equal(await addressOfLogin(through), clientAddress);
      const port = await start(t, plainPort);
      const upgraded = await ImapClient.connect({ port, security: 'starttls' });
      t.equal(await addressOfLogin(upgraded), '127.0.0.1');
      const direct = await connectFromFar(directPort);
      t.equal(await addressOfLogin(direct), clientAddress, 'and without a proxy');
      t.same(
        server.log.filter(({ msg }) => /proxies/.test(String(msg))),
        [],
      );
      t.same(server.faults, []);
    },
  );
}

/** All that the server sends to whoever begins with these bytes, up to the end. */
async function answerTo(port: number, text: string, localAddress = '127.0.0.1'): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  let answer = '';
  socket.on('data', (chunk) => void (answer += chunk.toString('latin1')));
  socket.on('error', () => {});
  const closed = new Promise((resolve) => void socket.once('close', resolve));
  socket.write(text);
  await closed;
  return answer;
}

await t.test('nobody else is let in, and a proxy only with its header', async (t) => {
  t.equal(await answerTo(plainPort, 'PROXY TCP4 192.0.2.1 1.2.3.4 1 2\r\n', '127.0.0.2'), '');
  t.equal(await answerTo(plainPort, 'a LOGOUT\r\n'), '');
  const lines = () => server.log.filter(({ msg }) => /proxies/.test(String(msg)));
  await until(() => lines().length === 2);
  t.match(lines(), [
    { level: 'warn', address: '127.0.0.2', reason: /trusted/ },
    { level: 'warn', address: '127.0.0.1', reason: /there is none/ },
  ]);
  t.match(
    await answerTo(plainPort, 'PROXY TCP6 2001:db8::1 ::1 1 2\r\na LOGOUT\r\n'),
    /^\* OK .*\r\n\* BYE .*\r\na OK /,
  );
});

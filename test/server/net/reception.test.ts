import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import t, { type Test } from 'tap';
import { Descriptors } from '../../../server/net/descriptors.ts';
import { Transport } from '../../../server/net/transport.ts';
import { startImapService, type TestService } from '../../fixtures/imap-service.ts';
import { until } from '../../fixtures/until.ts';

/** Connects in the clear and never closes; what the server says is gathered. */
async function connectRaw(t: Test, port: number, localAddress = '127.0.0.1') {
  const socket = connectTcp({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true });
  const client = { socket, text: '', hasEnded: false };
  socket.on('data', (chunk) => void (client.text += chunk.toString('latin1')));
  socket.on('error', () => void (client.hasEnded = true));
  socket.on('end', () => void (client.hasEnded = true));
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  return client;
}

function countDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

await t.test('refused clients that never close give their descriptors back', async (t) => {
  const { login, imapPort, log } = await startImapService(t, {
    limits: { maxConnections: 1, closeDeadlineMs: 50, maxRefusedConnections: 150 },
  });
  await login();
  const before = countDescriptors();
  const clients = await Promise.all(Array.from({ length: 200 }, () => connectRaw(t, imapPort)));
  await until(() => clients.every(({ hasEnded }) => hasEnded));
  const told = clients.filter(({ text }) => /^\* BYE \[UNAVAILABLE\] .*\r\n$/.test(text));
  t.ok(told.length >= 150, `${told.length} were told`);
  t.ok(
    clients.every(({ socket }) => socket.writable),
    'no client has closed its side',
  );
  // Each client holds one of this process, and the server none.
  await until(() => countDescriptors() <= before + clients.length);
  t.equal(log.filter(({ msg }) => /too many connections/.test(String(msg))).length, 1);
});

await t.test(
  'refused clients of TLS are told by an alert, and no reset takes it away',
  async (t) => {
    const { login, imapsPort } = await startImapService(t, {
      limits: { maxConnections: 1 },
    });
    await login();
    const silent = await connectRaw(t, imapsPort);
    const greeting = await connectRaw(t, imapsPort);
    greeting.socket.write(
      Buffer.concat([Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252]), Buffer.alloc(508)]),
    );
    await until(() => silent.hasEnded && greeting.hasEnded);
    for (const { text, socket } of [silent, greeting]) {
      t.equal(text, '\x15\x03\x03\0\x02\x02P', 'internal_error');
      t.equal(socket.errored, null);
    }
    const client = connectTls({ port: imapsPort, host: '127.0.0.1' });
    const [error] = (await once(client, 'error')) as [Error];
    t.match(error, { code: 'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR' });
  },
);

await t.test(
  'the oldest idle stranger of the fullest group makes room, never the newcomer',
  async (t) => {
    const { login, imapPort } = await startImapService(t, { limits: { maxConnections: 4 } });
    await login();
    const crowd = [
      await connectRaw(t, imapPort, '127.0.0.2'),
      await connectRaw(t, imapPort, '127.0.0.2'),
    ];
    const other = await connectRaw(t, imapPort, '127.0.0.3');
    await until(() => [...crowd, other].every(({ text }) => text.includes('ready')));
    const newcomer = await connectRaw(t, imapPort, '127.0.0.4');
    await until(() => newcomer.text.includes('ready'));
    await until(() => crowd[0]?.hasEnded === true);
    t.match(crowd[0]?.text, /\* BYE \[UNAVAILABLE\]/);
    t.equal(crowd[1]?.hasEnded, false);
    t.equal(other.hasEnded, false);
  },
);

await t.test('clients that are silent after STARTTLS make room', async (t) => {
  const { connect, imapPort } = await startImapService(t, { limits: { maxConnections: 3 } });
  const silent = await Promise.all([1, 2, 3].map(() => connectRaw(t, imapPort)));
  for (const { socket } of silent) socket.write('a STARTTLS\r\n');
  await until(() => silent.every(({ text }) => text.includes('a OK')));
  const newcomer = await connect('starttls');
  await newcomer.ok('NOOP');
  await until(() => silent.some(({ hasEnded }) => hasEnded));
  t.equal(silent.filter(({ hasEnded }) => hasEnded).length, 1);
});

await t.test(
  'nobody stays without a login, whatever is sent, but for what the server made him wait',
  async (t) => {
    let nowMs = 1_000;
    const { connect, imapPort, service } = await startImapService(t, {
      limits: { loginDeadlineMs: 120_000, sweepIntervalMs: 5 },
      steadyClock: () => nowMs,
    });
    const dripping = await connectRaw(t, imapPort);
    const waiting = await connect('tls');
    await until(() => dripping.text.includes('ready'));
    for (let sent = 0; sent < 2; sent++) {
      nowMs += 59_000;
      dripping.socket.write('a');
      await waiting.ok('NOOP');
    }
    t.equal(service.connectionCount, 2);
    nowMs += 3_000;
    await until(() => dripping.hasEnded);
    t.match(dripping.text, /\* BYE Autologout; no login/);
    t.match((await waiting.readToEnd()).at(-1)?.text, /^\* BYE Autologout; no login/);
  },
);

/** Sends a text, and resolves to all that is answered up to the end. */
async function answersTo(t: Test, { imapPort }: TestService, text: string): Promise<string> {
  const client = await connectRaw(t, imapPort);
  client.socket.write(text);
  await until(() => client.hasEnded);
  return client.text.split('\r\n').slice(1).join('\r\n');
}

await t.test('before login all commands count, those that cannot be read too', async (t) => {
  const service = await startImapService(t, { steadyClock: () => 1_000_000 });
  const answers = await answersTo(t, service, ('a NOOP\r\n' + 'b FETCH\r\n'.repeat(19)).repeat(40));
  const batch = ['a OK', ...Array<string>(19).fill('b BAD')];
  t.same(answers.match(/^[ab] \w+/gm), [...batch, ...batch, ...batch].slice(0, 50));
  t.match(answers, /\* BYE Too many commands in a second before login\r\n$/);
});

await t.test('a stranger whose first command is none gets one BYE', async (t) => {
  const service = await startImapService(t);
  for (const text of ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'EHLO mail.example\r\nQUIT\r\n']) {
    t.equal(
      await answersTo(t, service, text),
      '* BYE This is an IMAP server, and that is no IMAP command\r\n',
    );
  }
  const client = await service.connect('plain');
  t.match(await client.command('LOGIN'), { status: 'BAD' }, 'a known command that is wrong');
  t.match(await client.command('FROBNICATE'), { status: 'BAD' });
  await client.ok('NOOP');
});

await t.test(
  'pipelined answers go out together, and wait for no command that takes longer',
  async (t) => {
    const gate = Promise.withResolvers<undefined>();
    const { connect } = await startImapService(t, { verifier: { verify: () => gate.promise } });
    const client = await connect('tls');
    const writes = t.capture(Transport.prototype, 'write', Transport.prototype.write);
    client.send('n NOOP\r\n'.repeat(40) + 'z NOOP\r\n');
    await client.readTagged('z');
    t.ok(writes().length <= 2, `${writes().length} writes`);
    client.send('y NOOP\r\nx LOGIN alice secret\r\n');
    t.match(await client.readTagged('y'), { status: 'OK' });
    gate.resolve(undefined);
    t.match(await client.readTagged('x'), { status: 'NO' });
  },
);

await t.test(
  'out of descriptors: told once, strangers make room, those who are there are served',
  async (t) => {
    let limit = 1_000_000;
    let connectionCount = () => 0;
    const descriptors = new Descriptors({
      readLimits: () => `Max open files            ${limit} ${limit} files\n`,
      count: () => 6 + connectionCount(),
    });
    const { login, connect, imapPort, log, service } = await startImapService(t, {
      descriptors,
      limits: { sweepIntervalMs: 5 },
    });
    const member = await login();
    const stranger = await connect('plain');
    connectionCount = () => service.connectionCount;
    // Six for other things, one kept free, and one for a connection.
    limit = 8;
    await until(() => descriptors.limit === 8);
    const newcomer = await connectRaw(t, imapPort);
    await until(() => newcomer.text.includes('ready'));
    t.match((await stranger.readToEnd()).at(-1)?.text, /^\* BYE \[UNAVAILABLE\]/);
    newcomer.socket.destroy();
    await until(() => service.connectionCount === 1);
    const refused = await connectRaw(t, imapPort);
    await until(() => refused.hasEnded);
    t.match(refused.text, /^\* BYE \[UNAVAILABLE\] .*\r\n$/);
    await member.ok('NOOP');
    t.match(
      log.filter(({ msg }) => /out of file descriptors/.test(String(msg))),
      [{ level: 50, limit: 8 }],
    );
  },
);

await t.test('a socket that fails in any phase is nobody’s uncaught error', async (t) => {
  const { imapPort, imapsPort, service, login } = await startImapService(t);
  const reset = async (port: number, text: string) => {
    const { socket }: { socket: Socket } = await connectRaw(t, port);
    socket.write(text);
    socket.resetAndDestroy();
  };
  for (const text of [
    '',
    'a NOOP\r\n',
    'a STARTTLS\r\n',
    'a STARTTLS\r\n\x16\x03\x01',
    'a LOGOUT\r\n',
  ]) {
    for (let count = 0; count < 20; count++) await reset(imapPort, text);
  }
  for (const text of ['', '\x16', '\x16\x03\x01\x00\x05', 'x', '\x16\x03\x01\x00\x02\x01\x00']) {
    for (let count = 0; count < 20; count++) await reset(imapsPort, text);
  }
  await until(() => service.connectionCount === 0);
  await (await login()).ok('NOOP');
});

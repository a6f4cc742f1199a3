// Clients that do not come to TLS, caches that do not answer, and an acceptor that is closed: each costs what
// it must, and no more.
import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import { Admission, NullSessionCache, TlsAcceptError, type TlsEvent } from '../../tls/index.ts';
import {
  captureNodeHello,
  prependPskIdentity,
  splitIntoRecords,
} from '../fixtures/captured-hello.ts';
import { startForTest } from '../fixtures/tls-acceptor-server.ts';
import { visitWithNode } from '../fixtures/tls-visit.ts';
import { until } from '../fixtures/until.ts';

const tls13 = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' } as const;

/** A hello that announces one byte more than it may have. */
const tooLong = Buffer.from([22, 3, 1, 0x40, 0, 1, 2, 1, 0x45]);

/** Sends bytes as they are; what the server answers until it or the test ends the connection. */
async function sendRaw(
  port: number,
  bytes: Uint8Array,
): Promise<{ socket: Socket; answer: () => Buffer; closed: Promise<unknown> }> {
  const socket = connectPlain(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => {});
  // Not once(): that rejects where the server cut off what was being written.
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await once(socket, 'connect');
  socket.write(bytes);
  return { socket, answer: () => Buffer.concat(chunks), closed };
}

const isFailure =
  (code: string) =>
  (event: TlsEvent): boolean =>
    event.kind === 'failure' && event.code === code;

void t.test('looks up the first PSK identity only', async (t) => {
  const { server } = await startForTest(t);
  const { sessions } = await visitWithNode({ port: server.port, version: 'TLSv1.3' });
  const hello = await captureNodeHello({ ...tls13, session: sessions.at(-1)! });
  const control = await sendRaw(server.port, hello);
  await until(() => control.answer().length > 0);
  t.equal(hasPreSharedKey(control.answer()), true, 'as it is, the hello is resumed');
  control.socket.destroy();

  const changed = prependPskIdentity(hello, Buffer.alloc(32, 1));
  const raw = await sendRaw(server.port, changed);
  await until(() => raw.answer().length > 0);
  t.equal(raw.answer()[0], 22, 'a handshake record, no alert');
  t.equal(raw.answer()[5], 2, 'a ServerHello');
  t.equal(hasPreSharedKey(raw.answer()), false, 'of a full handshake');
  raw.socket.destroy();
});

void t.test('a hello in pieces or in several records is accepted', async (t) => {
  const { server } = await startForTest(t);
  const { sessions } = await visitWithNode({ port: server.port, version: 'TLSv1.3' });
  const hello = await captureNodeHello({ ...tls13, session: sessions.at(-1)! });
  for (const position of [1, 5, 6, 9, 43, 76, 500, hello.length - 1]) {
    const raw = await sendRaw(server.port, hello.subarray(0, position));
    await until(() => server.acceptor.pendingHelloCount === 1);
    raw.socket.write(hello.subarray(position));
    await until(() => raw.answer().length > 0);
    t.equal(hasPreSharedKey(raw.answer()), true, `cut at ${position}`);
    raw.socket.destroy();
  }
  const raw = await sendRaw(server.port, splitIntoRecords(hello, 500));
  await until(() => raw.answer().length > 0);
  t.equal(raw.answer()[0], 22, 'in records of 500 bytes');
  raw.socket.destroy();
});

void t.test('refuses what is not TLS, and goes on', async (t) => {
  const { server } = await startForTest(t);
  const raw = await sendRaw(server.port, Buffer.from('a1 LOGIN alice secret\r\n'));
  await raw.closed;
  t.same([...raw.answer()], [21, 3, 3, 0, 2, 2, 10], 'the alert unexpected_message');
  const nobody = { protocol: 'unknown', mode: 'none', address: '127.0.0.1' };
  t.match(server.events, [{ kind: 'failure', code: 'NOT_TLS', ...nobody }]);
  const [event] = server.events;
  const error = event?.kind === 'failure' ? event.error : undefined;
  t.ok(error instanceof TlsAcceptError);
  t.notMatch(error?.message ?? '', /alice|secret/, 'nothing of what the client said');
  t.equal(error?.stack, `TlsAcceptError: ${error?.message}`, 'one line');
  t.equal((await visitWithNode({ port: server.port, version: 'TLSv1.3' })).isResumed, false);
});

void t.test('tells in the clear who speaks in the clear, or waits for a greeting', async (t) => {
  const clearTextAnswer = 'TLS is expected here\r\n';
  const { server } = await startForTest(t, { clearTextAnswer, helloDeadlineMs: 300 });
  const silent = await sendRaw(server.port, Buffer.alloc(0));
  const slow = await sendRaw(server.port, Buffer.from([22]));
  for (const text of ['a1 NOOP\r\n', 'GET / HTTP/1.1\r\n\r\n', 'SSH-2.0-x\r\n', '\r\n']) {
    const raw = await sendRaw(server.port, Buffer.from(text));
    await raw.closed;
    t.equal(raw.answer().toString(), clearTextAnswer, JSON.stringify(text));
  }
  for (const [bytes, alert] of [
    [[0x80, 0x2e, 1, 3, 1], 70],
    [[22, 2, 0], 70],
    [[21, 3, 1, 0, 2, 1, 0], 10],
    [[3, 0, 0, 19], 10],
  ] as const) {
    const raw = await sendRaw(server.port, Buffer.from(bytes));
    await raw.closed;
    t.same([...raw.answer()], [21, 3, 3, 0, 2, 2, alert], `noise gets an alert: ${String(bytes)}`);
  }
  t.equal(server.events.filter(isFailure('NOT_TLS')).length, 8);
  await silent.closed;
  t.equal(silent.answer().toString(), clearTextAnswer, 'who has said nothing');
  await slow.closed;
  t.same([...slow.answer()], [21, 3, 3, 0, 2, 2, 80], 'who has begun a hello');
});

void t.test('an answer comes through to a client that is still sending', async (t) => {
  const { server } = await startForTest(t, { clearTextAnswer: 'No\r\n' });
  const body = Buffer.alloc(10_000, 'x');
  for (const [bytes, answer] of [
    [Buffer.from('POST / HTTP/1.1\r\n\r\n'), Buffer.from('No\r\n')],
    [tooLong, Buffer.from([21, 3, 3, 0, 2, 2, 47])],
  ] as const) {
    const client = connectPlain({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    const errors: Error[] = [];
    client.on('error', (error) => errors.push(error));
    const closed = new Promise((resolve) => client.once('close', resolve));
    client.write(bytes);
    t.same((await once(client, 'data'))[0], answer);
    // A reset would come now, and to a client that has not read the answer it would come instead of it.
    for (let count = 0; count < 20 && client.writable; count++) {
      await new Promise((resolve) => client.write(body, resolve));
      await setImmediate();
    }
    client.end();
    await closed;
    t.same(errors, []);
  }
  t.equal(server.acceptor.pendingHelloCount, 0);
});

void t.test('a client that sends for ever is cut off', async (t) => {
  const { server } = await startForTest(t);
  const raw = await sendRaw(server.port, tooLong);
  const flood = (): void => {
    while (raw.socket.writable && raw.socket.write(Buffer.alloc(64 * 1024)));
  };
  raw.socket.on('drain', flood);
  flood();
  await raw.closed;
  t.ok(raw.socket.bytesWritten < 64 * 1024 * 1024, 'by what it sends');
});

void t.test('a client that is told why it is refused still makes room for others', async (t) => {
  const admission = new Admission({ connectionsBeforeLogin: 1 });
  const { server } = await startForTest(t, { admission });
  const lingering = connectPlain({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
  lingering.on('error', () => {});
  lingering.write(tooLong);
  await once(lingering, 'data');
  t.equal(admission.count, 1, 'it is counted while it lingers');
  t.equal((await visitWithNode({ port: server.port, version: 'TLSv1.3' })).isResumed, false);
  lingering.destroy();
  await until(() => admission.count === 0);
});

void t.test('closing an acceptor ends those who are told why they are refused', async (t) => {
  const { server } = await startForTest(t);
  const lingering = connectPlain({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
  lingering.on('error', () => {});
  lingering.write(tooLong);
  await once(lingering, 'data');
  await server.acceptor.close();
  lingering.destroy();
});

void t.test('refuses a hello over the bound', async (t) => {
  const { server } = await startForTest(t);
  const raw = await sendRaw(server.port, tooLong);
  await raw.closed;
  t.same([...raw.answer()], [21, 3, 3, 0, 2, 2, 47], 'the alert illegal_parameter');
  t.match(server.events, [{ kind: 'failure', code: 'HELLO_TOO_LARGE' }]);
});

void t.test('answers a malformed hello with an alert', async (t) => {
  const { server } = await startForTest(t);
  const hello = await captureNodeHello(tls13);
  hello[43] = 33;
  const raw = await sendRaw(server.port, hello);
  await raw.closed;
  t.equal(raw.answer()[0], 21, 'an alert');
  t.match(server.events, [{ kind: 'failure', code: 'HANDSHAKE_FAILED' }]);
});

void t.test('a slow hello and a slow handshake have their deadlines', async (t) => {
  const { server } = await startForTest(t, { helloDeadlineMs: 50, handshakeDeadlineMs: 50 });
  const hello = await captureNodeHello(tls13);
  const slow = await sendRaw(server.port, hello.subarray(0, 20));
  await slow.closed;
  t.match(server.events, [{ kind: 'failure', code: 'HELLO_TIMEOUT' }]);
  const stuck = await sendRaw(server.port, hello);
  const drip = setInterval(() => {
    if (stuck.socket.writable) stuck.socket.write(Buffer.from([22]));
  }, 10);
  await stuck.closed;
  clearInterval(drip);
  t.match(server.events[1], {
    kind: 'failure',
    code: 'HANDSHAKE_FAILED',
    protocol: 'TLSv1.3',
    mode: 'stateful',
  });
});

void t.test('a client that leaves in the middle costs nothing', async (t) => {
  const { server } = await startForTest(t);
  const hello = await captureNodeHello(tls13);
  const leave: [string, string, (socket: Socket) => unknown, Buffer][] = [
    ['before the hello', 'CLOSED', (socket) => socket.end(), Buffer.alloc(0)],
    ['in the hello', 'CLOSED', (socket) => socket.resetAndDestroy(), hello.subarray(0, 50)],
    ['after the hello', 'HANDSHAKE_FAILED', (socket) => socket.end(), hello],
    ['after the hello, at once', 'HANDSHAKE_FAILED', (socket) => socket.resetAndDestroy(), hello],
  ];
  for (const [name, code, act, bytes] of leave) {
    server.events.length = 0;
    const raw = await sendRaw(server.port, bytes);
    if (name.startsWith('in')) await until(() => server.acceptor.pendingHelloCount === 1);
    if (name === 'after the hello') await until(() => raw.answer().length > 0);
    act(raw.socket);
    await server.event((event) => event.kind === 'failure');
    const [event] = server.events.filter(({ kind }) => kind === 'failure');
    t.ok(event !== undefined && (isFailure(code)(event) || isFailure('CLOSED')(event)), name);
    await raw.closed;
  }
  t.equal((await visitWithNode({ port: server.port, version: 'TLSv1.3' })).isResumed, false);
});

void t.test('at the bound the one that is idle for longest makes room', async (t) => {
  const admission = new Admission({ connectionsBeforeLogin: 2 });
  const { server } = await startForTest(t, { admission });
  const idle = [await sendRaw(server.port, Buffer.alloc(0))];
  await until(() => server.acceptor.pendingHelloCount === 1);
  idle.push(await sendRaw(server.port, Buffer.from([22])));
  await until(() => server.acceptor.pendingHelloCount === 2);
  t.equal((await visitWithNode({ port: server.port, version: 'TLSv1.3' })).isResumed, false);
  await idle[0]!.closed;
  t.match(server.events[0], { kind: 'failure', code: 'TOO_MANY_PENDING' });
  t.equal(idle[0]!.answer().length, 0, 'who has said nothing gets no alert');
  idle.push(
    await sendRaw(server.port, Buffer.alloc(0)),
    await sendRaw(server.port, Buffer.alloc(0)),
  );
  await idle[1]!.closed;
  t.same([...idle[1]!.answer()], [21, 3, 3, 0, 2, 2, 80], 'who has gets internal_error');
  for (const { socket } of idle) socket.destroy();
  await until(() => admission.count === 0);
});

void t.test(
  'a socket has somebody who hears its errors, from accept on and for good',
  async (t) => {
    const accepted: Socket[] = [];
    const { server } = await startForTest(t, {
      beforeTls: async (socket) => void accepted.push(socket),
    });
    const refused = await sendRaw(server.port, Buffer.from('a1 NOOP\r\n'));
    const silent = await sendRaw(server.port, Buffer.alloc(0));
    await refused.closed;
    await until(() => server.acceptor.pendingHelloCount === 1);
    const client = connectTls({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false });
    client.on('error', () => {});
    await once(client, 'data');
    t.equal(accepted.length, 3);
    // Without a listener each of these would throw, and end the process.
    for (const socket of accepted) socket.emit('error', new Error('Connection reset'));
    await Promise.all([silent.closed, once(client, 'close')]);
    for (const socket of accepted) socket.emit('error', new Error('Connection reset again'));
  },
);

void t.test('a cache that hangs or fails delays no handshake', async (t) => {
  const never = new Promise<never>(() => {});
  class HangingCache extends NullSessionCache {
    override get = () => never;
    override put = () => never;
  }
  class FailingCache extends NullSessionCache {
    override get = () => Promise.reject(new Error('away'));
    override put = () => Promise.reject(new Error('away'));
    override promote = () => Promise.reject(new Error('away'));
    override delete = () => Promise.reject(new Error('away'));
  }
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { server: hanging } = await startForTest(t, {
      cache: new HangingCache(),
      lookupDeadlineMs: 20,
    });
    const { server: failing } = await startForTest(t, {
      cache: new FailingCache(),
      onConnection: (connection, acceptor) => {
        acceptor.promote(connection, 'alice');
        connection.socket.end('hello\r\n');
      },
    });
    const results = { [hanging.port]: 'timeout', [failing.port]: 'error' };
    for (const server of [hanging, failing]) {
      const { sessions } = await visitWithNode({ port: server.port, version });
      const session = sessions.at(-1);
      const visit = await visitWithNode({ port: server.port, version, session });
      t.equal(visit.isResumed, false);
      const result = results[server.port];
      t.match(
        server.events.filter(({ kind }) => kind === 'lookup'),
        [{ result }],
        `${version}, ${result}`,
      );
    }
    t.ok(failing.events.some(({ kind }) => kind === 'cacheError'));
  }
});

void t.test('a cache that returns rubbish costs a full handshake at most', async (t) => {
  class RubbishCache extends NullSessionCache {
    rubbish = new Uint8Array(0);
    override get = async (): Promise<Uint8Array<ArrayBuffer> & undefined> =>
      this.rubbish.slice() as Uint8Array<ArrayBuffer> & undefined;
  }
  const cache = new RubbishCache();
  const { server } = await startForTest(t, { cache });
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const rubbish of [[], [7], [0, 1, 2, 3], [32, ...Array<number>(64).fill(9)]]) {
      cache.rubbish = Uint8Array.from(rubbish);
      const { sessions } = await visitWithNode({ port: server.port, version });
      const session = sessions.at(-1);
      const visit = await visitWithNode({ port: server.port, version, session });
      t.equal(visit.isResumed, false, `${version}, ${rubbish.length} bytes`);
    }
  }
});

void t.test('close fails what is under way and leaves what is there', async (t) => {
  const { server } = await startForTest(t);
  const client = connectTls({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false });
  client.on('error', () => {});
  await once(client, 'data');
  const waiting = await sendRaw(server.port, Buffer.alloc(0));
  await until(() => server.acceptor.pendingHelloCount === 1);
  const inHandshake = await sendRaw(server.port, await captureNodeHello(tls13));
  await until(() => inHandshake.answer().length > 0);
  await server.acceptor.close();
  await Promise.all([waiting.closed, inHandshake.closed]);
  t.equal(server.events.filter(isFailure('ACCEPTOR_CLOSED')).length, 2);
  const late = await sendRaw(server.port, Buffer.alloc(0));
  await late.closed;
  t.equal(server.events.filter(isFailure('ACCEPTOR_CLOSED')).length, 3);
  client.write('still there');
  const [echo] = (await once(client, 'data')) as [Buffer];
  t.equal(echo.toString(), 'still there');
  client.destroy();
  await server.acceptor.close();
});

/** Whether the ServerHello that an answer begins with takes up a PSK. */
function hasPreSharedKey(answer: Buffer): boolean {
  const serverHello = answer.subarray(5, 5 + answer.readUInt16BE(3));
  return serverHello.includes(Buffer.from([0, 41, 0, 2, 0, 0]));
}

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { HelloReader, type HelloReaderOptions } from '../../../tls/hello/hello-reader.ts';
import { TlsAcceptError } from '../../../tls/index.ts';
import {
  captureNodeHello,
  splitIntoRecords,
  withExtension,
} from '../../fixtures/captured-hello.ts';
import { until } from '../../fixtures/until.ts';

const hello = await captureNodeHello({ servername: 'mail.example.org' });

/** Whom nothing is asked of. */
const stranger = { remoteAddress: '127.0.0.1', endForInput: () => {} };

/** Both ends of a connection, and a reader. */
async function connectReader(
  t: Test,
  options?: HelloReaderOptions,
  allowHalfOpen = false,
): Promise<{ reader: HelloReader; open: () => Promise<{ client: Socket; socket: Socket }> }> {
  const server = createServer({ allowHalfOpen });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets: Socket[] = [];
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    reader: new HelloReader(options),
    async open() {
      const accepted = once(server, 'connection');
      const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
      client.on('error', () => {});
      client.setNoDelay();
      const [socket] = (await accepted) as [Socket];
      socket.on('error', () => {});
      sockets.push(client, socket);
      return { client, socket };
    },
  };
}

async function failure(reading: Promise<unknown>): Promise<string> {
  try {
    await reading;
  } catch (error) {
    if (error instanceof TlsAcceptError) return error.code;
    throw error;
  }
  return 'none';
}

function inRecord(fragment: Buffer): Buffer {
  return splitIntoRecords(Buffer.concat([Buffer.alloc(5), fragment]), 16_384);
}

/** Sends bytes one chunk after the other, each only when the one before has arrived. */
async function sendSlowly(
  client: Socket,
  socket: Socket,
  chunks: readonly Buffer[],
): Promise<void> {
  const before = socket.bytesRead;
  let sent = 0;
  for (const chunk of chunks) {
    client.write(chunk);
    sent += chunk.length;
    await until(() => socket.bytesRead === before + sent);
    await setImmediate();
  }
}

function read(socket: Socket): Buffer {
  const chunks: Buffer[] = [];
  for (
    let chunk = socket.read() as Buffer | null;
    chunk !== null;
    chunk = socket.read() as Buffer | null
  ) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

void t.test('reads a hello in one piece and puts it back', async (t) => {
  const { reader, open } = await connectReader(t);
  const { client, socket } = await open();
  const reading = reader.read(socket, stranger);
  t.equal(reader.pendingCount, 1);
  client.write(Buffer.concat([hello, Buffer.from('and more')]));
  t.equal((await reading)?.serverName, 'mail.example.org');
  t.equal(reader.pendingCount, 0);
  t.same(read(socket), Buffer.concat([hello, Buffer.from('and more')]));
  t.same(
    ['readable', 'end', 'close', 'error'].map((event) => socket.listenerCount(event)),
    [0, 1, 0, 1],
    'nobody listens but Node and this test',
  );
});

void t.test('reads a hello that was there before it was asked for', async (t) => {
  const { reader, open } = await connectReader(t);
  const { client, socket } = await open();
  client.write(hello.subarray(0, 100));
  socket.on('readable', () => {});
  await until(() => socket.readableLength === 100);
  socket.removeAllListeners('readable');
  const reading = reader.read(socket, stranger);
  client.write(hello.subarray(100));
  t.equal((await reading)?.serverName, 'mail.example.org');
  t.same(read(socket), hello);
});

void t.test('reads a hello that is split at any byte', async (t) => {
  const { reader, open } = await connectReader(t);
  // Every byte up to the body, and then some; the parser has a test for all of them.
  const positions = [...Array(48).keys()].slice(1);
  for (let position = 60; position < hello.length; position += 151) positions.push(position);
  for (const position of positions) {
    const { client, socket } = await open();
    const reading = reader.read(socket, stranger);
    await sendSlowly(client, socket, [hello.subarray(0, position), hello.subarray(position)]);
    if ((await reading)?.serverName !== 'mail.example.org') t.fail(`at ${position}`);
    if (!read(socket).equals(hello)) t.fail(`put back what it has not read, at ${position}`);
    client.destroy();
  }
  t.pass(`at ${positions.length} places`);
});

void t.test('reads a hello that comes byte by byte, in several records', async (t) => {
  const { reader, open } = await connectReader(t);
  const { client, socket } = await open();
  const reading = reader.read(socket, stranger);
  const bytes = splitIntoRecords(hello, 400);
  const chunks = Array.from(bytes, (byte) => Buffer.from([byte]));
  await sendSlowly(client, socket, chunks);
  t.equal((await reading)?.serverName, 'mail.example.org');
  const lastBytes = (hello.length - 5) % 400;
  const [one, other] = [hello.subarray(5, -lastBytes), hello.subarray(-lastBytes)];
  t.same(read(socket), Buffer.concat([one, other].map(inRecord)), 'in as few as it needs');
});

void t.test('keeps what follows a hello in the same chunk, however much it is', async (t) => {
  const { reader, open } = await connectReader(t);
  const { client, socket } = await open();
  const reading = reader.read(socket, stranger);
  const more = Buffer.alloc(40_000, 'x');
  await sendSlowly(client, socket, [hello.subarray(0, 10)]);
  client.write(Buffer.concat([hello.subarray(10), more]));
  t.equal((await reading)?.serverName, 'mail.example.org');
  let received = Buffer.alloc(0);
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk as Buffer]);
    if (received.length === hello.length + more.length) break;
  }
  t.ok(received.equals(Buffer.concat([hello, more])));
});

void t.test('lets TLS answer a malformed hello', async (t) => {
  const { reader, open } = await connectReader(t);
  const { client, socket } = await open();
  const reading = reader.read(socket, stranger);
  const broken = Buffer.from(hello);
  broken[43] = 255;
  client.write(broken);
  t.equal(await reading, undefined);
  t.same(read(socket), broken);
});

void t.test('fails for what is no hello, with the reason', async (t) => {
  const { reader, open } = await connectReader(t);
  const tooLarge = Buffer.from([22, 3, 1, 0x40, 0, 1, 2, 1, 0x45]);
  const cases: [string, (client: Socket) => unknown][] = [
    ['NOT_TLS', (client) => client.write('a1 LOGIN alice secret\r\n')],
    ['HELLO_TOO_LARGE', (client) => client.write(tooLarge)],
    ['HANDSHAKE_FAILED', (client) => client.write(Buffer.from([22, 3, 1, 0, 0]))],
    ['CLOSED', (client) => client.end()],
    ['CLOSED', (client) => client.end(hello.subarray(0, 100))],
    ['CLOSED', (client) => client.resetAndDestroy()],
  ];
  for (const [code, act] of cases) {
    const { client, socket } = await open();
    const reading = failure(reader.read(socket, stranger));
    act(client);
    t.equal(await reading, code);
    t.equal(socket.listenerCount('readable'), 0);
  }
  const { socket } = await open();
  socket.destroy();
  t.equal(
    await failure(reader.read(socket, stranger)),
    'CLOSED',
    'a socket that is closed already',
  );
  t.equal(reader.pendingCount, 0);
});

void t.test(
  'a client that will say no more has left, also where the server may go on',
  async (t) => {
    const { reader, open } = await connectReader(t, {}, true);
    const { client, socket } = await open();
    const reading = failure(reader.read(socket, stranger));
    client.end(hello.subarray(0, 100));
    t.equal(await reading, 'CLOSED');
    t.notOk(socket.destroyed);
  },
);

void t.test('a hello has its time, however it is spent', async (t) => {
  const { reader, open } = await connectReader(t, { deadlineMs: 60 });
  const { client, socket } = await open();
  const startMs = performance.now();
  const reading = failure(reader.read(socket, stranger));
  let sent = 0;
  const drip = setInterval(() => client.write(hello.subarray(sent, ++sent)), 5);
  t.teardown(() => clearInterval(drip));
  t.equal(await reading, 'HELLO_TIMEOUT');
  t.ok(performance.now() - startMs >= 60);
  t.equal(reader.pendingCount, 0);
});

void t.test('fails the reading of one socket and leaves the others', async (t) => {
  const { reader, open } = await connectReader(t);
  const [one, other] = [await open(), await open()];
  const failed = failure(reader.read(one.socket, stranger));
  const reading = reader.read(other.socket, stranger);
  reader.fail(one.socket, new TlsAcceptError('ACCEPTOR_CLOSED', 'Closed'));
  t.equal(await failed, 'ACCEPTOR_CLOSED');
  t.equal(reader.pendingCount, 1);
  t.equal(one.socket.listenerCount('readable'), 0);
  t.notOk(one.socket.destroyed, 'its owner decides what to do with it');
  other.client.write(hello);
  t.equal((await reading)?.serverName, 'mail.example.org');
  reader.fail(other.socket, new TlsAcceptError('ACCEPTOR_CLOSED', 'Closed'));
});

void t.test('a hello that was there in time is read, however busy the thread was', async (t) => {
  const { reader, open } = await connectReader(t, { deadlineMs: 30 });
  const { client, socket } = await open();
  const reading = reader.read(socket, stranger);
  client.write(hello);
  // The thread is busy until after the deadline, and its timers come before what the kernel has.
  const startMs = performance.now();
  while (performance.now() - startMs < 60);
  t.equal((await reading)?.serverName, 'mail.example.org');
});

void t.test(
  'long hellos that do not end have one bound, and the group with most loses',
  async (t) => {
    const { reader, open } = await connectReader(t, { heldBytes: 100_000 });
    const start = withExtension(hello, 0xfafa, Buffer.alloc(60_000)).subarray(0, 40_000);
    const ended: string[] = [];
    const begin = async (name: string, remoteAddress: string, bytes: Buffer) => {
      const { client, socket } = await open();
      const endForInput = (): void => {
        ended.push(name);
        reader.fail(socket, new TlsAcceptError('TOO_MANY_PENDING', 'Ended'));
      };
      const one = { remoteAddress, endForInput };
      const reading = failure(reader.read(socket, one));
      client.write(bytes);
      await until(() => socket.bytesRead === bytes.length);
      await setImmediate();
      return { client, reading, stranger: one };
    };
    const honest = await begin('honest', '192.0.2.7', start.subarray(0, 10_000));
    const short = await begin('short', '192.0.2.8', hello.subarray(0, 1_000));
    t.ok(reader.heldBytes >= 10_000 && reader.heldBytes <= 20_000, 'the short one does not count');
    const first = await begin('first', '192.0.2.8', start);
    t.same(ended, []);
    await begin('second', '192.0.2.8', start);
    t.same(ended, ['first']);
    t.equal(await first.reading, 'TOO_MANY_PENDING');
    t.ok(reader.heldBytes <= 100_000);
    short.client.write(hello.subarray(1_000));
    t.equal(await short.reading, 'none');
    reader.release(honest.stranger);
    reader.release(short.stranger);
    t.ok(reader.heldBytes >= 40_000);
  },
);

void t.test('a long hello counts until its handshake ends', async (t) => {
  const { reader, open } = await connectReader(t);
  const { client, socket } = await open();
  const reading = reader.read(socket, stranger);
  client.write(withExtension(hello, 0xfafa, Buffer.alloc(60_000)));
  t.equal((await reading)?.serverName, 'mail.example.org');
  t.ok(reader.heldBytes >= 60_000);
  reader.release(stranger);
  t.equal(reader.heldBytes, 0);
});

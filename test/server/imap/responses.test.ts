import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { Responses } from '../../../server/imap/responses.ts';
import { defaultNetworkLimits } from '../../../server/net/limits.ts';
import { ConnectionLostError } from '../../../server/net/byte-stream.ts';
import { Transport } from '../../../server/net/transport.ts';

/** Both ends of a connection. */
async function socketPair(t: Test): Promise<{ near: Socket; far: Socket }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const far = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [near] = (await once(server, 'connection')) as [Socket];
  t.teardown(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  near.on('error', () => {});
  far.on('error', () => {});
  return { near, far };
}

function transportOf(socket: Socket): Transport {
  return new Transport(socket, 0, {
    limits: { ...defaultNetworkLimits, maxWaitingBytes: 1 << 30 },
    transportFailed: () => {},
    transportEnters: () => {},
    transportClosed: () => {},
  });
}

await t.test('text is gathered up to the chunk size, then written', async (t) => {
  const { near, far } = await socketPair(t);
  const out = new Responses(transportOf(near), 10);
  out.begin().atom('OK');
  t.equal(near.bytesWritten, 0);
  out.atom('0123456789');
  await once(far, 'data');
  t.equal(near.bytesWritten, 15);
});

await t.test('bytes keep their order and their values', async (t) => {
  const { near, far } = await socketPair(t);
  const out = new Responses(transportOf(near), 64);
  const small = Uint8Array.of(1, 0x80, 0xff);
  const large = new Uint8Array(100).fill(0xe9);
  out.begin().string('\xe9').literal(3).bytes(small).literal(100).bytes(large).end();
  out.flush();
  near.end();
  const chunks = (await far.toArray()) as Buffer[];
  t.same(
    Buffer.concat(chunks),
    Buffer.concat([
      Buffer.from('* {1}\r\n\xe9 {3}\r\n', 'latin1'),
      small,
      Buffer.from(' {100}\r\n'),
      large,
      Buffer.from('\r\n'),
    ]),
  );
});

await t.test(
  'a client that does not read makes the stream full, and ready waits for it',
  async (t) => {
    const { near, far } = await socketPair(t);
    far.pause();
    const out = new Responses(transportOf(near), 1024);
    const chunk = new Uint8Array(64 * 1024);
    let writtenBytes = 0;
    out.begin().literal(2 ** 40);
    while (!out.isFull) {
      out.bytes(chunk);
      writtenBytes += chunk.length;
      // Lets the kernel take what it can.
      await new Promise((resolve) => setImmediate(resolve));
      if (writtenBytes > 64 * 1024 * 1024) throw new Error('The stream never fills');
    }
    let isReady = false;
    const ready = out.ready().then(() => {
      isReady = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    t.equal(isReady, false);
    far.resume();
    await ready;
    t.equal(out.isFull, false);
  },
);

await t.test('ready rejects when the client is gone, and leaves no listener', async (t) => {
  const { near, far } = await socketPair(t);
  far.pause();
  const out = new Responses(transportOf(near), 1024);
  out.begin().literal(2 ** 40);
  while (!out.isFull) out.bytes(new Uint8Array(1 << 20));
  const before = near.listenerCount('drain') + near.listenerCount('close');
  const ready = out.ready();
  far.resetAndDestroy();
  await t.rejects(ready, ConnectionLostError);
  t.equal(near.listenerCount('drain') + near.listenerCount('close'), before);
  await t.rejects(out.ready(), ConnectionLostError);
  out.bytes(new Uint8Array(3));
  out.flush();
});

await t.test(
  'whoever writes behind a response that has not ended ends the connection',
  async (t) => {
    for (const write of [
      (out: Responses) => out.status('a', 'NO', 'Internal error'),
      (out: Responses) => out.begin(),
      (out: Responses) => out.fetchFlags(1, 1, true, undefined),
      (out: Responses) => out.continuation('idling'),
    ]) {
      const { near, far } = await socketPair(t);
      const out = new Responses(transportOf(near), 1024);
      out.begin().atom('FETCH').open();
      out.flush();
      t.throws(() => write(out), ConnectionLostError);
      t.equal(near.destroyed, true);
      t.equal(Buffer.concat((await far.toArray()) as Buffer[]).toString(), '* FETCH (');
    }
  },
);

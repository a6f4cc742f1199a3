import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { ConnectionLostError, ResponseStream } from '../../../server/imap/response-stream.ts';

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

await t.test('text is gathered up to the chunk size, then written', async (t) => {
  const { near, far } = await socketPair(t);
  const out = new ResponseStream(near, 10);
  out.untagged('OK');
  t.equal(near.bytesWritten, 0);
  out.write('0123456789');
  await once(far, 'data');
  t.equal(near.bytesWritten, 16);
});

await t.test('octets keep their order and their values', async (t) => {
  const { near, far } = await socketPair(t);
  const out = new ResponseStream(near, 64);
  const small = Uint8Array.of(0, 0x80, 0xff);
  const large = new Uint8Array(100).fill(0xe9);
  out.write('é');
  out.writeBytes(small);
  out.writeBytes(large);
  out.write('end');
  out.flush();
  near.end();
  const chunks = (await far.toArray()) as Buffer[];
  t.same(
    Buffer.concat(chunks),
    Buffer.concat([Uint8Array.of(0xe9), small, large, Buffer.from('end')]),
  );
});

await t.test(
  'a client that does not read makes the stream full, and ready waits for it',
  async (t) => {
    const { near, far } = await socketPair(t);
    far.pause();
    const out = new ResponseStream(near, 1024);
    const chunk = new Uint8Array(64 * 1024);
    let writtenBytes = 0;
    while (!out.isFull) {
      out.writeBytes(chunk);
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
  const out = new ResponseStream(near, 1024);
  while (!out.isFull) out.writeBytes(new Uint8Array(1 << 20));
  const before = near.listenerCount('drain') + near.listenerCount('close');
  const ready = out.ready();
  far.resetAndDestroy();
  await t.rejects(ready, ConnectionLostError);
  t.equal(near.listenerCount('drain') + near.listenerCount('close'), before);
  await t.rejects(out.ready(), ConnectionLostError);
  out.write('nobody reads this');
  out.flush();
});

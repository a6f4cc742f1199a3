import { once } from 'node:events';
import { connect, createServer, type AddressInfo, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { setImmediate as nextRound } from 'node:timers/promises';
import { constants, deflateRawSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { defaultNetworkLimits, type NetworkLimits } from '../../../server/net/limits.ts';
import { type ByteReceiver, ConnectionLostError } from '../../../server/net/byte-stream.ts';
import { Inflater } from '../../../server/net/compression/inflater.ts';
import { maxCodesPerPiece } from '../../../server/net/compression/limits.ts';
import { Transport, type TransportOwner } from '../../../server/net/transport.ts';
import { Admission } from '../../../tls/admission/admission.ts';
import { TlsAcceptError } from '../../../tls/events.ts';
import { emptyBlocks } from '../../fixtures/empty-blocks.ts';
import { until } from '../../fixtures/until.ts';

/** An owner that keeps what it is told. */
function makeOwner(limits: Partial<NetworkLimits> = {}) {
  const failures: Error[] = [];
  const closed = Promise.withResolvers<void>();
  const owner: TransportOwner = {
    limits: { ...defaultNetworkLimits, ...limits },
    transportFailed: (_transport, error) => void failures.push(error),
    transportEnters: () => {},
    transportClosed: () => closed.resolve(),
  };
  return { owner, failures, closed: closed.promise };
}

/** A transport on one end of a connection, and the other end. */
async function makePair(t: Test, limits: Partial<NetworkLimits> = {}) {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const far = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    allowHalfOpen: true,
  });
  far.on('error', () => {});
  const [near] = (await once(server, 'connection')) as [Socket];
  t.teardown(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  const parts = makeOwner(limits);
  return { ...parts, near, far, transport: new Transport(near, 0, parts.owner) };
}

/** Keeps what it is given. */
class Receiver implements ByteReceiver {
  text = '';
  hasEnded = false;

  receiveBytes(bytes: Buffer): void {
    this.text += bytes.toString('latin1');
  }

  receiveEnd(): void {
    this.hasEnded = true;
  }

  receiveUnreadable(error: Error): void {
    this.text += error.message;
  }
}

await t.test('text has one byte a character, and bytes go out as they are', async (t) => {
  const { transport, far, closed } = await makePair(t);
  transport.write('\xe9 ');
  transport.write(Uint8Array.of(0, 0x80, 0xff));
  transport.end();
  t.same(Buffer.concat(await far.toArray()), Uint8Array.of(0xe9, 0x20, 0, 0x80, 0xff));
  far.end();
  await closed;
});

await t.test('nothing is read before resume; what comes then goes to the receiver', async (t) => {
  const { transport, near, far } = await makePair(t);
  far.write('one ');
  const receiver = new Receiver();
  transport.receive(receiver);
  t.equal(near.isPaused(), true);
  transport.resume();
  await once(near, 'data');
  far.end('two');
  await once(near, 'end');
  t.match(receiver, { text: 'one two', hasEnded: true });
});

await t.test('dropped input is counted, and never given to a receiver', async (t) => {
  const { transport, near } = await makePair(t);
  const receiver = new Receiver();
  transport.receive(receiver);
  near.unshift(Buffer.from('12345'));
  t.equal(transport.dropInput(), 5);
  t.equal(receiver.text, '');
});

// A stranger could end a worker: STARTTLS took the error listener away and waited for a flush that never came.
await t.test(
  'a reset while STARTTLS waits for its answer to go out is no uncaught error',
  async (t) => {
    const stuck = new Duplex({ read() {}, write() {} });
    const { owner, failures } = makeOwner();
    const transport = new Transport(
      Object.assign(stuck, { isPaused: () => true }) as Socket,
      0,
      owner,
    );
    transport.write('a OK begin');
    const accept = async () => t.fail('there is nobody to shake hands with') as never;
    const started = transport.startTls({ accept });
    const reset = new Error('read ECONNRESET');
    stuck.destroy(reset);
    await t.rejects(started, ConnectionLostError);
    t.strictSame(failures, [reset]);
  },
);

await t.test('an error is taken at any time, also after the end', async (t) => {
  for (const prepare of [
    () => {},
    (transport: Transport) => transport.write('x'.repeat(1 << 20)),
    (transport: Transport) => transport.end(),
    (transport: Transport) => transport.destroy(),
  ]) {
    const { transport, near, closed } = await makePair(t);
    prepare(transport);
    near.emit('error', new Error('read ECONNRESET'));
    await closed;
    t.equal(transport.isClosed, true);
  }
});

await t.test('a handshake that fails rejects, and the end of the socket is told', async (t) => {
  const { transport, near, closed } = await makePair(t);
  const failure = new TlsAcceptError('HANDSHAKE_FAILED', 'no');
  const accept = async () => {
    near.destroy();
    throw failure;
  };
  await t.rejects(transport.startTls({ accept }), failure);
  await closed;
});

await t.test('a client that does not close too is cut off after the deadline', async (t) => {
  const { transport, far, closed } = await makePair(t, { closeDeadlineMs: 20 });
  far.resume();
  transport.write('bye');
  transport.end();
  transport.end();
  await closed;
  t.equal(far.writable, true, 'the client has never closed its side');
});

await t.test(
  'endNow gives the descriptor back without the client, who still reads it all',
  async (t) => {
    const { transport, far, closed } = await makePair(t, { closeDeadlineMs: 1 << 30 });
    transport.write('bye');
    transport.endNow();
    await closed;
    t.equal(String(Buffer.concat(await far.toArray())), 'bye');
  },
);

await t.test('drained waits for the client, or tells that it is gone', async (t) => {
  const { transport, near, far } = await makePair(t, { maxWaitingBytes: 1 << 30 });
  while (!transport.isFull) transport.write(new Uint8Array(1 << 20));
  const drained = transport.drained();
  far.resume();
  await drained;
  t.equal(transport.isFull, false);
  far.pause();
  while (!transport.isFull) transport.write(new Uint8Array(1 << 20));
  const lost = transport.drained();
  const listenerCount = near.listenerCount('close');
  far.resetAndDestroy();
  await t.rejects(lost, ConnectionLostError);
  t.equal(near.listenerCount('close'), listenerCount - 1);
  await t.rejects(transport.drained(), ConnectionLostError);
});

await t.test('output of which too much waits ends the client', async (t) => {
  const { transport, failures, closed } = await makePair(t, { maxWaitingBytes: 1 << 20 });
  for (let count = 0; count < 64; count++) transport.write(new Uint8Array(1 << 20));
  await closed;
  t.match(failures, [/more output/]);
});

await t.test(
  'a client that takes nothing for too long is cut off, one that takes a little is not',
  async (t) => {
    const { transport, near, far, closed } = await makePair(t, { stallDeadlineMs: 300_000 });
    t.equal(transport.sweep(0), false);
    t.equal(transport.sweep(1_000_000), false, 'nothing waits for a silent client');
    const chunk = new Uint8Array(64 * 1024);
    while (near.writableLength < 4 * chunk.length) {
      transport.write(chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
    t.equal(transport.sweep(1_001_000), false);
    t.equal(transport.sweep(1_300_000), false);
    const { takenBytes } = transport;
    far.resume();
    while (transport.takenBytes === takenBytes)
      await new Promise((resolve) => setImmediate(resolve));
    far.pause();
    while (near.writableLength < 4 * chunk.length) {
      transport.write(chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
    t.equal(transport.sweep(1_301_000), false, 'some was taken');
    t.equal(transport.sweep(1_600_999), false);
    t.equal(transport.sweep(1_601_000), true);
    await closed;
  },
);

await t.test(
  'the time to log in does not count what the server made the client wait',
  async (t) => {
    const { owner } = makeOwner();
    const transport = new Transport(new Socket(), 1_000, owner);
    t.equal(transport.takenMs(5_000), 4_000);
    transport.beginWait(2_000);
    t.equal(transport.takenMs(5_000), 1_000, 'while it waits');
    transport.endWait(3_500);
    t.equal(transport.takenMs(5_000), 2_500);
    const admission = new Admission({ clock: () => 3_000 });
    const entry = admission.enter('192.0.2.1', { end: () => {} });
    transport.enter({ ...entry, waitedMs: 500, admit: () => {} });
    t.equal(transport.takenMs(5_000), 2_000);
  },
);

await t.test('of a client whose blocks take several turns nothing is read meanwhile', async (t) => {
  const { transport, far } = await makePair(t);
  const receiver = new Receiver();
  transport.receive(receiver);
  transport.startCompression();
  transport.resume();
  far.write(emptyBlocks(10 * maxCodesPerPiece));
  await until(() => !transport.isReading);
  const said = 'a NOOP\r\n';
  far.write(deflateRawSync(said, { finishFlush: constants.Z_SYNC_FLUSH }));
  await until(() => receiver.text === said);
  t.equal(transport.isReading, true);
});

await t.test(
  'a sweep makes what is held of a compressing client that is idle smaller',
  async (t) => {
    const { transport, far } = await makePair(t);
    const packed = t.capture(Inflater.prototype, 'pack', Inflater.prototype.pack);
    const receiver = new Receiver();
    transport.receive(receiver);
    transport.startCompression();
    transport.resume();
    const said = 'a NOOP\r\n'.repeat(1_000);
    far.write(deflateRawSync(said, { finishFlush: constants.Z_SYNC_FLUSH }));
    await until(() => receiver.text === said);
    transport.sweep(0);
    for (let round = 0; round < 5; round++) await nextRound();
    t.equal(packed().length, 0, 'it has just spoken');
    transport.sweep(1);
    await until(() => packed().length > 0);
  },
);

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import * as fc from 'fast-check';
import t from 'tap';
import {
  ByteQueue,
  decodeChange,
  encodeChange,
  type SessionChange,
} from '../../../../tls/sessions/threads/change-queue.ts';

function makeEnds(capacityBytes: number) {
  const buffer = ByteQueue.allocate(capacityBytes);
  return { writer: new ByteQueue(buffer), reader: new ByteQueue(buffer), buffer };
}

await t.test('agrees with a list, whatever the records and the room', async (t) => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('write'), length: fc.integer({ min: 0, max: 90 }) }),
    fc.record({ kind: fc.constant('read') }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const { writer, reader, buffer } = makeEnds(256);
      const waiting: Uint8Array[] = [];
      for (const step of steps) {
        if (step.kind === 'read') {
          if (!areSame(reader.read(), waiting.shift())) return false;
          continue;
        }
        const record = new Uint8Array(randomBytes('length' in step ? step.length : 0));
        const taken = waiting.reduce((sum, { length }) => sum + 4 + length, 0);
        if (writer.waitingBytes !== taken) return false;
        const isWritten = writer.write(record);
        if (isWritten !== taken + 4 + record.length <= 256) return false;
        if (isWritten) waiting.push(record);
      }
      while (reader.read() !== undefined);
      return new Uint8Array(buffer, 8).every((byte) => byte === 0);
    }),
  );
  t.pass('and leaves nothing behind of what was read');
});

await t.test('goes on where its counts go round', async (t) => {
  const { writer, reader, buffer } = makeEnds(64);
  new Uint32Array(buffer, 0, 2).fill(2 ** 32 - 10);
  for (let round = 0; round < 10; round++) {
    const record = new Uint8Array(randomBytes(20));
    t.equal(writer.write(record), true);
    t.equal(writer.waitingBytes, 24);
    t.same(reader.read(), record);
  }
});

await t.test('refuses a capacity whose positions would not go round', async (t) => {
  t.throws(() => ByteQueue.allocate(1000), /"1000" bytes/);
});

await t.test('hands everything from one thread to another, in order', async (t) => {
  const recordCount = 50_000;
  const buffer = ByteQueue.allocate(1024);
  const thread = new Worker(new URL('../../../fixtures/byte-queue-thread.ts', import.meta.url), {
    workerData: { buffer, recordCount },
  });
  const ended = once(thread, 'exit');
  const reader = new ByteQueue(buffer);
  let readCount = 0;
  let wrongCount = 0;
  while (readCount < recordCount) {
    const record = reader.read();
    if (record === undefined) {
      await nextTurn();
      continue;
    }
    const length = readCount % 50;
    if (record.length !== length || record.some((byte) => byte !== readCount % 251)) wrongCount++;
    readCount++;
  }
  await ended;
  t.equal(wrongCount, 0);
  t.equal(reader.waitingBytes, 0);
});

const bytes = (length: number) => new Uint8Array(randomBytes(length));

await t.test('changes are read as they were written', async (t) => {
  const changes: SessionChange[] = [
    { kind: 'put', id: bytes(32), session: bytes(130), options: { expiresAt: 1.5e12 + 0.25 } },
    {
      kind: 'put',
      id: bytes(32),
      session: bytes(700),
      options: {
        expiresAt: Infinity,
        address: '2001:db8::1',
        certificate: 'ab'.repeat(32),
        account: 'Jürgen 😀',
      },
    },
    { kind: 'put', id: bytes(1), session: bytes(0), options: { expiresAt: 0, account: '' } },
    { kind: 'promote', ids: [bytes(32), bytes(32)], account: 'alice' },
    { kind: 'promote', ids: [], account: '' },
    { kind: 'delete', id: bytes(32), reason: 'superseded' },
    { kind: 'delete', id: bytes(32), reason: 'cleared' },
  ];
  for (const [index, change] of changes.entries()) {
    const number = 2 ** 32 - 3 + index;
    const read = decodeChange(encodeChange({ number, change }));
    t.same(read, { number: number % 2 ** 32, change });
  }
});

function areSame(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return Buffer.compare(one, other) === 0;
}

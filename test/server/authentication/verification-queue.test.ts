import t from 'tap';
import {
  VerificationQueue,
  VerificationQueueFullError,
} from '../../../server/authentication/verification-queue.ts';

await t.test('runs a few at a time, in order, and refuses what is too much', async (t) => {
  const queue = new VerificationQueue({ concurrency: 2, maxWaiting: 3 });
  const gates = [0, 1, 2, 3, 4].map(() => Promise.withResolvers<void>());
  const begun: number[] = [];
  const runs = gates.map((gate, index) =>
    queue.run(async () => {
      begun.push(index);
      await gate.promise;
      return index;
    }),
  );
  t.strictSame(begun, [0, 1]);
  t.equal(queue.waitingCount, 3);
  await t.rejects(
    queue.run(async () => 5),
    { name: 'VerificationQueueFullError', code: 'UNAVAILABLE' },
  );
  for (const [index, gate] of gates.entries()) {
    gate.resolve();
    t.equal(await runs[index], index);
    t.ok(begun.length <= index + 3, 'never more than two at once');
  }
  t.strictSame(begun, [0, 1, 2, 3, 4]);
  t.equal(queue.waitingCount, 0);
});

await t.test('a check that fails gives its place to the next', async (t) => {
  const queue = new VerificationQueue({ concurrency: 1, maxWaiting: 1 });
  const failing = queue.run(async () => {
    throw new Error('broken');
  });
  const next = queue.run(async () => 'ran');
  await t.rejects(failing, { message: 'broken' });
  t.equal(await next, 'ran');
  t.equal(await queue.run(async () => 'again'), 'again');
  t.notOk(new VerificationQueueFullError().message.endsWith('.'));
});

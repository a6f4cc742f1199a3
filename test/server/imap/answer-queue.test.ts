import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { AnswerQueue } from '../../../server/imap/answer-queue.ts';

const limits = { maxUnansweredCommands: 3, maxUnansweredBytes: 100 };

/** A queue, what it has given, and what lets it give the next. */
function makeQueue() {
  const given: number[] = [];
  let failureCount = 0;
  let emptyCount = 0;
  const queue = new AnswerQueue(limits, {
    onFailure: () => failureCount++,
    onEmpty: () => emptyCount++,
  });
  const waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const add = (bytes: number): void => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const number = waiting.push({ resolve, reject });
    queue.add(bytes, async () => {
      await promise;
      given.push(number);
    });
  };
  return {
    queue,
    given,
    waiting,
    add,
    failureCount: () => failureCount,
    emptyCount: () => emptyCount,
  };
}

await t.test('answers are given in their order', async (t) => {
  const { queue, given, waiting, add, emptyCount } = makeQueue();
  t.ok(queue.isEmpty);
  add(1);
  add(1);
  waiting[1]!.resolve();
  await setImmediate();
  t.same(given, []);
  t.notOk(queue.isEmpty);
  t.equal(emptyCount(), 0);
  waiting[0]!.resolve();
  await queue.settle();
  t.same(given, [1, 2]);
  t.ok(queue.isEmpty);
  t.equal(emptyCount(), 1, 'told once, when the last is given');
});

for (const [name, bytes, isFull] of [
  ['commands', [1, 1, 1], true],
  ['fewer commands', [1, 1], false],
  ['bytes', [60, 31], true],
  ['fewer bytes', [60, 30], false],
] as const) {
  await t.test(`${isFull ? 'no room' : 'room'} beside ${name}`, async (t) => {
    const { queue, waiting, add } = makeQueue();
    for (const count of bytes) add(count);
    let hasRoom = false;
    const room = queue.room(10).then(() => (hasRoom = true));
    await setImmediate();
    t.equal(hasRoom, !isFull);
    waiting[0]!.resolve();
    await room;
    for (const { resolve } of waiting) resolve();
    await queue.settle();
  });
}

await t.test('behind an answer that cannot be given none is given', async (t) => {
  const { queue, given, waiting, add, failureCount } = makeQueue();
  for (let count = 0; count < 3; count++) add(1);
  waiting[2]!.resolve();
  waiting[1]!.reject(new Error('Gone'));
  t.notOk(queue.hasFailed);
  waiting[0]!.resolve();
  await t.rejects(queue.settle(), { message: 'Gone' });
  t.ok(queue.hasFailed);
  t.equal(failureCount(), 1);
  t.same(given, [1]);
  await queue.room(10);
});

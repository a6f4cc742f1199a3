import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import type { LoginAttempt } from '../../../server/authentication/failed-logins.ts';
import { defaultLoginLimits } from '../../../server/authentication/limits.ts';
import {
  LinkedPasswordChecks,
  linkPasswordChecks,
} from '../../../server/authentication/password-check-link.ts';
import {
  LoginBusyError,
  PasswordCheckQueue,
} from '../../../server/authentication/password-check-queue.ts';
import { until } from '../../fixtures/until.ts';

// The ports of links keep no process alive.
const alive = setInterval(() => {}, 1_000);
t.teardown(() => clearInterval(alive));

let lastMark = 0;

function attempt(account: string, group = '10.0.0.1'): LoginAttempt {
  return { group, account, passwordMark: (lastMark += 1) };
}

/** Options of a link whose checks have no deadline: a place is given back by nothing else than what is tested. */
const noDeadline = { makeTimer: () => ({ arm: () => {}, clear: () => {} }) };

/** A queue with one place, and as many ends of links to it as are wanted. */
function setUp(t: Test, linkCount: number) {
  const queue = new PasswordCheckQueue({
    limits: { ...defaultLoginLimits, maxConcurrentChecks: 1 },
  });
  const ends = Array.from(
    { length: linkCount },
    () => new LinkedPasswordChecks(linkPasswordChecks(queue, noDeadline)),
  );
  t.teardown(() => {
    for (const end of ends) end.close();
    queue.close();
  });
  return { queue, ends };
}

await t.test('checks of several threads take their turns in one queue', async (t) => {
  const { ends } = setUp(t, 3);
  const state = { running: 0, most: 0 };
  const check = async () => {
    state.running += 1;
    state.most = Math.max(state.most, state.running);
    await new Promise(setImmediate);
    state.running -= 1;
    return true;
  };
  const runs = Array.from({ length: 30 }, (_, index) =>
    ends[index % 3]!.run(attempt(`account${index}`), check),
  );
  t.ok((await Promise.all(runs)).every((isRight) => isRight));
  t.equal(state.most, 1);
});

await t.test('a wrong password is counted for all, a check that fails is not', async (t) => {
  const { queue, ends } = setUp(t, 2);
  const failing = ends[0]!.run(attempt('bob'), () => Promise.reject(new Error('broken')));
  await t.rejects(failing, { message: 'broken' });
  t.equal(await ends[0]!.run(attempt('alice'), async () => false), false);
  t.equal(await ends[1]!.run(attempt('alice'), async () => false), false);
  // Each end tells results in order, before it asks for more.
  for (const end of ends) await end.run(attempt('dave'), async () => true);
  t.equal(queue.failedLogins.accountDelayMs(attempt('bob')), 0);
  t.equal(queue.failedLogins.accountDelayMs(attempt('alice')), 500);
  for (let guess = 0; guess < 9; guess += 1) queue.failedLogins.record(attempt('carol'));
  for (const end of ends) t.ok(end.failedLogins.isGuessing(attempt('carol')));
});

await t.test('a full share is told at the other end', async (t) => {
  const { ends } = setUp(t, 1);
  const never = new Promise<boolean>(() => {});
  const runs = Array.from({ length: 18 }, () => ends[0]!.run(attempt('alice'), () => never));
  await t.rejects(runs.at(-1)!, LoginBusyError);
  for (const run of runs) run.catch(() => undefined);
});

await t.test('an end that closes refuses what waits there, and gives up its place', async (t) => {
  const { ends } = setUp(t, 2);
  const started = Promise.withResolvers<void>();
  const never = new Promise<boolean>(() => {});
  void ends[0]!.run(attempt('alice'), () => {
    started.resolve();
    return never;
  });
  await started.promise;
  const waiting = ends[0]!.run(attempt('bob'), async () => true);
  const elsewhere = ends[1]!.run(attempt('carol'), async () => true);
  ends[0]!.close();
  await t.rejects(waiting, LoginBusyError);
  await t.rejects(
    ends[0]!.run(attempt('dave'), async () => true),
    LoginBusyError,
  );
  t.equal(await elsewhere, true);
});

await t.test('a thread that dies while it runs a check gives up its place', async (t) => {
  const { queue, ends } = setUp(t, 1);
  const link = linkPasswordChecks(queue);
  const source = `
    const { parentPort, workerData: port } = require('node:worker_threads');
    port.postMessage({ kind: 'join', id: 1, attempt: ${JSON.stringify(attempt('alice'))} });
    port.postMessage({ kind: 'join', id: 2, attempt: ${JSON.stringify(attempt('bob'))} });
    port.once('message', () => parentPort.postMessage('running'));
  `;
  const worker = new Worker(source, {
    eval: true,
    workerData: link.port,
    transferList: [link.port],
  });
  await once(worker, 'message');
  const elsewhere = ends[0]!.run(attempt('carol'), async () => true);
  await worker.terminate();
  t.equal(await elsewhere, true);
  t.equal(queue.waitingCount, 0);
  t.equal(queue.failedLogins.accountDelayMs(attempt('alice')), 0, 'it was no guess');
});

await t.test('a thread that hangs gives up its places, and gets no others', async (t) => {
  const { queue, ends } = setUp(t, 1);
  const time = { now: 1_000_000, firesAt: Infinity, task: () => {} };
  const link = linkPasswordChecks(queue, {
    clock: () => time.now,
    makeTimer: (task) => {
      time.task = task;
      return {
        arm: (delayMs) => void (time.firesAt = time.now + delayMs),
        clear: () => void (time.firesAt = Infinity),
      };
    },
  });
  const { port } = link;
  t.teardown(() => port.close());
  // Speaks for the thread. It answers nothing to its first turn.
  port.postMessage({ kind: 'join', id: 1, attempt: attempt('alice') });
  t.same((await once(port, 'message'))[0], { kind: 'start', id: 1 });
  port.postMessage({ kind: 'join', id: 2, attempt: attempt('bob') });
  await until(() => queue.waitingCount === 1);
  const elsewhere = ends[0]!.run(attempt('carol'), async () => true);
  await until(() => queue.waitingCount === 2);
  t.equal(time.firesAt, time.now + 10_000);
  time.now = time.firesAt;
  time.task();
  t.same((await once(port, 'message'))[0], { kind: 'refuse', id: 2 });
  t.equal(await elsewhere, true);
  t.equal(queue.failedLogins.accountDelayMs(attempt('alice')), 0, 'it was no guess');
  // It comes back: its late answer frees no place of another, and it has its turns again.
  port.postMessage({ kind: 'join', id: 3, attempt: attempt('dave') });
  t.same((await once(port, 'message'))[0], { kind: 'start', id: 3 });
  port.postMessage({ kind: 'end', id: 1, isRight: true });
  const next = ends[0]!.run(attempt('erin'), async () => true);
  await until(() => queue.waitingCount === 1);
  port.postMessage({ kind: 'end', id: 3, isRight: true });
  t.equal(await next, true);
});

await t.test('a client that goes leaves the queue of the other thread', async (t) => {
  const { queue, ends } = setUp(t, 1);
  const started = Promise.withResolvers<void>();
  const result = Promise.withResolvers<boolean>();
  const running = ends[0]!.run(attempt('bob'), () => {
    started.resolve();
    return result.promise;
  });
  await started.promise;
  const gone = new AbortController();
  const runs = Array.from({ length: 5 }, (_, index) =>
    ends[0]!.run(attempt(`account${index}`), async () => t.fail('It runs'), gone.signal),
  );
  await until(() => queue.waitingCount === 5);
  gone.abort(new Error('gone'));
  for (const run of runs) await t.rejects(run, { message: 'gone' });
  await until(() => queue.waitingCount === 0);
  await t.rejects(
    ends[0]!.run(attempt('carol'), async () => t.fail('It runs'), gone.signal),
    { message: 'gone' },
  );
  result.resolve(true);
  t.equal(await running, true);
});

await t.test('a client that goes when its turn was told gives the place back', async (t) => {
  const { queue, ends } = setUp(t, 2);
  const { port } = linkPasswordChecks(queue, noDeadline);
  t.teardown(() => port.close());
  // Speaks for the thread.
  const guess = attempt('alice');
  port.postMessage({ kind: 'join', id: 1, attempt: guess });
  t.same((await once(port, 'message'))[0], { kind: 'start', id: 1 });
  const next = ends[0]!.run(attempt('carol'), async () => true);
  await until(() => queue.waitingCount === 1);
  port.postMessage({ kind: 'leave', id: 1 });
  t.equal(await next, true);
  queue.failedLogins.record(guess);
  t.equal(queue.failedLogins.accountDelayMs(guess), 0, 'it was no guess');
});

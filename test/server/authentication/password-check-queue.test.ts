import { array, assert, asyncProperty, boolean, constant, nat, oneof, record } from 'fast-check';
import t from 'tap';
import type { LoginAttempt } from '../../../server/authentication/failed-logins.ts';
import { defaultLoginLimits, type LoginLimits } from '../../../server/authentication/limits.ts';
import {
  LoginBusyError,
  PasswordCheckQueue,
} from '../../../server/authentication/password-check-queue.ts';

/** A login whose check runs until the test ends it. */
interface Login {
  readonly name: string;
  state: 'waiting' | 'running' | 'right' | 'wrong' | 'busy' | 'failed' | 'gone';
  /** Ends the check. */
  end(isRight: boolean): Promise<void>;
  fail(): Promise<void>;
  /** Its client goes. */
  leave(): Promise<void>;
}

/** The reason with which a client goes. */
const gone = new Error('gone');

/** Lets everything run that waits for nothing but its turn. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

let lastMark = 0;

function setUp(limits: Partial<LoginLimits> = {}) {
  const time = { now: 1_000_000 };
  const timer = { firesAt: Number.POSITIVE_INFINITY, task: () => {} };
  const queue = new PasswordCheckQueue({
    limits: { ...defaultLoginLimits, ...limits },
    clock: () => time.now,
    makeTimer: (task) => {
      timer.task = task;
      return {
        arm: (delayMs) => void (timer.firesAt = time.now + delayMs),
        clear: () => void (timer.firesAt = Number.POSITIVE_INFINITY),
      };
    },
  });
  const logins: Login[] = [];
  /** A login with a password that nobody else has tried. */
  const logIn = (group: string, account: string): Login => {
    const check = Promise.withResolvers<boolean>();
    const abandon = new AbortController();
    const login: Login = {
      name: `${group}/${account}`,
      state: 'waiting',
      end: (isRight) => {
        check.resolve(isRight);
        return settle();
      },
      fail: () => {
        check.reject(new Error('broken'));
        return settle();
      },
      leave: () => {
        abandon.abort(gone);
        return settle();
      },
    };
    logins.push(login);
    const attempt: LoginAttempt = { group, account, passwordMark: (lastMark += 1) };
    const runCheck = () => {
      login.state = 'running';
      return check.promise;
    };
    queue.run(attempt, runCheck, abandon.signal).then(
      (isRight) => (login.state = isRight ? 'right' : 'wrong'),
      (error: unknown) => {
        if (error === gone) login.state = 'gone';
        else login.state = error instanceof LoginBusyError ? 'busy' : 'failed';
      },
    );
    return login;
  };
  /** Moves the clock, and fires the timer whenever its time has come. */
  const pass = async (ms: number) => {
    const end = time.now + ms;
    while (timer.firesAt <= end) {
      time.now = timer.firesAt;
      timer.firesAt = Number.POSITIVE_INFINITY;
      timer.task();
      await settle();
    }
    time.now = end;
  };
  const running = () => logins.filter(({ state }) => state === 'running');
  const count = (state: Login['state']) => logins.filter((login) => login.state === state).length;
  return { queue, time, timer, logins, logIn, pass, running, count };
}

await t.test('no more checks run at a time than there may', async (t) => {
  const { logIn, running, logins } = setUp({ maxConcurrentChecks: 3 });
  for (let client = 0; client < 10; client += 1) logIn(`10.0.0.${client}`, 'alice');
  await settle();
  while (running().length > 0) {
    t.ok(running().length <= 3);
    if (logins.some(({ state }) => state === 'waiting')) t.equal(running().length, 3);
    await running()[0]!.end(true);
  }
  t.ok(logins.every(({ state }) => state === 'right'));
});

await t.test(
  'a login from elsewhere is next, however many logins of one address wait',
  async (t) => {
    const { logIn, running, count } = setUp();
    for (let client = 0; client < 300; client += 1) logIn('10.0.0.66', `account${client}`);
    await settle();
    const owner = logIn('10.0.0.1', 'alice');
    await settle();
    t.equal(owner.state, 'waiting');
    let checks = 0;
    while (owner.state === 'waiting') {
      await running()[0]!.end(false);
      checks += 1;
    }
    t.ok(checks <= 2, `after ${checks} checks of the stranger`);
    await owner.end(true);
    t.equal(owner.state, 'right');
    t.equal(count('busy'), 0);
  },
);

await t.test('in one address group each account has its turn', async (t) => {
  const { logIn, running } = setUp();
  for (let client = 0; client < 16; client += 1) logIn('10.0.0.1', 'alice');
  await settle();
  t.equal(running().length, 1, 'one at a time for one account');
  const other = logIn('10.0.0.1', 'bob');
  await settle();
  t.equal(other.state, 'running');
});

await t.test('an office behind one address gets in with its right passwords', async (t) => {
  const { logIn, running, count } = setUp();
  for (let client = 0; client < 1_000; client += 1) logIn('10.0.0.1', `person${client}`);
  await settle();
  while (running().length > 0) await running()[0]!.end(true);
  t.equal(count('right'), 1_000);
});

await t.test(
  'only the group that fills its share is refused, and only for its surplus',
  async (t) => {
    const { logIn, running, count } = setUp({ maxWaiting: 40 });
    for (let client = 0; client < 100; client += 1) logIn('10.0.0.66', `account${client}`);
    await settle();
    t.equal(count('waiting'), 10);
    t.equal(count('busy'), 88);
    const others = Array.from({ length: 10 }, (_, client) => logIn(`10.0.1.${client}`, 'alice'));
    await settle();
    while (running().length > 0) await running()[0]!.end(true);
    t.ok(others.every(({ state }) => state === 'right'));
    t.equal(count('right'), 22);
  },
);

await t.test('when all room is taken the longest queue loses its newest', async (t) => {
  const { logIn, queue } = setUp({ maxWaiting: 40 });
  for (const client of [1, 2]) logIn(`10.0.9.${client}`, 'running');
  const groups = ['a', 'b', 'c', 'd'].map((group) =>
    Array.from({ length: 10 }, (_, client) => logIn(group, `account${client}`)),
  );
  await settle();
  t.equal(queue.waitingCount, 40);
  const newcomer = logIn('e', 'alice');
  await settle();
  t.equal(newcomer.state, 'waiting');
  t.equal(queue.waitingCount, 40);
  const refused = groups.flat().filter(({ state }) => state === 'busy');
  t.strictSame(
    refused.map(({ name }) => name.split('/')[1]),
    ['account9'],
  );
});

await t.test('many passwords for one account do not take the room of its address', async (t) => {
  const { logIn, count } = setUp();
  for (let client = 0; client < 100; client += 1) logIn('10.0.0.1', 'alice');
  await settle();
  t.equal(count('running') + count('waiting'), 17);
  const other = logIn('10.0.0.1', 'bob');
  await settle();
  t.equal(other.state, 'running');
});

await t.test('guesses at one account slow down, also on many connections at once', async (t) => {
  const { logIn, pass, running, logins, time } = setUp();
  for (let client = 0; client < 8; client += 1) logIn('10.0.0.66', 'alice');
  await settle();
  const begun = time.now;
  const startedAfterMs: number[] = [];
  let mostAtOnce = 0;
  while (startedAfterMs.length < logins.length) {
    mostAtOnce = Math.max(mostAtOnce, running().length);
    if (running().length === 0) await pass(100);
    else {
      startedAfterMs.push(time.now - begun);
      await running()[0]!.end(false);
    }
  }
  t.equal(mostAtOnce, 1, 'the result of one decides about the next');
  t.strictSame(startedAfterMs, [0, 0, 500, 1_500, 3_500, 7_500, 15_500, 30_500]);
});

await t.test(
  'a new connection does not help, nor does another account of the address',
  async (t) => {
    const { logIn, pass } = setUp();
    for (let guess = 0; guess < 8; guess += 1) {
      const login = logIn('10.0.0.66', 'alice');
      await pass(20_000);
      await login.end(false);
    }
    const next = logIn('10.0.0.66', 'alice');
    const other = logIn('10.0.0.66', 'bob');
    const elsewhere = logIn('10.0.0.1', 'alice');
    await settle();
    t.equal(elsewhere.state, 'running', 'the owner is never delayed');
    t.equal(other.state, 'running');
    for (const login of [other, elsewhere]) await login.end(true);
    await pass(7_900);
    t.equal(next.state, 'waiting');
    await pass(7_200);
    t.equal(next.state, 'running');
  },
);

await t.test('an address that guesses at many accounts slows down too', async (t) => {
  const { logIn, pass, running, count } = setUp();
  for (let client = 0; client < 100; client += 1) logIn('10.0.0.66', `account${client}`);
  const endAll = async () => {
    while (running().length > 0) await running()[0]!.end(false);
  };
  await settle();
  await endAll();
  t.ok(count('wrong') < 20, 'the first few are free');
  const before = count('wrong');
  for (let step = 0; step < 40; step += 1) {
    await pass(50);
    await endAll();
  }
  const perSecond = (count('wrong') - before) / 2;
  t.equal(perSecond, 8, 'four a second in each of two places');
});

await t.test('a delay takes no place from others', async (t) => {
  const { logIn, pass } = setUp({ maxConcurrentChecks: 1 });
  for (let guess = 0; guess < 8; guess += 1) {
    const login = logIn('10.0.0.66', 'alice');
    await pass(20_000);
    await login.end(false);
  }
  const delayed = logIn('10.0.0.66', 'alice');
  for (let client = 0; client < 5; client += 1) {
    const login = logIn('10.0.0.66', `person${client}`);
    await settle();
    t.equal(login.state, 'running');
    await login.end(true);
  }
  t.equal(delayed.state, 'waiting');
});

await t.test('nobody waits for ever', async (t) => {
  const { logIn, pass, queue, timer } = setUp({ maxConcurrentChecks: 1 });
  const stuck = logIn('10.0.0.1', 'alice');
  const late = logIn('10.0.0.2', 'bob');
  await pass(59_000);
  t.equal(late.state, 'waiting');
  await pass(1_000);
  t.equal(late.state, 'busy');
  t.equal(queue.waitingCount, 0);
  t.equal(timer.firesAt, Number.POSITIVE_INFINITY, 'nothing is left to wait for');
  await stuck.end(true);
  t.equal(stuck.state, 'right');
});

await t.test('a refusal for want of room counts as a guess', async (t) => {
  const { logIn, queue, count } = setUp();
  for (let client = 0; client < 40; client += 1) logIn('10.0.0.66', 'alice');
  await settle();
  t.equal(count('busy'), 23);
  t.equal(
    queue.failedLogins.accountDelayMs({ group: '10.0.0.66', account: 'alice', passwordMark: 1 }),
    15_000,
  );
});

await t.test('a check that fails gives its place back and is no guess', async (t) => {
  const { logIn, queue } = setUp({ maxConcurrentChecks: 1 });
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const failing = logIn('10.0.0.1', 'alice');
    await settle();
    await failing.fail();
    t.equal(failing.state, 'failed');
  }
  t.equal(
    queue.failedLogins.accountDelayMs({ group: '10.0.0.1', account: 'alice', passwordMark: 1 }),
    0,
  );
  const next = logIn('10.0.0.1', 'alice');
  await settle();
  t.equal(next.state, 'running');
});

await t.test('a login whose client goes while it waits leaves at once', async (t) => {
  const { logIn, queue, count, running, timer } = setUp({ maxConcurrentChecks: 1 });
  const other = logIn('10.0.0.1', 'bob');
  const strangers = Array.from({ length: 16 }, () => logIn('10.0.0.1', 'alice'));
  await settle();
  t.equal(queue.waitingCount, 16);
  for (const stranger of strangers) await stranger.leave();
  t.equal(count('gone'), 16);
  t.equal(queue.waitingCount, 0);
  t.equal(timer.firesAt, Number.POSITIVE_INFINITY, 'nothing is left to wait for');
  const owner = logIn('10.0.0.1', 'alice');
  await settle();
  t.equal(owner.state, 'waiting', 'there is room for others again');
  await other.end(true);
  t.strictSame(running(), [owner], 'no check runs for nobody, and nothing was counted');
  await strangers[0]!.leave();
  await owner.end(true);
  t.equal(owner.state, 'right');
});

await t.test('a client that has gone before its login does not join', async (t) => {
  const { queue } = setUp();
  const attempt = { group: '10.0.0.1', account: 'alice', passwordMark: 1 };
  const run = queue.run(attempt, async () => t.fail('It runs'), AbortSignal.abort(gone));
  await t.rejects(run, gone);
});

await t.test('a check that runs goes on and counts, though its client has gone', async (t) => {
  const { logIn, queue } = setUp();
  for (let guess = 0; guess < 2; guess += 1) {
    const login = logIn('10.0.0.66', 'alice');
    await settle();
    await login.leave();
    t.equal(login.state, 'running');
    await login.end(false);
    t.equal(login.state, 'wrong');
  }
  const attempt = { group: '10.0.0.66', account: 'alice', passwordMark: 1 };
  t.equal(queue.failedLogins.accountDelayMs(attempt), 500);
});

await t.test('nobody guesses faster by hanging up', async (t) => {
  const { queue, logIn, pass, running } = setUp();
  for (let guess = 1; guess <= 16; guess += 1) {
    queue.failedLogins.record({ group: '10.0.0.66', account: 'alice', passwordMark: -guess });
  }
  // Alone, and beside one who waits out the delay of 15 s.
  for (const isAlone of [true, false]) {
    if (!isAlone) logIn('10.0.0.66', 'alice');
    for (let attempt = 0; attempt < 149; attempt += 1) {
      const login = logIn('10.0.0.66', 'alice');
      await pass(100);
      t.equal(login.state, 'waiting');
      await login.leave();
    }
    t.equal(running().length, 0);
  }
  await pass(200);
  t.equal(running().length, 1, 'one for each delay');
});

await t.test('a queue that closes refuses those who wait and those who come', async (t) => {
  const { logIn, queue, timer } = setUp({ maxConcurrentChecks: 1 });
  const checked = logIn('10.0.0.1', 'alice');
  const waiting = logIn('10.0.0.2', 'bob');
  await settle();
  queue.close();
  const late = logIn('10.0.0.3', 'carol');
  await settle();
  t.equal(waiting.state, 'busy');
  t.equal(late.state, 'busy');
  await checked.end(true);
  t.equal(checked.state, 'right', 'what runs is finished');
  t.equal(timer.firesAt, Number.POSITIVE_INFINITY);
});

await t.test('whatever comes, the bounds hold and everybody gets an answer', async (t) => {
  const step = oneof(
    record({ kind: constant('join' as const), group: nat(3), account: nat(3) }),
    record({ kind: constant('end' as const), which: nat(2), isRight: boolean() }),
    record({ kind: constant('leave' as const), which: nat(20) }),
    record({ kind: constant('pass' as const), ms: nat(8_000) }),
  );
  await assert(
    asyncProperty(array(step, { maxLength: 120 }), async (steps) => {
      const { logIn, pass, running, logins, queue, timer } = setUp({
        maxConcurrentChecks: 2,
        maxWaiting: 16,
      });
      for (const each of steps) {
        if (each.kind === 'join') logIn(`10.0.0.${each.group}`, `account${each.account}`);
        else if (each.kind === 'pass') await pass(each.ms);
        else if (each.kind === 'leave') await logins.filter(isOpen)[each.which]?.leave();
        else await running()[each.which]?.end(each.isRight);
        await settle();
        const names = running().map(({ name }) => name);
        if (names.length > 2 || new Set(names).size < names.length || queue.waitingCount > 16) {
          return false;
        }
        for (const group of [0, 1, 2, 3]) {
          const waiting = logins.filter(
            ({ name, state }) => state === 'waiting' && name.startsWith(`10.0.0.${group}/`),
          );
          if (waiting.length > 4) return false;
        }
      }
      for (let round = 0; logins.some(isOpen) && round < 500; round += 1) {
        await running()[0]?.end(true);
        await pass(1_000);
      }
      return !logins.some(isOpen) && timer.firesAt === Number.POSITIVE_INFINITY;
    }),
    { numRuns: 200 },
  );
  t.pass();
});

function isOpen({ state }: Login): boolean {
  return state === 'waiting' || state === 'running';
}

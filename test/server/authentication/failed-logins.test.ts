import t from 'tap';
import { FailedLogins, type LoginAttempt } from '../../../server/authentication/failed-logins.ts';

function setUp(maxDelayMs = 15_000) {
  const time = { now: 5_000_000 };
  const clock = () => time.now;
  const failedLogins = new FailedLogins(FailedLogins.allocate(maxDelayMs, clock), clock);
  /** Wrong passwords, each another one. */
  const fail = (group: string, account: string, count = 1) => {
    for (let index = 0; index < count; index += 1) failedLogins.record(guess(group, account));
  };
  return { time, clock, failedLogins, fail };
}

let lastMark = 0;

function guess(group: string, account: string): LoginAttempt {
  return { group, account, passwordMark: (lastMark += 1) };
}

const owner = guess('192.0.2.1', 'alice');

await t.test('wrong passwords delay the next one, more and more', async (t) => {
  const { failedLogins, fail } = setUp();
  const delays = Array.from({ length: 10 }, () => {
    const delayMs = failedLogins.accountDelayMs(owner);
    fail(owner.group, owner.account);
    return delayMs;
  });
  t.strictSame(delays, [0, 0, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
});

await t.test('they delay nobody elsewhere, nor another account', async (t) => {
  const { failedLogins, fail } = setUp();
  fail('192.0.2.66', 'alice', 100);
  t.equal(failedLogins.accountDelayMs(guess('192.0.2.66', 'alice')), 15_000);
  t.equal(failedLogins.accountDelayMs(owner), 0);
  t.equal(failedLogins.groupDelayMs(owner.group), 0);
  t.equal(failedLogins.accountDelayMs(guess('192.0.2.66', 'bob')), 0);
  t.notOk(failedLogins.isGuessing(owner));
  t.ok(failedLogins.isGuessing(guess('192.0.2.66', 'alice')));
});

await t.test(
  'an address that guesses at many accounts is delayed, but never for long',
  async (t) => {
    const { failedLogins, fail } = setUp();
    const delays = Array.from({ length: 14 }, (_, index) => {
      const delayMs = failedLogins.groupDelayMs('192.0.2.66');
      fail('192.0.2.66', `account${index}`);
      return delayMs;
    });
    t.strictSame(delays, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 50, 100, 200, 250]);
  },
);

await t.test('failures are forgotten one by one', async (t) => {
  const { failedLogins, fail, time } = setUp();
  fail(owner.group, owner.account, 4);
  const delays = Array.from({ length: 4 }, () => {
    const delayMs = failedLogins.accountDelayMs(owner);
    time.now += 60_000;
    return delayMs;
  });
  t.strictSame(delays, [2_000, 1_000, 500, 0]);
  fail(owner.group, owner.account, 1_000);
  time.now += 16 * 60_000;
  t.equal(failedLogins.accountDelayMs(owner), 0, 'all of them, however many there were');
});

await t.test('a right password forgets those of its account and address', async (t) => {
  const { failedLogins, fail } = setUp();
  fail(owner.group, 'alice', 12);
  fail(owner.group, 'bob', 3);
  failedLogins.forgive(owner);
  t.equal(failedLogins.accountDelayMs(owner), 0);
  t.equal(failedLogins.accountDelayMs(guess(owner.group, 'bob')), 1_000);
  t.equal(failedLogins.groupDelayMs(owner.group), 250, 'nobody clears what others have done');
});

await t.test('the same wrong password again is no further guess', async (t) => {
  const { failedLogins } = setUp();
  for (let attempt = 0; attempt < 50; attempt += 1) failedLogins.record(owner);
  t.equal(failedLogins.accountDelayMs(owner), 0, 'a phone with an old password');
  t.equal(failedLogins.groupDelayMs(owner.group), 0);
});

await t.test('a site sets the longest delay', async (t) => {
  const short = setUp(2_000);
  short.fail(owner.group, owner.account, 10);
  t.equal(short.failedLogins.accountDelayMs(owner), 2_000);
  const off = setUp(0);
  off.fail(owner.group, owner.account, 20);
  t.equal(off.failedLogins.accountDelayMs(owner), 0);
  t.equal(off.failedLogins.groupDelayMs(owner.group), 0);
  t.notOk(off.failedLogins.isGuessing(owner));
});

await t.test('whoever has the memory sees what was counted', async (t) => {
  const { failedLogins, fail, clock } = setUp();
  const elsewhere = new FailedLogins(structuredClone(failedLogins.memory), clock);
  fail(owner.group, owner.account, 3);
  t.equal(elsewhere.accountDelayMs(owner), 1_000);
});

await t.test('a flood from many addresses takes no memory and delays hardly anybody', async (t) => {
  const { failedLogins, fail } = setUp();
  const { byteLength } = failedLogins.memory.buffer;
  for (let address = 0; address < 2_000; address += 1) fail(`10.0.${address}`, 'alice', 12);
  t.equal(failedLogins.memory.buffer.byteLength, byteLength);
  const others = Array.from({ length: 1_000 }, (_, index) => guess(`192.168.${index}`, 'alice'));
  const delayed = others.filter((other) => failedLogins.accountDelayMs(other) > 0);
  // Two counters of 32,768 each, of which 6 % are in use: 0.4 % are expected.
  t.ok(delayed.length < 50, `${delayed.length} of 1,000`);
});

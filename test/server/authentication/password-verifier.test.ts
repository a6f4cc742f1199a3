import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { makeCredentials } from '../../../server/authentication/make-credentials.ts';
import {
  forgetVerifications,
  rememberedVerificationBytes,
  rememberedVerificationMs,
  StoredPasswordVerifier,
} from '../../../server/authentication/password-verifier.ts';
import {
  VerificationQueue,
  VerificationQueueFullError,
} from '../../../server/authentication/verification-queue.ts';
import type { Account } from '../../../store/mail-store.ts';
import { SegmentSessionCache } from '../../../tls/segment-session-cache.ts';

/** Counts the checks that cost argon2. */
class CountingQueue extends VerificationQueue {
  checkCount = 0;

  override async run<T>(check: () => Promise<T>): Promise<T> {
    this.checkCount += 1;
    return super.run(check);
  }
}

async function account(id: number, name: string, password: string): Promise<Account> {
  const cost = { argon2: { memoryKiB: 64, passes: 1, parallelism: 1 }, scramIterations: 4096 };
  return { id, name, credentials: await makeCredentials(password, cost) };
}

/** A verifier over accounts that a test can change, and a clock that it can move. */
async function setUp(t: Test, maxWaiting = 10) {
  const accounts = new Map([['alice', await account(1, 'alice', 'secret')]]);
  const time = { now: 1_000_000 };
  const clock = () => time.now;
  const queue = new CountingQueue({ concurrency: 2, maxWaiting });
  const remembered = new SegmentSessionCache({
    maxBytes: rememberedVerificationBytes,
    lifetimeMs: rememberedVerificationMs,
    clock,
  });
  t.teardown(() => remembered.close());
  const verifier = new StoredPasswordVerifier({
    accounts: { findAccount: async (name) => accounts.get(name.toLowerCase()) },
    remembered,
    clock,
    queue,
  });
  return { accounts, time, clock, queue, remembered, verifier };
}

await t.test('the right password gives the account, anything else nothing', async (t) => {
  const { verifier } = await setUp(t);
  t.match(await verifier.verify('alice', 'secret'), { id: 1, name: 'alice' });
  t.match(await verifier.verify('ALICE', 'secret'), { id: 1 });
  t.equal(await verifier.verify('alice', 'Secret'), undefined);
  t.equal(await verifier.verify('alice', ''), undefined);
  t.equal(await verifier.verify('bob', 'secret'), undefined);
});

await t.test('a right password is checked once, until its time is over', async (t) => {
  const { verifier, queue, time } = await setUp(t);
  for (let login = 0; login < 3; login += 1) t.ok(await verifier.verify('alice', 'secret'));
  t.equal(queue.checkCount, 1);
  time.now += rememberedVerificationMs;
  t.ok(await verifier.verify('alice', 'secret'));
  t.equal(queue.checkCount, 2);
});

await t.test(
  'a wrong password is checked every time, an unknown user and an impossible password too',
  async (t) => {
    const { verifier, queue } = await setUp(t);
    await verifier.verify('alice', 'wrong');
    await verifier.verify('alice', 'wrong');
    t.equal(queue.checkCount, 2);
    await verifier.verify('nobody', 'secret');
    await verifier.verify('nobody', 'secret');
    t.equal(queue.checkCount, 4);
    await verifier.verify('alice', 'a\0b');
    t.equal(queue.checkCount, 5);
  },
);

await t.test(
  'a changed password is refused at the next login, though it was remembered',
  async (t) => {
    const { verifier, accounts } = await setUp(t);
    t.ok(await verifier.verify('alice', 'secret'));
    accounts.set('alice', await account(1, 'alice', 'changed'));
    t.equal(await verifier.verify('alice', 'secret'), undefined);
    t.ok(await verifier.verify('alice', 'changed'));
  },
);

await t.test(
  'a removed account is refused, and a new one of its name knows nothing of it',
  async (t) => {
    const { verifier, accounts } = await setUp(t);
    t.ok(await verifier.verify('alice', 'secret'));
    accounts.delete('alice');
    t.equal(await verifier.verify('alice', 'secret'), undefined);
    accounts.set('alice', await account(2, 'alice', 'other'));
    t.equal(await verifier.verify('alice', 'secret'), undefined);
  },
);

await t.test('what is remembered of one account is forgotten, of no other', async (t) => {
  const { verifier, accounts, queue, remembered } = await setUp(t);
  accounts.set('bob', await account(2, 'bob', 'secret'));
  await verifier.verify('alice', 'secret');
  await verifier.verify('bob', 'secret');
  await forgetVerifications(remembered, { id: 1 });
  await verifier.verify('bob', 'secret');
  t.equal(queue.checkCount, 2, "bob's is still remembered");
  await verifier.verify('alice', 'secret');
  t.equal(queue.checkCount, 3, "alice's is not");
});

await t.test('verifiers with one key share what they remember, others do not', async (t) => {
  const { accounts, remembered, clock } = await setUp(t);
  const key = randomBytes(32);
  const open = async (options: { key?: Uint8Array }) => {
    const queue = new CountingQueue({ concurrency: 2, maxWaiting: 10 });
    const verifier = new StoredPasswordVerifier({
      accounts: { findAccount: async (name) => accounts.get(name) },
      remembered,
      clock,
      queue,
      ...options,
    });
    t.ok(await verifier.verify('alice', 'secret'));
    return queue.checkCount;
  };
  t.equal(await open({ key }), 1);
  t.equal(await open({ key }), 0, 'another thread has checked it');
  t.equal(await open({}), 1, 'a key of its own');
});

await t.test('connections that log in at once share one check', async (t) => {
  const { verifier, queue } = await setUp(t);
  const logins = await Promise.all(
    Array.from({ length: 20 }, () => verifier.verify('alice', 'secret')),
  );
  t.ok(logins.every((login) => login?.id === 1));
  t.equal(queue.checkCount, 1);
});

await t.test(
  'too many different checks at once are refused as unavailable, not as wrong',
  async (t) => {
    const { verifier } = await setUp(t, 1);
    const logins = await Promise.allSettled(
      ['a', 'b', 'c', 'd'].map((password) => verifier.verify('alice', password)),
    );
    const refused = logins.filter((login) => login.status === 'rejected');
    t.equal(refused.length, 1);
    t.type(refused[0]?.reason, VerificationQueueFullError);
  },
);

await t.test('an unknown user takes as long as a wrong password', async (t) => {
  const { verifier, accounts } = await setUp(t);
  accounts.set('alice', { id: 1, name: 'alice', credentials: await makeCredentials('secret') });
  const cpuMs = async (userName: string) => {
    const start = process.cpuUsage();
    for (let round = 0; round < 4; round += 1) await verifier.verify(userName, 'wrong');
    const used = process.cpuUsage(start);
    return (used.user + used.system) / 1000;
  };
  await cpuMs('alice');
  const known = await cpuMs('alice');
  const unknown = await cpuMs('nobody');
  t.ok(unknown > known / 2 && unknown < known * 2, `${unknown} ms against ${known} ms of CPU`);
});

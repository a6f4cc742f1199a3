import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { makeCredentials } from '../../../server/authentication/make-credentials.ts';
import type { LoginAttempt } from '../../../server/authentication/failed-logins.ts';
import { defaultLoginLimits } from '../../../server/authentication/limits.ts';
import {
  LoginBusyError,
  PasswordCheckQueue,
} from '../../../server/authentication/password-check-queue.ts';
import {
  forgetVerifiedLogins,
  type LoginWait,
  type ScramLogin,
  StoredPasswordVerifier,
  verifiedLoginBytes,
  verifiedLoginLifetimeMs,
} from '../../../server/authentication/password-verifier.ts';
import type { Account } from '../../../store/mail-store.ts';
import { SegmentSessionCache } from '../../../tls/sessions/memory/segment-cache.ts';

/** Counts the checks that cost argon2. A test may make them wait before they run. */
class CountingQueue extends PasswordCheckQueue {
  checkCount = 0;
  gate: Promise<void> | undefined;

  constructor() {
    super({ limits: { ...defaultLoginLimits, maxDelayMs: 0 } });
  }

  override async run(
    attempt: LoginAttempt,
    check: () => Promise<boolean>,
    gone?: AbortSignal,
  ): Promise<boolean> {
    this.checkCount += 1;
    const gatedCheck = async () => {
      await this.gate;
      return check();
    };
    return super.run(attempt, gatedCheck, gone);
  }
}

async function account(id: number, name: string, password: string): Promise<Account> {
  const cost = { argon2: { memoryKiB: 64, passes: 1, parallelism: 1 }, scramIterations: 4096 };
  return { id, name, credentials: await makeCredentials(password, cost) };
}

/** A verifier over accounts that a test can change, and a clock that it can move. */
async function setUp(t: Test, queue = new CountingQueue()) {
  const accounts = new Map([['alice', await account(1, 'alice', 'secret')]]);
  const time = { now: 1_000_000 };
  const clock = () => time.now;
  const verifiedLogins = new SegmentSessionCache({
    maxBytes: verifiedLoginBytes,
    lifetimeMs: verifiedLoginLifetimeMs,
    clock,
  });
  t.teardown(() => verifiedLogins.close());
  const verifier = new StoredPasswordVerifier({
    accounts: { findAccount: async (name) => accounts.get(name.toLowerCase()) },
    verifiedLogins,
    clock,
    checks: queue,
  });
  return { accounts, time, clock, queue, verifiedLogins, verifier };
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
  time.now += verifiedLoginLifetimeMs;
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
  'a changed password is refused at the next login, though it was verified',
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

await t.test('the verified logins of one account are forgotten, of no other', async (t) => {
  const { verifier, accounts, queue, verifiedLogins } = await setUp(t);
  accounts.set('bob', await account(2, 'bob', 'secret'));
  await verifier.verify('alice', 'secret');
  await verifier.verify('bob', 'secret');
  await forgetVerifiedLogins(verifiedLogins, { id: 1 });
  await verifier.verify('bob', 'secret');
  t.equal(queue.checkCount, 2, "bob's is still there");
  await verifier.verify('alice', 'secret');
  t.equal(queue.checkCount, 3, "alice's is not");
});

await t.test('verifiers with one key share verified logins, others do not', async (t) => {
  const { accounts, verifiedLogins, clock } = await setUp(t);
  const key = randomBytes(32);
  const open = async (options: { key?: Uint8Array }) => {
    const queue = new CountingQueue();
    const verifier = new StoredPasswordVerifier({
      accounts: { findAccount: async (name) => accounts.get(name) },
      verifiedLogins,
      clock,
      checks: queue,
      ...options,
    });
    t.ok(await verifier.verify('alice', 'secret'));
    return queue.checkCount;
  };
  t.equal(await open({ key }), 1);
  t.equal(await open({ key }), 0, 'another thread has checked it');
  t.equal(await open({}), 1, 'a key of its own');
});

await t.test('a client is only made to wait for a check', async (t) => {
  const { verifier } = await setUp(t);
  let waitCount = 0;
  const wait: LoginWait = (check) => {
    waitCount += 1;
    return check();
  };
  t.ok(await verifier.verify('alice', 'secret', '10.0.0.1', wait));
  t.equal(waitCount, 1);
  t.ok(await verifier.verify('alice', 'secret', '10.0.0.1', wait));
  t.equal(waitCount, 1, 'a verified login is answered at once');
  t.equal(await verifier.verify('alice', 'wrong', '10.0.0.1', wait), undefined);
  t.equal(waitCount, 2);
});

await t.test('connections that log in at once share one check', async (t) => {
  const { verifier, queue } = await setUp(t);
  const logins = await Promise.all(
    Array.from({ length: 20 }, () => verifier.verify('alice', 'secret')),
  );
  t.ok(logins.every((login) => login?.id === 1));
  t.equal(queue.checkCount, 1);
});

await t.test('connections from another address wait for no check of the first', async (t) => {
  const { verifier, queue } = await setUp(t);
  await Promise.all([
    verifier.verify('alice', 'secret', '10.0.0.1'),
    verifier.verify('alice', 'secret', '10.0.0.2'),
  ]);
  t.equal(queue.checkCount, 2);
});

await t.test('a shared check waits until the last of its clients has gone', async (t) => {
  const { verifier, queue } = await setUp(t);
  const gate = Promise.withResolvers<void>();
  queue.gate = gate.promise;
  const others = ['bob', 'carol'].map((name) => verifier.verify(name, 'wrong', '10.0.0.2'));
  await new Promise(setImmediate);
  const clients = Array.from({ length: 3 }, () => new AbortController());
  const logins = clients.map(({ signal }) =>
    verifier.verify('alice', 'secret', '10.0.0.1', (check) => check(signal)),
  );
  for (const login of logins) login.catch(() => undefined);
  await new Promise(setImmediate);
  t.equal(queue.waitingCount, 1);
  for (const index of [0, 1]) {
    clients[index]!.abort(new Error('gone'));
    await t.rejects(logins[index]!, { message: 'gone' });
    t.equal(queue.waitingCount, 1);
  }
  clients[2]!.abort(new Error('gone'));
  await t.rejects(logins[2]!, { message: 'gone' });
  t.equal(queue.waitingCount, 0);
  const later = verifier.verify('alice', 'secret', '10.0.0.1');
  gate.resolve();
  t.match(await later, { id: 1 }, 'who comes then has a check of its own');
  const gone = AbortSignal.abort(new Error('gone'));
  await t.rejects(
    verifier.verify('alice', 'wrong', '10.0.0.1', (check) => check(gone)),
    { message: 'gone' },
  );
  await Promise.all(others);
});

await t.test('a login is unavailable if the queue refuses it, not wrong', async (t) => {
  const { verifier, queue } = await setUp(t);
  queue.close();
  await t.rejects(verifier.verify('alice', 'secret'), LoginBusyError);
});

await t.test('a password that is changed while it is checked is refused', async (t) => {
  const { verifier, accounts, queue } = await setUp(t);
  const gate = Promise.withResolvers<void>();
  queue.gate = gate.promise;
  const wrong = Array.from({ length: 10 }, (_, index) =>
    verifier.verify(`stranger${index}`, 'wrong'),
  );
  const login = verifier.verify('alice', 'secret');
  const other = verifier.verify('alice', 'secret', '10.0.0.2');
  await new Promise(setImmediate);
  accounts.set('alice', await account(1, 'alice', 'changed'));
  gate.resolve();
  t.equal(await login, undefined);
  t.equal(await other, undefined);
  await Promise.all(wrong);
  t.equal(await verifier.verify('alice', 'secret'), undefined, 'later too');
});

await t.test('an account that is removed while its password is checked is refused', async (t) => {
  const { verifier, accounts, queue } = await setUp(t);
  const gate = Promise.withResolvers<void>();
  queue.gate = gate.promise;
  const login = verifier.verify('alice', 'secret');
  await new Promise(setImmediate);
  accounts.delete('alice');
  gate.resolve();
  t.equal(await login, undefined);
});

await t.test('a removal while a verified login is looked up counts too', async (t) => {
  const { verifier, accounts, verifiedLogins } = await setUp(t);
  t.ok(await verifier.verify('alice', 'secret'));
  const { get } = verifiedLogins;
  verifiedLogins.get = async (id) => {
    accounts.delete('alice');
    return get.call(verifiedLogins, id);
  };
  t.equal(await verifier.verify('alice', 'secret'), undefined);
});

await t.test('where somebody guesses, a verified password waits for its turn', async (t) => {
  const queue = new PasswordCheckQueue({ clock: () => 0 });
  const { verifier, accounts } = await setUp(t, queue as CountingQueue);
  t.ok(await verifier.verify('alice', 'secret', '10.0.0.1'));
  for (let guess = 1; guess <= 20; guess += 1) {
    queue.failedLogins.record({ group: '10.0.0.66', account: 'alice', passwordMark: guess });
  }
  let isAnswered = false;
  const late = verifier.verify('alice', 'secret', '10.0.0.66').finally(() => (isAnswered = true));
  const wrong = verifier.verify('alice', 'wrong', '10.0.0.66');
  t.ok(await verifier.verify('alice', 'secret', '10.0.0.1'), 'at once elsewhere');
  await new Promise(setImmediate);
  t.notOk(isAnswered, 'who does not wait for refusals learns nothing');
  t.equal(queue.waitingCount, 2);
  queue.close();
  await t.rejects(late, LoginBusyError);
  await t.rejects(wrong, LoginBusyError);
  t.ok(accounts.has('alice'));
});

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

/** What a client proves that knows a password. */
async function prove(login: ScramLogin, password: string, authMessage: string) {
  const { salt, iterations } = login.keys;
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest();
  const signature = createHmac('sha256', storedKey).update(authMessage).digest();
  return { proof: clientKey.map((byte, at) => byte ^ signature[at]!), authMessage };
}

await t.test('a proof of SCRAM takes its turn once, and a changed password ends it', async (t) => {
  const { verifier, queue, accounts } = await setUp(t);
  const logIn = async (password: string, authMessage: string) => {
    const login = await verifier.beginScram('ALICE');
    return verifier.verifyScram(login, await prove(login, password, authMessage));
  };
  t.match(await logIn('secret', 'one'), { id: 1 });
  t.match(await logIn('secret', 'two'), { id: 1 });
  t.equal(queue.checkCount, 1, 'the second time at once');
  t.equal(await logIn('wrong', 'three'), undefined);
  t.equal(await logIn('wrong', 'four'), undefined);
  t.equal(queue.checkCount, 3, 'a wrong one each time');
  const begun = await verifier.beginScram('alice');
  const late = await prove(begun, 'secret', 'five');
  accounts.set('alice', await account(1, 'alice', 'changed'));
  t.equal(await verifier.verifyScram(begun, late), undefined, 'changed within the exchange');
  t.equal(await logIn('secret', 'six'), undefined);
  t.match(await logIn('changed', 'seven'), { id: 1 });
});

await t.test('a wrong proof counts as a wrong password does, known user or not', async (t) => {
  const queue = new PasswordCheckQueue({ clock: () => 0 });
  const { verifier } = await setUp(t, queue as CountingQueue);
  for (const name of ['alice', 'nobody']) {
    const guess = async (password: string, text: string) => {
      const login = await verifier.beginScram(name);
      const proof = await prove(login, password, text);
      return verifier.verifyScram(login, proof, '10.0.0.1');
    };
    const attempt = { group: '10.0.0.1', account: name, passwordMark: 1 };
    t.equal(await guess('wrong', 'one'), undefined);
    t.equal(queue.failedLogins.accountDelayMs(attempt), 0);
    t.equal(await guess('other', 'two'), undefined);
    t.equal(queue.failedLogins.accountDelayMs(attempt), 500);
  }
});

await t.test('an account without keys has a salt all the same, and no SCRAM', async (t) => {
  const { verifier, accounts } = await setUp(t);
  const { credentials, ...old } = await account(2, 'bob', 'secret');
  accounts.set('bob', { ...old, credentials: { ...credentials, scramSha256: '' } });
  const login = await verifier.beginScram('bob');
  t.equal(login.keys.salt.length, 16);
  t.strictSame((await verifier.beginScram('BOB')).keys.salt, login.keys.salt);
  t.equal(await verifier.verifyScram(login, await prove(login, 'secret', 'one')), undefined);
  t.match(await verifier.verify('bob', 'secret'), { id: 2 });
});

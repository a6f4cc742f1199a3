import t from 'tap';
import { limits } from '../../../store/limits.ts';
import type { Account } from '../../../store/mail-store.ts';
import { KnownAccounts } from '../../../store/sqlite/known-accounts.ts';

/** Accounts that are known, and how often each name was read; every name but `nobody` has an account. */
function makeKnown(version = 1) {
  const shared = new Int32Array(1);
  shared[0] = version;
  const known = new KnownAccounts(shared);
  const read: string[] = [];
  const find = (name: string): Account | undefined =>
    known.find(name, () => {
      read.push(name);
      const credentials = { argon2id: `hash ${read.length}`, scramSha256: '' };
      return name === 'nobody' ? undefined : { id: 1, name, credentials };
    });
  return { shared, read, find };
}

await t.test('an account is read once, until one changes', async (t) => {
  const { shared, read, find } = makeKnown();
  for (let login = 0; login < 3; login++) {
    t.equal(find('alice')?.credentials.argon2id, 'hash 1');
    t.ok(find('bob'));
  }
  t.same(read, ['alice', 'bob']);
  Atomics.add(shared, 0, 1);
  t.equal(find('alice')?.credentials.argon2id, 'hash 3');
  t.ok(find('alice'));
  t.same(read, ['alice', 'bob', 'alice']);
});

await t.test('what is read while an account changes is not kept', async (t) => {
  const shared = new Int32Array([1]);
  const known = new KnownAccounts(shared);
  const credentials = { argon2id: 'old', scramSha256: '' };
  const account = { id: 1, name: 'alice', credentials };
  const readOld = (): Account => {
    Atomics.add(shared, 0, 1);
    return account;
  };
  t.equal(known.find('alice', readOld), account);
  t.equal(
    known.find('alice', () => undefined),
    undefined,
  );
});

await t.test('nothing is kept for a client that the writer does not know yet', async (t) => {
  const { read, find } = makeKnown(0);
  t.ok(find('alice'));
  t.ok(find('alice'));
  t.equal(read.length, 2);
});

await t.test('a name without an account is known as well, but for long ones', async (t) => {
  const { shared, read, find } = makeKnown();
  t.equal(find('nobody'), undefined);
  t.equal(find('nobody'), undefined);
  t.equal(read.length, 1);
  Atomics.add(shared, 0, 1);
  t.equal(find('nobody'), undefined);
  t.equal(read.length, 2, 'it may have one now');
  const longName = 'x'.repeat(limits.maxAccountNameLength + 1);
  find(longName);
  find(longName);
  t.equal(read.length, 4);
});

await t.test('only so many are known', async (t) => {
  const { read, find } = makeKnown();
  for (let number = 0; number <= limits.knownAccounts; number++) find(`user${number}`);
  const count = limits.knownAccounts + 1;
  t.equal(read.length, count);
  find(`user${limits.knownAccounts}`);
  find('user1');
  t.equal(read.length, count);
  find('user0');
  t.equal(read.length, count + 1);
});

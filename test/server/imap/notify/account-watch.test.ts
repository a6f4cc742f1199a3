import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { maxOwedNameBytes } from '../../../../server/imap/limits.ts';
import {
  type AccountReader,
  AccountWatch,
  AccountWatches,
} from '../../../../server/imap/notify/account-watch.ts';
import { makeSqliteStore } from '../../../fixtures/sqlite-store.ts';

/** An account that is watched by one client of the store, and changed by another. */
async function watchedAccount(t: Test) {
  const { store, connect } = await makeSqliteStore(t);
  const { id: accountId } = await store.createAccount('alice', { argon2id: '', scramSha256: '' });
  const watch = await AccountWatch.open(store, accountId);
  t.teardown(() => watch.close());
  const other = await connect();
  /** Does something by the other client, and waits until so many versions are there. */
  const change = async (work: () => Promise<unknown>, versions: number) => {
    const before = watch.version;
    await work();
    while (watch.version < before + versions) await setImmediate();
    await setImmediate();
  };
  return { store, other, accountId, watch, change };
}

/** A reader that has told what it says. */
function makeReader(toldNames = 0) {
  const reader = {
    toldNames,
    callCount: 0,
    onAccountChange: () => void (reader.callCount += 1),
  };
  return reader satisfies AccountReader;
}

/** The changes of names after a version, as text. */
function namesAfter(watch: AccountWatch, version: number): string[] {
  const names: string[] = [];
  for (let each = watch.nextName(version); each; each = watch.nextName(each.version)) {
    names.push(
      `${each.kind} ${each.oldName === undefined ? '' : `${each.oldName} to `}${each.name}`,
    );
  }
  return names;
}

await t.test('changes of names wait for readers, those of children are none', async (t) => {
  const { other, accountId, watch, change } = await watchedAccount(t);
  const reader = makeReader();
  const unfollow = watch.follow(reader);
  await change(() => other.createMailbox(accountId, 'a/b/c'), 3);
  t.equal(reader.callCount, 1, 'told once for all of them');
  t.same(namesAfter(watch, 0), ['created a', 'created a/b', 'created a/b/c']);
  const { version } = watch;
  await change(() => other.renameMailbox(accountId, 'a', 'x'), 3);
  await change(() => other.renameMailbox(accountId, 'x/b', 'x/d'), 2);
  await change(() => other.subscribe(accountId, 'y'), 1);
  t.same(namesAfter(watch, version), ['renamed a to x', 'renamed x/b to x/d', 'subscribed y']);
  reader.toldNames = version;
  watch.forgetNames();
  t.same(namesAfter(watch, 0), ['renamed a to x', 'renamed x/b to x/d', 'subscribed y']);
  unfollow();
  t.same(namesAfter(watch, 0), [], 'nobody needs them');
  t.equal(watch.nameBytes, 0);
});

await t.test('mailboxes are described as they are now, once for all readers', async (t) => {
  const { other, accountId, watch, change } = await watchedAccount(t);
  const { mailboxId } = await other.createMailbox(accountId, 'a');
  await change(() => other.subscribe(accountId, 'a'), 1);
  const described = watch.describe(mailboxId);
  t.equal(watch.describe(mailboxId), described);
  t.match(await described, { mailbox: { name: 'a' }, isSubscribed: true, status: { uidNext: 1 } });
  const draft = other.beginMessage();
  await draft.write(Buffer.from('Subject: one\r\n\r\n'));
  const properties = { flags: [], internalDate: { epochMs: 0, zoneMinutes: 0 } };
  await change(() => draft.addTo({ accountId, mailboxId }, properties), 1);
  t.match(await watch.describe(mailboxId), { status: { uidNext: 2, unseenCount: 1 } });
  await change(() => other.renameMailbox(accountId, 'a', 'b'), 1);
  t.match(await watch.describe(mailboxId), { mailbox: { name: 'b' }, isSubscribed: false });
  await change(() => other.deleteMailbox(accountId, 'b'), 1);
  t.equal(await watch.describe(mailboxId), undefined);
});

await t.test('what is owed is bounded, and those who lag find out', async (t) => {
  const { other, accountId, watch, change } = await watchedAccount(t);
  const lagging = makeReader();
  const quick = makeReader();
  watch.follow(lagging);
  watch.follow(quick);
  const name = 'x'.repeat(250);
  const count = Math.ceil(maxOwedNameBytes / (128 + 500)) + 1;
  for (let done = 0; done < count; done += 2) {
    await change(() => other.subscribe(accountId, name), 1);
    quick.toldNames = watch.version;
    t.ok(watch.nameBytes <= maxOwedNameBytes);
    await change(() => other.unsubscribe(accountId, name), 1);
  }
  t.ok(watch.hasForgotten(lagging.toldNames));
  t.notOk(watch.hasForgotten(quick.toldNames));
});

await t.test('clients of an account share a watch, which ends with the last', async (t) => {
  const { store, accountId } = await watchedAccount(t);
  const watches = new AccountWatches(store);
  const before = (store as unknown as { watchCount: number }).watchCount;
  const [one, two] = await Promise.all([watches.acquire(accountId), watches.acquire(accountId)]);
  t.equal(one, two);
  t.equal((store as unknown as { watchCount: number }).watchCount, before + 1);
  watches.release(one);
  t.equal(watches.count, 1);
  watches.release(two);
  t.equal(watches.count, 0);
  t.equal((store as unknown as { watchCount: number }).watchCount, before);
  await t.rejects(watches.acquire(99), { code: 'NONEXISTENT' });
  t.equal(watches.count, 0);
});

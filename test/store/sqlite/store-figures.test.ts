import t from 'tap';
import { singleInstanceRatio } from '../../../store/opened-store.ts';
import { addMessage, makeScene } from '../../fixtures/mail-store-contract/store-steps.ts';
import { makeSqliteStore } from '../../fixtures/sqlite-store.ts';

/** A message of so many bytes. */
function messageOf(sizeBytes: number, name: string): string {
  return `Subject: ${name}\r\n\r\n`.padEnd(sizeBytes, 'x');
}

await t.test('figures count each copy of a message, and each body once', async (t) => {
  const { store } = await makeSqliteStore(t);
  t.same(await store.readFigures(), {
    accountCount: 0,
    mailboxCount: 0,
    messageCount: 0,
    messageBytes: 0,
    bodyCount: 0,
    bodyBytes: 0,
  });
  t.equal(singleInstanceRatio(await store.readFigures()), 1, 'of an empty store');
  const alice = await makeScene(store, 'alice');
  const bob = await makeScene(store, 'bob');
  const { mailboxCount } = await store.readFigures();
  t.ok(mailboxCount >= 2);
  for (const scene of [alice, bob]) await addMessage(scene, messageOf(3_000, 'to all'));
  const one = await addMessage(alice, messageOf(1_000, 'to one'));
  const figures = {
    accountCount: 2,
    mailboxCount,
    messageCount: 3,
    messageBytes: 7_000,
    bodyCount: 2,
    bodyBytes: 4_000,
  };
  t.same(await store.readFigures(), figures);
  t.equal(singleInstanceRatio(figures), 1.75);
  await store.storeFlags(alice.inbox, Uint32Array.of(one.uid), {
    mode: 'add',
    flags: ['\\Deleted'],
  });
  await store.expungeMessages(alice.inbox, undefined);
  t.match(
    await store.readFigures(),
    { messageCount: 2, messageBytes: 6_000, bodyCount: 1, bodyBytes: 3_000 },
    'without what nobody can reach, though it is not deleted yet',
  );
  await store.removeAccount('bob');
  t.match(await store.readFigures(), { accountCount: 1, messageCount: 1, messageBytes: 3_000 });
});

await t.test('more bodies than a step reads; others come in between', async (t) => {
  const { store } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  const messages = Array.from({ length: 2_001 }, (_, index) => messageOf(100, `${index}`));
  await Promise.all(messages.map((message) => addMessage(scene, message)));
  let turns = 0;
  const count = () => {
    turns += 1;
    if (turns < 1_000) setImmediate(count);
  };
  setImmediate(count);
  const { bodyCount, bodyBytes } = await store.readFigures();
  t.ok(turns >= 3, `${turns} turns`);
  turns = 1_000;
  t.equal(bodyCount, 2_001);
  t.equal(bodyBytes, 200_100);
});

await t.test('a store that closes finishes the reading', async (t) => {
  const { store } = await makeSqliteStore(t);
  const scene = await makeScene(store);
  await addMessage(scene, messageOf(100, 'x'));
  const reading = store.readFigures();
  await store.close();
  t.match(await reading, { messageCount: 1, bodyCount: 1 });
});

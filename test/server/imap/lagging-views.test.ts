import t, { type Test } from 'tap';
import { type Client, sceneOf } from '../../fixtures/mailbox-scene.ts';
import { SeededRandom } from '../../fixtures/seeded-random.ts';
import { uidsOfNumbers } from '../../../server/imap/named-messages.ts';

await t.test('clients that lag at many places are told, and cost 4 bytes a message', async (t) => {
  const { mailbox, select, feed } = await sceneOf(20_000);
  const before = feed.sizeBytes;
  const clients = Array.from({ length: 200 }, (_, index) => {
    const client = select();
    mailbox.expunge([index + 1]);
    return client;
  });
  t.ok(feed.sizeBytes - before < 200 * 4 * 3, `${feed.sizeBytes - before} bytes`);
  for (const [index, { view, poll }] of clients.entries()) {
    t.equal(view.count, 20_000 - index);
    t.same(await poll(), Array(200 - index).fill('* 1 EXPUNGE'));
    t.equal(view.count, feed.count);
  }
});

await t.test('the UIDs and numbers of a client that lags are those that it was told', async (t) => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = new SeededRandom(seed);
    const { mailbox, select } = await sceneOf(60);
    // Each with the UIDs that its client knows of.
    const clients = Array.from({ length: 4 }, () => ({
      ...select(),
      known: [...mailbox.messages.keys()],
    }));
    for (let step = 0; step < 40; step++) {
      const some = [...mailbox.messages.keys()].filter(() => random.chance(0.04));
      const choice = random.below(4);
      if (choice === 0) mailbox.expunge(some);
      if (choice === 1) mailbox.add();
      if (choice === 2) mailbox.expunge([mailbox.uidNext - 1]);
      const client = random.pick(clients);
      if (choice === 3) {
        const isExpunge = random.chance(0.3);
        const lines = await client.poll({ expunge: isExpunge });
        for (const line of lines) {
          const [, number] = /^\* (\d+) EXPUNGE$/.exec(line) ?? [];
          if (number !== undefined) client.known.splice(Number(number) - 1, 1);
        }
        const last = client.known.at(-1) ?? 0;
        client.known.push(...[...mailbox.messages.keys()].filter((uid) => uid > last));
        if (isExpunge) t.same(client.known, [...mailbox.messages.keys()]);
      }
      if (random.chance(0.5)) checkKnown(t, client, random);
    }
  }
});

function checkKnown(t: Test, { view, known }: Client & { known: number[] }, random: SeededRandom) {
  t.equal(view.count, known.length);
  t.equal(view.lastUid, known.at(-1) ?? 0);
  t.same([...view.uids], known);
  const start = random.below(known.length + 1);
  const end = start + random.below(known.length + 1 - start);
  t.same([...view.uidsBetween(start, end)], known.slice(start, end));
  const set = [
    { first: start + 1, last: end + 1 },
    { first: Infinity, last: Infinity },
  ];
  const named = known.filter((_, index) => {
    const number = index + 1;
    return (number > start && number <= end + 1) || number === known.length;
  });
  t.same([...uidsOfNumbers(view, set)], named);
  const uids = Array.from({ length: 100 }, (_, index) => index + 1);
  t.same(
    uids.map((uid) => view.numberOf(uid, 1 + random.below(70)) ?? 0),
    uids.map((uid) => known.indexOf(uid) + 1),
  );
}

await t.test(
  'clients that lag are told right when much that they need not know has gone',
  async (t) => {
    const { mailbox, select, feed } = await sceneOf(3000);
    const first = select();
    mailbox.expunge([2, 2999]);
    for (let index = 0; index < 3000; index++) mailbox.add();
    const second = select();
    mailbox.expunge([1, 5000]);
    mailbox.expunge([...mailbox.messages.keys()].filter((uid) => uid > 3000));
    mailbox.add();
    // That of the first is all that is left, and what the second had been told of.
    t.ok(feed.expungeLog.end < 3010, `${feed.expungeLog.end} entries`);
    t.same(await first.poll(), [
      '* 1 EXPUNGE',
      '* 1 EXPUNGE',
      '* 2997 EXPUNGE',
      '* 2998 EXISTS',
      '* 0 RECENT',
    ]);
    const lines = await second.poll();
    t.equal(lines.filter((line) => line.endsWith('EXPUNGE')).length, 3001);
    t.same(lines.slice(-2), ['* 2998 EXISTS', '* 0 RECENT']);
    for (const { view } of [first, second]) t.same([...view.uids], [...mailbox.messages.keys()]);
    t.equal(feed.expungeLog.end, 0, 'everybody has been told');
  },
);

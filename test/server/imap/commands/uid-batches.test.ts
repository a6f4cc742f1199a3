import t from 'tap';
import { uidBatches } from '../../../../server/imap/commands/uid-batches.ts';
import { MailboxFeed } from '../../../../server/imap/mailbox-feed.ts';
import { CommandRefusedError } from '../../../../server/imap/responses.ts';
import { FakeMailbox, openFeedOf } from '../../../fixtures/fake-mailbox.ts';
import { selectedSession, type SelectedSession } from '../../../fixtures/selected-session.ts';

/** The ranges that a client is told, or the code of the refusal. */
async function ask(selected: SelectedSession, size: number, first?: number, last = first) {
  const { session, lines } = selected;
  session.out.flush();
  const before = lines().length;
  const batches = first === undefined ? {} : { batches: { first, last: last! } };
  try {
    await uidBatches(
      session,
      { name: 'UIDBATCHES', size, ...batches },
      { tag: 'a', isWaiting: false },
    );
  } catch (error) {
    if (error instanceof CommandRefusedError) return `${error.status} ${error.code}`;
    throw error;
  }
  session.out.flush();
  return lines()
    .slice(before)
    .join()
    .replace(/^\* UIDBATCHES \(TAG "a"\) ?/, '');
}

await t.test('from the newest message down to UID 1', async (t) => {
  for (const [count, size, ranges] of [
    [0, 500, ''],
    [1, 500, '1:1'],
    [499, 500, '499:1'],
    [500, 500, '500:1'],
    [501, 500, '501:2,1:1'],
    [1700, 500, '1700:1201,1200:701,700:201,200:1'],
    [1700, 4294967295, '1700:1'],
  ] as const) {
    const selected = selectedSession(await openFeedOf(count));
    t.equal(await ask(selected, size), ranges, `${count} messages by ${size}`);
  }
});

await t.test('some of the batches', async (t) => {
  const feed = await openFeedOf(1700);
  for (const [first, last, ranges] of [
    [1, 1, '1700:1201'],
    [2, 3, '1200:701,700:201'],
    [4, 4, '200:1'],
    [4, 9, '200:1'],
    [5, 5, ''],
    [4294967294, 4294967295, ''],
  ] as const) {
    t.equal(await ask(selectedSession(feed), 500, first, last), ranges, `${first}:${last}`);
  }
});

await t.test('each batch has so many messages, whatever UIDs they have', async (t) => {
  const mailbox = new FakeMailbox();
  for (let count = 0; count < 5000; count++) mailbox.add();
  mailbox.expunge([...mailbox.messages.keys()].filter((uid) => uid % 7 < 3 || uid > 4800));
  mailbox.sliceMessages = 10_000;
  const selected = selectedSession(await MailboxFeed.open(mailbox.store, mailbox.box));
  const text = await ask(selected, 600);
  const ranges = text.split(',').map((range) => range.split(':').map(Number) as [number, number]);
  const counts = ranges.map(
    ([high, low]) => [...mailbox.messages.keys()].filter((uid) => uid >= low && uid <= high).length,
  );
  const total = mailbox.messages.size;
  t.same(counts, [600, 600, 600, 600, total - 2400]);
  t.equal(ranges[0]?.[0], 5000, 'up to the last UID that there was');
  t.equal(ranges.at(-1)?.[1], 1);
  for (const [index, [, low]] of ranges.entries()) {
    const next = ranges[index + 1];
    if (next !== undefined) t.equal(next[0], low - 1);
  }
});

await t.test('a batch that would tell message sequence numbers is refused', async (t) => {
  const selected = selectedSession(await openFeedOf(3));
  t.equal(await ask(selected, 499), 'NO TOOFEW');
  t.equal(await ask(selected, 1), 'NO TOOFEW');
  t.equal(await ask(selected, 500), '3:1');
});

await t.test('a million messages cost a look at one in each batch', async (t) => {
  const count = 1_000_000;
  const feed = await openFeedOf(0, {
    async *readStates() {
      yield {
        uids: Uint32Array.from({ length: count }, (_, index) => index + 1),
        modseqs: new Float64Array(count).fill(1),
        flags: new Uint32Array(count),
        flagSets: [[]],
      };
    },
  });
  const selected = selectedSession(feed);
  const { view } = selected;
  let lookedAt = 0;
  const uidsBetween = view.uidsBetween.bind(view);
  view.uidsBetween = (start, end) => {
    lookedAt += end - start;
    return uidsBetween(start, end);
  };
  const ranges = (await ask(selected, 500)).split(',');
  t.equal(ranges.length, 2000);
  t.same(ranges.slice(0, 2), ['1000000:999501', '999500:999001']);
  t.equal(ranges.at(-1), '500:1');
  t.ok(lookedAt <= 4000, `${lookedAt} messages`);
});

await t.test('who has been told need not ask again, until much has changed', async (t) => {
  const mailbox = new FakeMailbox();
  mailbox.sliceMessages = 10_000;
  for (let count = 0; count < 1200; count++) mailbox.add();
  const feed = await MailboxFeed.open(mailbox.store, mailbox.box);
  const selected = selectedSession(feed);
  const poll = () =>
    selected.view.poll(selected.session.out, {
      expunge: true,
      hasModseq: false,
      hasVanished: true,
    });
  t.equal(await ask(selected, 500, 1, 2), '1200:701,700:201');
  t.equal(await ask(selected, 500, 1, 2), 'NO LIMIT');
  t.equal(await ask(selected, 500, 2, 3), '700:201,200:1', 'one of them is new');
  t.equal(await ask(selected, 500), 'NO LIMIT', 'all have been told');
  t.equal(await ask(selected, 500, 7, 9), '', 'there are none');
  t.equal(await ask(selected, 500, 7, 9), '');
  t.equal(await ask(selected, 600), '1200:601,600:1', 'another size');
  t.equal(await ask(selected, 600), 'NO LIMIT');
  for (let count = 0; count < 299; count++) mailbox.add();
  mailbox.expunge(Array.from({ length: 299 }, (_, index) => index + 1));
  await poll();
  t.equal(await ask(selected, 600, 1, 2), 'NO LIMIT', 'less than half of a batch came, and went');
  t.equal(await ask(selected, 600, 3), '', 'the count is what it was');
  mailbox.add();
  await poll();
  t.equal(await ask(selected, 600), '1500:901,900:301,300:1', 'half a batch has come');
  t.equal(await ask(selected, 600), 'NO LIMIT');
  mailbox.expunge(Array.from({ length: 300 }, (_, index) => index + 1000));
  await poll();
  t.equal(await ask(selected, 600), '1500:601,600:1', 'half a batch is gone');
  t.equal(await ask(selectedSession(feed), 600), '1500:601,600:1', 'selected again');
});

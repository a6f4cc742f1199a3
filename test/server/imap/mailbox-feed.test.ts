import t from 'tap';
import type { MailStore } from '../../../store/mail-store.ts';
import type { MailboxEvent } from '../../../store/mailbox-changes.ts';
import { MailboxFeed } from '../../../server/imap/mailbox-feed.ts';
import { MailboxFeeds } from '../../../server/imap/mailbox-feeds.ts';
import { StoreError } from '../../../store/mail-store.ts';
import { FakeMailbox } from '../../fixtures/fake-mailbox.ts';
import { until } from '../../fixtures/until.ts';

/** What the feed holds: UID, modseq, flags. */
function contents(feed: MailboxFeed): string[] {
  return Array.from({ length: feed.count }, (_, index) =>
    [
      feed.uids[index],
      feed.modseqAt(index),
      feed.flagSets.listOf(feed.flagSetNumberAt(index), false).slice(1, -1),
    ].join(' '),
  );
}

/** What the mailbox holds, in the same form. */
function truth(mailbox: FakeMailbox): string[] {
  return [...mailbox.messages.values()]
    .toSorted((a, b) => a.uid - b.uid)
    .map(({ uid, modseq, flags }) => `${uid} ${modseq} ${flags.join(' ')}`);
}

/** A mailbox of messages without flags. */
function mailboxOf(count: number): FakeMailbox {
  const mailbox = new FakeMailbox();
  for (let index = 0; index < count; index++) mailbox.add();
  return mailbox;
}

await t.test('loads the mailbox in slices, and follows what is committed', async (t) => {
  const mailbox = mailboxOf(5);
  const feed = await MailboxFeed.open(mailbox.store, mailbox.box);
  t.same(contents(feed), truth(mailbox));
  t.match(feed, { count: 5, modseq: 6, uidNext: 6, uidValidity: 7 });
  mailbox.setFlags([2, 4], ['\\Seen', 'Work']);
  mailbox.add(['\\Flagged']);
  mailbox.expunge([1, 5]);
  t.same(contents(feed), truth(mailbox));
  t.match(feed, { count: 4, modseq: 9, uidNext: 7 });
  t.same(feed.flagSets.keywords, ['Work']);
  t.equal(mailbox.calls.readChanges, 0, 'the events say everything');
});

await t.test('what is committed while it loads is neither lost nor taken twice', async (t) => {
  const mailbox = mailboxOf(6);
  let slice = 0;
  mailbox.onSlice = () => {
    slice += 1;
    if (slice === 1) {
      mailbox.setFlags([1, 5], ['\\Seen']);
      mailbox.expunge([2, 6]);
      mailbox.add();
    }
    if (slice === 2) mailbox.setFlags([4], ['\\Deleted']);
  };
  const feed = await MailboxFeed.open(mailbox.store, mailbox.box);
  t.same(contents(feed), truth(mailbox));
  t.match(feed, { modseq: mailbox.modseq, uidNext: 8 });
});

await t.test(
  'after a gap it reads the difference once, and what comes meanwhile waits',
  async (t) => {
    const mailbox = mailboxOf(5);
    const feed = await MailboxFeed.open(mailbox.store, mailbox.box);
    mailbox.setFlags([5], ['\\Seen'], false);
    mailbox.add(['\\Draft'], false);
    mailbox.add([], false);
    // The one that came first has the higher modseq then.
    mailbox.setFlags([6], ['\\Answered'], false);
    mailbox.expunge([3], false);
    let isChanged = false;
    mailbox.onSlice = () => {
      if (isChanged) return;
      isChanged = true;
      mailbox.setFlags([1], ['\\Flagged']);
      mailbox.expunge([2]);
    };
    mailbox.setFlags([4], ['\\Seen']);
    const { modseq } = mailbox;
    await feed.reach(modseq);
    await until(() => feed.modseq === mailbox.modseq);
    t.same(contents(feed), truth(mailbox));
    t.equal(mailbox.calls.readChanges, 1);
    t.equal(feed.uidNext, 8);
  },
);

await t.test('a change of too many messages to be told is read in slices', async (t) => {
  const mailbox = mailboxOf(7);
  const feed = await MailboxFeed.open(mailbox.store, mailbox.box);
  mailbox.setFlags([1, 2, 3, 4, 5, 6, 7], ['\\Seen'], false);
  mailbox.tell({ kind: 'changed-much', modseq: mailbox.modseq });
  await feed.reach(mailbox.modseq);
  t.same(contents(feed), truth(mailbox));
});

await t.test('sets of flags that no message has any more are forgotten', async (t) => {
  const mailbox = mailboxOf(3);
  const feed = await MailboxFeed.open(mailbox.store, mailbox.box);
  for (let number = 0; number < 3000; number++) mailbox.setFlags([2], [`k${number}`]);
  t.ok(feed.flagSets.size < 1100, `${feed.flagSets.size} sets`);
  t.same(contents(feed), truth(mailbox));
});

await t.test('what a store has forgotten is found by comparing all messages', async (t) => {
  const mailbox = mailboxOf(9);
  const feed = await MailboxFeed.open(mailbox.store, mailbox.box);
  const told: Uint32Array[] = [];
  const reader = {
    expungePlace: feed.expungeLog.end,
    uidNext: feed.uidNext,
    onFeedChange: () => void told.push(feed.lastStep.changedUids),
  };
  feed.follow(reader);
  mailbox.expunge([1, 4, 5, 9], false);
  mailbox.setFlags([2, 6], ['\\Seen'], false);
  mailbox.add(['\\Draft'], false);
  mailbox.expunged.length = 0;
  mailbox.expungedHorizon = mailbox.modseq;
  let isChanged = false;
  mailbox.onSlice = () => {
    if (isChanged) return;
    isChanged = true;
    mailbox.setFlags([7], ['\\Flagged']);
    mailbox.expunge([8]);
  };
  mailbox.setFlags([3], ['\\Seen']);
  await until(() => isChanged && feed.modseq === mailbox.modseq);
  t.same(contents(feed), truth(mailbox));
  t.same([...told[0]!], [2, 3, 6, 7, 10], 'readers hear of each change');
  t.equal(feed.uidNext, 11);
});

await t.test('a mailbox that is deleted ends the feed, and whoever waits for it', async (t) => {
  const mailbox = mailboxOf(1);
  const feed = await MailboxFeed.open(mailbox.store, mailbox.box);
  let changes = 0;
  feed.follow({
    expungePlace: feed.expungeLog.end,
    uidNext: feed.uidNext,
    onFeedChange: () => (changes += 1),
  });
  const arrival = feed.reach(99);
  mailbox.tell({ kind: 'gone' });
  await arrival;
  t.match(feed.ended, { message: 'The selected mailbox has been deleted' });
  t.equal(changes, 1);
});

await t.test(
  '\\Recent is claimed once for all sessions, and a full disk costs nothing else',
  async (t) => {
    const mailbox = mailboxOf(2);
    mailbox.recent = { firstUid: 1, nextUid: 3 };
    const feed = await MailboxFeed.open(mailbox.store, mailbox.box);
    t.same(await feed.claimRecent(), [1, 3]);
    t.equal(await feed.claimRecent(), undefined);
    t.equal(mailbox.calls.claimRecent, 1);
    mailbox.add();
    mailbox.recent = undefined;
    t.equal(await feed.claimRecent(), undefined);
    t.equal(mailbox.calls.claimRecent, 2);
    mailbox.recent = { firstUid: 3, nextUid: 4 };
    t.same(await feed.claimRecent(), [3, 4], 'whoever comes next may try again');
  },
);

await t.test('sessions of a mailbox share one feed, which stays for a while', async (t) => {
  let nowMs = 0;
  const mailbox = mailboxOf(3);
  const feeds = new MailboxFeeds({
    store: mailbox.store,
    clock: () => nowMs,
    retentionMs: 60_000,
    retainedBytes: 1 << 20,
  });
  const [first, second] = await Promise.all([
    feeds.acquire(mailbox.box),
    feeds.acquire(mailbox.box),
  ]);
  t.equal(first, second);
  t.match(mailbox.calls, { open: 1, readStates: 0 }, 'nobody has needed a message');
  await Promise.all([first.load(), second.load()]);
  t.match(mailbox.calls, { open: 1, readStates: 1 });
  feeds.release(first);
  feeds.release(second);
  nowMs = 59_999;
  feeds.sweep();
  t.equal(await feeds.acquire(mailbox.box), first, 'a phone came back');
  nowMs = 200_000;
  feeds.sweep();
  t.equal(feeds.count, 1, 'it is in use');
  feeds.release(first);
  nowMs = 260_000;
  feeds.sweep();
  t.equal(feeds.count, 0);
  t.equal(mailbox.listenerCount, 0);
});

await t.test('feeds that nobody uses take a bounded number of bytes', async (t) => {
  const mailboxes = [1, 2, 3].map((mailboxId) => {
    const mailbox = mailboxOf(100);
    return { mailbox, box: { accountId: 1, mailboxId } };
  });
  const { sizeBytes } = await MailboxFeed.open(mailboxes[0]!.mailbox.store, mailboxes[0]!.box);
  const stores = new Map(mailboxes.map(({ mailbox, box }) => [box.mailboxId, mailbox.store]));
  const storeOf = (id: number) => stores.get(id)!;
  const feeds = new MailboxFeeds({
    store: {
      open: (box: { mailboxId: number }, ...rest: [never]) =>
        storeOf(box.mailboxId).open(box as never, ...rest),
      readStatus: (box: { mailboxId: number }) => storeOf(box.mailboxId).readStatus(box as never),
      readStates: (box: { mailboxId: number }, after: number) =>
        storeOf(box.mailboxId).readStates(box as never, after),
    } as never,
    clock: () => 0,
    retentionMs: 60_000,
    retainedBytes: 2 * sizeBytes,
  });
  const opened = await Promise.all(mailboxes.map(({ box }) => feeds.acquire(box)));
  for (const feed of opened) await feed.load();
  for (const feed of opened) feeds.release(feed);
  t.equal(feeds.count, 2);
  t.equal(await feeds.acquire(mailboxes[2]!.box), opened[2]);
  t.not(await feeds.acquire(mailboxes[0]!.box), opened[0], 'what was left first went first');
});

await t.test('a feed that has ended serves nobody new', async (t) => {
  const mailbox = mailboxOf(1);
  const feeds = new MailboxFeeds({
    store: mailbox.store,
    clock: () => 0,
    retentionMs: 60_000,
    retainedBytes: 1 << 20,
  });
  const feed = await feeds.acquire(mailbox.box);
  mailbox.tell({ kind: 'gone' });
  t.not(await feeds.acquire(mailbox.box), feed);
  feeds.release(feed);
  t.equal(mailbox.listenerCount, 1, 'that of the new one');
});

await t.test(
  'a new message that changes again while it is read is known all the same',
  async (t) => {
    const mailbox = mailboxOf(3);
    const feed = await MailboxFeed.open(mailbox.store, mailbox.box);
    for (let index = 0; index < 5; index++) mailbox.add([], false);
    let isChanged = false;
    mailbox.onSlice = () => {
      if (isChanged) return;
      isChanged = true;
      mailbox.setFlags([2, 6], ['\\Seen']);
      mailbox.expunge([7]);
    };
    mailbox.tell({ kind: 'changed-much', modseq: mailbox.modseq });
    await until(() => isChanged && feed.modseq === mailbox.modseq);
    t.same(contents(feed), truth(mailbox));
  },
);

await t.test('a mailbox that goes while the feed catches up is told as deleted', async (t) => {
  const mailbox = mailboxOf(3);
  const feed = await MailboxFeed.open(
    {
      ...mailbox.store,
      // oxlint-disable-next-line require-yield -- it fails before
      async *readChanges() {
        throw new StoreError('NONEXISTENT', 'The mailbox does not exist');
      },
    },
    mailbox.box,
  );
  mailbox.tell({ kind: 'changed-much', modseq: 99 });
  await feed.reach(99);
  t.match(feed.ended, { message: 'The selected mailbox has been deleted' });
});

await t.test('messages go from anywhere in a mailbox', async (t) => {
  const mailbox = mailboxOf(100);
  const feed = await MailboxFeed.open(mailbox.store, mailbox.box);
  for (const uids of [[1], [100], [50, 51, 52], [2, 4, 6, 99], [3, 5], [77, 78, 80]]) {
    mailbox.expunge(uids);
    t.same(contents(feed), truth(mailbox));
  }
  const before = contents(feed);
  mailbox.expunge([1, 50]);
  t.same(contents(feed), before, 'nothing was there');
  mailbox.expunge([...mailbox.messages.keys()]);
  t.equal(feed.count, 0);
});

await t.test('what is read ahead of the events is told with them', async (t) => {
  const mailbox = mailboxOf(3);
  const feed = await MailboxFeed.watch(mailbox.store, mailbox.box);
  const untold: MailboxEvent[] = [];
  const uidNexts: number[] = [];
  mailbox.onSlice = () => {
    uidNexts.push(feed.uidNext);
    if (untold.length === 0) untold.push(mailbox.add([], false));
    else for (const event of untold) mailbox.tell(event);
  };
  await feed.load();
  // The second slice has message 4, of which nothing has been told yet.
  t.same(uidNexts, [4, 4]);
  t.match(feed, { uidNext: 5, count: 4 });
});

await t.test('a large change right behind the last one that loading waits for', async (t) => {
  const mailbox = mailboxOf(3);
  const feed = await MailboxFeed.watch(mailbox.store, mailbox.box);
  let event: MailboxEvent | undefined;
  mailbox.onSlice = () => {
    event ??= mailbox.setFlags([1], ['\\Seen'], false);
  };
  const loading = feed.load();
  await until(() => event !== undefined);
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(feed.isLoaded, false, 'it waits for the event');
  mailbox.setFlags([2], ['\\Flagged'], false);
  mailbox.expunge([3], false);
  mailbox.tell(event!);
  mailbox.tell({ kind: 'changed-much', modseq: mailbox.modseq });
  await loading;
  await feed.reach(mailbox.modseq);
  t.same(contents(feed), truth(mailbox));
});

await t.test('the first unseen message is looked for once for each change', async (t) => {
  const mailbox = mailboxOf(3);
  let askedCount = 0;
  const store: MailStore = {
    ...mailbox.store,
    readStatus: async (box, options) => {
      const status = { ...(await mailbox.store.readStatus(box)), unseenCount: 1 };
      if (options?.firstUnseen !== true) return status;
      askedCount += 1;
      return { ...status, firstUnseenNumber: 2 };
    },
  };
  const feed = await MailboxFeed.watch(store, mailbox.box);
  for (let count = 0; count < 3; count++) {
    t.match(await feed.refreshForSelect(3), { firstUnseenNumber: 2, messageCount: 3 });
  }
  t.equal(askedCount, 1);
  mailbox.setFlags([1], ['\\Answered']);
  t.match(await feed.refreshForSelect(3), { firstUnseenNumber: 2 });
  t.equal(askedCount, 2);
  t.notOk('firstUnseenNumber' in (await feed.refreshForSelect(2))!, 'there are too many');
  t.equal(askedCount, 2);
});

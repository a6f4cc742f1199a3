import t, { type Test } from 'tap';
import { MailboxFeed } from '../../../server/imap/mailbox-feed.ts';
import { MailboxView } from '../../../server/imap/mailbox-view.ts';
import { Responses } from '../../../server/imap/responses.ts';
import type { MailboxEvent } from '../../../store/mailbox-changes.ts';
import { FakeMailbox } from '../../fixtures/fake-mailbox.ts';
import { SeededRandom } from '../../fixtures/seeded-random.ts';

interface Scene {
  readonly mailbox: FakeMailbox;
  readonly feed: MailboxFeed;
  /** A client that has the mailbox selected. */
  select(options?: { readonly isReadOnly?: boolean }): Client;
}

interface Client {
  readonly view: MailboxView;
  /** What a poll tells, line by line. */
  poll(options?: { expunge?: boolean; hasModseq?: boolean }): Promise<string[]>;
}

async function sceneOf(count: number): Promise<Scene> {
  const mailbox = new FakeMailbox();
  mailbox.sliceMessages = Math.max(2, count / 10);
  for (let index = 0; index < count; index++) mailbox.add();
  const feed = await MailboxFeed.open(mailbox.store, mailbox.box);
  const select: Scene['select'] = ({ isReadOnly = false } = {}) => {
    const view = new MailboxView(feed, isReadOnly);
    const poll: Client['poll'] = async ({ expunge = true, hasModseq = false } = {}) => {
      const { out, lines } = gathering();
      await view.poll(out, { expunge, hasModseq });
      return lines();
    };
    return { view, poll };
  };
  return { mailbox, feed, select };
}

/** Responses that are kept, what they are so far, and what was kept back. */
function gathering() {
  let text = '';
  let drainCount = 0;
  let unwrittenBytes = 0;
  const transport = {
    write: (data: string | Uint8Array) => {
      text += String(data);
    },
    isFull: false,
    drained: async () => {
      drainCount += 1;
      const writtenBytes = text.length;
      out.flush();
      unwrittenBytes += text.length - writtenBytes;
    },
    destroy: () => {},
  };
  const out = new Responses(transport, 1 << 20);
  const lines = () => {
    out.flush();
    return text.split('\r\n').filter((line) => line !== '');
  };
  /** How often the client was waited for, and bytes that were not handed to its transport before. */
  const waits = () => ({ drainCount, unwrittenBytes });
  return { out, lines, waits };
}

await t.test('tells EXPUNGE, EXISTS and flags, once', async (t) => {
  const { mailbox, select } = await sceneOf(5);
  const { view, poll } = select();
  mailbox.setFlags([2], ['\\Seen']);
  mailbox.expunge([1, 4]);
  mailbox.add(['\\Draft']);
  mailbox.setFlags([5], ['\\Flagged']);
  t.ok(view.hasNews);
  t.same(await poll({ hasModseq: true }), [
    '* 1 EXPUNGE',
    '* 3 EXPUNGE',
    '* 4 EXISTS',
    '* 0 RECENT',
    '* 1 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (7))',
    '* 3 FETCH (UID 5 FLAGS (\\Flagged) MODSEQ (10))',
  ]);
  t.notOk(view.hasNews);
  t.same(await poll(), []);
});

await t.test('while numbers are in use only EXPUNGE waits', async (t) => {
  const { mailbox, select } = await sceneOf(3);
  const { view, poll } = select();
  mailbox.expunge([1]);
  mailbox.add();
  mailbox.setFlags([3], ['\\Seen']);
  t.same(await poll({ expunge: false }), [
    '* 4 EXISTS',
    '* 0 RECENT',
    '* 3 FETCH (UID 3 FLAGS (\\Seen))',
  ]);
  t.same([...view.uids], [1, 2, 3, 4], 'the client still counts the one that is gone');
  mailbox.add();
  mailbox.expunge([2]);
  t.same(await poll({ expunge: false }), ['* 5 EXISTS', '* 0 RECENT']);
  t.same(await poll(), ['* 1 EXPUNGE', '* 1 EXPUNGE']);
  t.same([...view.uids], [3, 4, 5]);
});

await t.test('a foreign change is told, whatever the session does itself', async (t) => {
  const { mailbox, select, feed } = await sceneOf(2);
  const { view, poll } = select();
  mailbox.setFlags([1], ['\\Flagged']);
  const foreign = feed.modseq;
  t.notOk(view.wasTold(foreign));
  mailbox.setFlags([2], ['\\Seen']);
  view.noteOwnChange(feed.modseq);
  t.ok(view.wasTold(feed.modseq));
  t.notOk(view.wasTold(foreign));
  t.same(await poll(), ['* 1 FETCH (UID 1 FLAGS (\\Flagged))']);
  t.ok(view.wasTold(foreign));
});

await t.test('an own change that another has changed since is told', async (t) => {
  const { mailbox, select, feed } = await sceneOf(2);
  const { view, poll } = select();
  mailbox.setFlags([1, 2], ['\\Seen']);
  view.noteOwnChange(feed.modseq);
  mailbox.setFlags([2], []);
  t.same(await poll({ hasModseq: true }), ['* 2 FETCH (UID 2 FLAGS () MODSEQ (5))']);
});

await t.test('what is read after a gap is told, own changes within it apart', async (t) => {
  const { mailbox, select, feed } = await sceneOf(3);
  const { view, poll } = select();
  mailbox.setFlags([1], ['\\Flagged'], false);
  mailbox.setFlags([2], ['\\Seen'], false);
  const { modseq } = mailbox;
  mailbox.tell({ kind: 'changed-much', modseq });
  await feed.reach(modseq);
  view.noteOwnChange(modseq);
  t.same(await poll(), ['* 1 FETCH (UID 1 FLAGS (\\Flagged))']);
});

await t.test('a view that fell far behind compares, and lets go of the steps', async (t) => {
  const { mailbox, select } = await sceneOf(300);
  const all = [...mailbox.messages.keys()];
  const { view, poll } = select();
  mailbox.expunge([7, 9]);
  const rest = all.filter((uid) => uid !== 7 && uid !== 9);
  for (let round = 0; round < 250; round++) mailbox.setFlags(rest, [`k${round % 2}`]);
  mailbox.add();
  mailbox.expunge([300]);
  const lines = await poll();
  t.same(lines.slice(0, 5), [
    '* 7 EXPUNGE',
    '* 8 EXPUNGE',
    '* 298 EXPUNGE',
    '* 298 EXISTS',
    '* 0 RECENT',
  ]);
  t.equal(lines.filter((line) => /^\* \d+ FETCH \(UID \d+ FLAGS \(k1\)\)$/.test(line)).length, 297);
  t.same([...view.uids], [...mailbox.messages.keys()]);
  t.same(await poll(), []);
});

await t.test('what changes while a long poll waits for its client comes after it', async (t) => {
  const { mailbox, select, feed } = await sceneOf(3000);
  const { view } = select();
  const all = [...mailbox.messages.keys()];
  mailbox.expunge(all.slice(0, 1500));
  mailbox.setFlags(all.slice(1500), ['\\Seen']);
  const { out, lines } = gathering();
  const first = view.poll(out, { expunge: true, hasModseq: false });
  mailbox.expunge([all[1600]!]);
  mailbox.setFlags([all[1700]!], ['\\Flagged']);
  mailbox.add();
  await first;
  while (view.hasNews) await view.poll(out, { expunge: true, hasModseq: false });
  const mirror = [...all];
  const flags = new Map<number, string>();
  for (const line of lines()) {
    const [, number, word, rest = ''] = /^\* (\d+) (\w+) ?(.*)$/.exec(line)!;
    if (word === 'EXPUNGE') mirror.splice(Number(number) - 1, 1);
    if (word === 'FETCH') {
      const [, uid, text] = /UID (\d+) FLAGS \(([^)]*)\)/.exec(rest)!;
      t.equal(mirror[Number(number) - 1], Number(uid));
      flags.set(Number(uid), text!);
    }
    if (word === 'EXISTS') mirror.push(3001);
  }
  t.same(mirror, [...feed.uids.subarray(0, feed.count)]);
  t.equal(flags.get(all[1700]!), '\\Flagged');
  t.equal(flags.get(all[1701]!), '\\Seen');
});

await t.test('\\Recent messages are counted as they come and go', async (t) => {
  const { mailbox, select } = await sceneOf(2);
  const { view, poll } = select();
  view.addRecent(2, 3);
  t.equal(view.recentCount, 1);
  mailbox.recent = { firstUid: 3, nextUid: 4 };
  mailbox.add();
  t.same(await poll(), ['* 3 EXISTS', '* 2 RECENT']);
  mailbox.expunge([2]);
  mailbox.setFlags([3], ['\\Seen']);
  t.same(await poll(), ['* 2 EXPUNGE', '* 2 FETCH (UID 3 FLAGS (\\Recent \\Seen))']);
  t.equal(view.recentCount, 1);
  t.same(
    [...view.uids].filter((uid) => view.isRecent(uid)),
    [3],
  );
});

await t.test('a read-only session sees what is \\Recent and claims nothing', async (t) => {
  const { mailbox, select } = await sceneOf(3);
  const { view, poll } = select({ isReadOnly: true });
  view.showRecent(2);
  t.same(
    [...view.uids].filter((uid) => view.isRecent(uid)),
    [2, 3],
  );
  mailbox.add();
  t.same(await poll(), ['* 4 EXISTS', '* 2 RECENT']);
  t.equal(mailbox.calls.claimRecent, 0);
});

await t.test('a new keyword is told before its first FETCH', async (t) => {
  const { mailbox, select } = await sceneOf(1);
  const { poll } = select();
  mailbox.setFlags([1], ['Work']);
  t.same(await poll(), [
    '* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft Work)',
    '* 1 FETCH (UID 1 FLAGS (Work))',
  ]);
});

await t.test('a deleted mailbox ends the session, with the reason', async (t) => {
  const { mailbox, select } = await sceneOf(1);
  const { view, poll } = select();
  let isTold = false;
  view.onNews = () => (isTold = true);
  mailbox.tell({ kind: 'gone' });
  t.ok(isTold);
  await t.rejects(poll(), { name: 'ByeError', message: 'The selected mailbox has been deleted' });
});

await t.test('views that are up to date share the array of the feed', async (t) => {
  const { mailbox, select, feed } = await sceneOf(100);
  const clients = [select(), select()];
  mailbox.expunge([5]);
  for (let index = 0; index < 50; index++) mailbox.add();
  for (const { poll } of clients) await poll();
  for (const { view } of clients) t.equal(view.uids.buffer, feed.uids.buffer);
});

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
  t.same([...view.uidsOfNumbers(set)], named);
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

await t.test('a client that waits for its next turn keeps no lines back', async (t) => {
  const { mailbox, select } = await sceneOf(2000);
  const { view } = select();
  mailbox.setFlags([...mailbox.messages.keys()], ['\\Seen']);
  const { out, waits } = gathering();
  await view.poll(out, { expunge: true, hasModseq: false });
  t.ok(waits().drainCount > 1);
  t.equal(waits().unwrittenBytes, 0);
});

await t.test('a feed that ends before its messages are read answers no command', async (t) => {
  const mailbox = new FakeMailbox();
  for (let index = 0; index < 3; index++) mailbox.add();
  const feed = await MailboxFeed.watch(mailbox.store, mailbox.box);
  const view = new MailboxView(feed, false, 3);
  t.equal(view.count, 3);
  mailbox.expungedHorizon = Infinity;
  mailbox.expunge([1], false);
  mailbox.tell({ kind: 'changed-much', modseq: mailbox.modseq });
  await new Promise(setImmediate);
  t.notOk(feed.isLoaded);
  await t.rejects(view.load(), { name: 'ByeError', message: /cannot be read/ });
});

/** A mailbox that changes at random: what changes is told at once, late, or only that it has changed. */
class RestlessMailbox extends FakeMailbox {
  readonly random: SeededRandom;
  #late: MailboxEvent[] = [];

  constructor(seed: number) {
    super();
    this.random = new SeededRandom(seed);
  }

  change(): void {
    const { random } = this;
    const uids = [...this.messages.keys()].filter(() => random.below(4) === 0);
    const kind = uids.length === 0 ? 0 : random.below(3);
    const event =
      kind === 0
        ? this.add([], false)
        : kind === 1
          ? this.setFlags(uids, [`k${random.below(5)}`], false)
          : this.expunge(uids, false);
    const isLarge = event.kind === 'changed' && random.below(6) === 0;
    this.#late.push(isLarge ? { kind: 'changed-much', modseq: event.modseq } : event);
    if (random.below(3) > 0) this.tellLate();
  }

  tellLate(): void {
    for (const event of this.#late.splice(0)) this.tell(event);
  }
}

/** What a client makes of EXISTS and EXPUNGE responses. */
function countAfter(count: number, lines: readonly string[]): number {
  for (const line of lines) {
    const [, number, name] = line.split(' ');
    if (name === 'EXISTS') count = Number(number);
    if (name === 'EXPUNGE') count -= 1;
  }
  return count;
}

await t.test('messages may be read long after SELECT, whatever happens meanwhile', async (t) => {
  for (let seed = 1; seed <= 300; seed++) {
    const mailbox = new RestlessMailbox(seed);
    const { random } = mailbox;
    for (let index = random.below(12); index > 0; index--) mailbox.add();
    const feed = await MailboxFeed.watch(mailbox.store, mailbox.box);
    const clients: { view: MailboxView; uids: number[]; count: number }[] = [];
    for (let step = random.below(12); step >= 0; step--) {
      mailbox.change();
      mailbox.tellLate();
      await new Promise(setImmediate);
      const uids = [...mailbox.messages.keys()].toSorted((a, b) => a - b);
      if (feed.modseq === mailbox.modseq && random.below(3) === 0) {
        const view = new MailboxView(feed, true, uids.length);
        clients.push({ view, uids, count: uids.length });
      }
    }
    mailbox.onSlice = () => {
      if (random.below(2) === 0) mailbox.change();
    };
    const loading = feed.load();
    while (!feed.isLoaded) {
      mailbox.tellLate();
      await new Promise(setImmediate);
    }
    await loading;
    mailbox.onSlice = () => {};
    mailbox.tellLate();
    await feed.refresh();
    const now = [...mailbox.messages.keys()].toSorted((a, b) => a - b);
    t.same([...feed.uids.subarray(0, feed.count)], now, `seed ${seed}: the feed`);
    for (const { view, uids, count } of clients) {
      const known = [...view.uids];
      t.same(known, uids, `seed ${seed}: what the client was told of`);
      const { out, lines } = gathering();
      await view.poll(out, { expunge: true, hasModseq: true });
      t.same([...view.uids], now, `seed ${seed}: what it knows now`);
      t.equal(countAfter(count, lines()), now.length, `seed ${seed}: what it counts`);
    }
  }
});

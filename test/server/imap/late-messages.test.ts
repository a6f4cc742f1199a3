import t from 'tap';
import { MailboxFeed } from '../../../server/imap/mailbox-feed.ts';
import { MailboxView } from '../../../server/imap/mailbox-view.ts';
import type { MailboxEvent } from '../../../store/mailbox-changes.ts';
import { FakeMailbox } from '../../fixtures/fake-mailbox.ts';
import { gathering } from '../../fixtures/mailbox-scene.ts';
import { SeededRandom } from '../../fixtures/seeded-random.ts';

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

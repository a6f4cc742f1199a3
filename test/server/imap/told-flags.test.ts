import t from 'tap';
import { MailboxFeed } from '../../../server/imap/mailbox-feed.ts';
import { ToldFlags } from '../../../server/imap/told-flags.ts';
import { FakeMailbox } from '../../fixtures/fake-mailbox.ts';

/** A mailbox, its feed, and a client that has been told of all. */
async function fiveMessages() {
  const mailbox = new FakeMailbox();
  for (let index = 0; index < 5; index++) mailbox.add();
  const feed = await MailboxFeed.open(mailbox.store, mailbox.box);
  return { mailbox, feed, told: new ToldFlags(feed) };
}

await t.test('what others change is to be told, once', async (t) => {
  const { mailbox, feed, told } = await fiveMessages();
  t.match(told, { isBehind: false, modseq: 6 });
  mailbox.setFlags([4], ['\\Seen']);
  mailbox.setFlags([2, 4], ['\\Flagged']);
  t.same([...told.untold()], [2, 4]);
  t.same([told.has(6), told.has(7), told.isBehind], [true, false, true]);
  told.advance(feed.lastStep);
  t.same([...told.untold()], []);
  t.match(told, { isBehind: false, modseq: 8 });
});

await t.test('no message of an own change is looked at', async (t) => {
  const { mailbox, feed, told } = await fiveMessages();
  mailbox.setFlags([1, 2, 3], ['\\Seen']);
  told.noteOwnChange(feed.modseq);
  t.ok(told.has(feed.modseq));
  t.same([...told.untold()], []);
  mailbox.setFlags([3], []);
  t.same([...told.untold()], [3], 'but one that has changed again');
  t.ok(told.isBehind);
  told.advance(feed.lastStep);
  t.notOk(told.has(feed.modseq + 1));
});

await t.test('of a step that holds several changes all are', async (t) => {
  const { mailbox, feed, told } = await fiveMessages();
  mailbox.setFlags([1], ['\\Flagged'], false);
  mailbox.setFlags([2], ['\\Seen'], false);
  const { modseq } = mailbox;
  mailbox.tell({ kind: 'changed-much', modseq });
  await feed.reach(modseq);
  told.noteOwnChange(modseq);
  t.same([...told.untold()], [1, 2]);
});

await t.test('a client that is far behind lets go of the steps, and compares', async (t) => {
  const { mailbox, feed, told } = await fiveMessages();
  mailbox.setFlags([1], ['\\Seen']);
  for (let round = 0; round < 40; round++) {
    mailbox.setFlags([2, 5], [`k${round}`]);
    told.letGo();
  }
  mailbox.expunge([5]);
  const untold = told.untold();
  t.notOk(untold instanceof Uint32Array, 'there is no list of them');
  t.same([...untold], [1, 2]);
  told.advance(feed.lastStep);
  t.same([...told.untold()], []);
});

await t.test('while it compares messages may go', async (t) => {
  const { mailbox, told } = await fiveMessages();
  for (let round = 0; round < 40; round++) {
    mailbox.setFlags([1, 2, 3, 4, 5], [`k${round}`]);
    told.letGo();
  }
  const uids: number[] = [];
  for (const uid of told.untold()) {
    uids.push(uid);
    if (uid === 3) mailbox.expunge([1, 2, 4]);
  }
  t.same(uids, [1, 2, 3, 5]);
});

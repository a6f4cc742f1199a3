import t from 'tap';
import { gathering, sceneOf } from '../../fixtures/mailbox-scene.ts';

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

await t.test('what is gone is told by its UIDs to who asked for that', async (t) => {
  const { mailbox, select } = await sceneOf(9);
  const { view, poll } = select();
  mailbox.expunge([2, 8]);
  mailbox.add();
  mailbox.expunge([3, 10]);
  t.same(await poll({ hasVanished: true }), ['* VANISHED 2:3,8'], 'not what it never heard of');
  t.same([...view.uids], [1, 4, 5, 6, 7, 9]);
  mailbox.expunge([1, 4, 5, 6, 7, 9]);
  t.same(await poll({ hasVanished: true }), ['* VANISHED 1,4:7,9']);
  t.equal(view.count, 0);
});

await t.test('VANISHED of many messages comes in lines of bounded length', async (t) => {
  const { mailbox, select } = await sceneOf(3000);
  const { view, poll } = select();
  mailbox.expunge(Array.from({ length: 1500 }, (_, index) => 2 * index + 1));
  const lines = await poll({ hasVanished: true });
  t.equal(lines.length, 3);
  t.ok(lines.every((line) => line.length < 12_000));
  t.equal(lines.join(',').split(',').length, 1500);
  t.equal(view.count, 1500);
});

await t.test('a client may keep no modseq behind what it was not told is gone', async (t) => {
  const { mailbox, select, feed } = await sceneOf(4);
  const { view, poll } = select();
  t.equal(view.settledModseq, feed.modseq);
  mailbox.setFlags([1], ['\\Seen']);
  await poll();
  const settled = feed.modseq;
  t.equal(view.settledModseq, settled);
  mailbox.expunge([2]);
  mailbox.setFlags([3], ['\\Seen']);
  const options = { hasModseq: true, hasVanished: true };
  t.same(await poll({ ...options, expunge: false }), [
    `* 3 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (${feed.modseq}))`,
    `* OK [HIGHESTMODSEQ ${settled}] Highest`,
  ]);
  t.equal(view.settledModseq, settled);
  t.equal(view.toldModseq, feed.modseq);
  t.same(await poll(options), ['* VANISHED 2', `* OK [HIGHESTMODSEQ ${feed.modseq}] Highest`]);
  t.equal(view.settledModseq, feed.modseq);
  mailbox.expunge([4]);
  t.same(await poll(options), ['* VANISHED 4'], 'nothing was held back');
  t.equal(view.settledModseq, feed.modseq);
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

await t.test('a client that waits for its next turn keeps no lines back', async (t) => {
  const { mailbox, select } = await sceneOf(2000);
  const { view } = select();
  mailbox.setFlags([...mailbox.messages.keys()], ['\\Seen']);
  const { out, waits } = gathering();
  await view.poll(out, { expunge: true, hasModseq: false });
  t.ok(waits().drainCount > 1);
  t.equal(waits().unwrittenBytes, 0);
});

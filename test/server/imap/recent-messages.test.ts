import t from 'tap';
import { RecentMessages } from '../../../server/imap/recent-messages.ts';

/** Messages with UIDs from 1 to `last`. */
const countBelow = (last: number) => (uid: number) => Math.min(last, uid - 1);

await t.test('ranges are counted as far as the client knows their messages', async (t) => {
  const recent = new RecentMessages();
  recent.add(3, 6, countBelow(4));
  t.equal(recent.count, 2);
  recent.arrive(Uint32Array.of(5, 6));
  t.equal(recent.count, 3, 'the claim had covered one of them');
  t.same(
    [2, 3, 5, 6].map((uid) => recent.has(uid)),
    [false, true, true, false],
  );
  recent.remove(4);
  recent.remove(2);
  t.equal(recent.count, 2);
});

await t.test('other sessions claim in between', async (t) => {
  const recent = new RecentMessages();
  const uids = Array.from({ length: 10_000 }, (_, index) => index + 1);
  for (let uid = 1; uid <= 10_000; uid += 2) recent.add(uid, uid + 1, countBelow(uid));
  t.notOk(recent.has(10_000));
  t.ok(recent.has(9_999));
  t.equal(recent.count, 4096, 'the oldest ranges are given up');
  t.equal(uids.filter((uid) => recent.has(uid)).length, 4096);
});

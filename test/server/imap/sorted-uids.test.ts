import t from 'tap';
import { mergeUids, RecentMessages, withoutUids } from '../../../server/imap/sorted-uids.ts';

const uidsTo = (last: number) => Uint32Array.from({ length: last }, (_, index) => index + 1);

await t.test('ranges are counted as far as the client knows their messages', async (t) => {
  const recent = new RecentMessages();
  recent.add(3, 6, uidsTo(4));
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
  const uids = uidsTo(10_000);
  for (let uid = 1; uid <= 10_000; uid += 2) recent.add(uid, uid + 1, uids.subarray(0, uid));
  t.notOk(recent.has(10_000));
  t.ok(recent.has(9_999));
  t.equal(recent.count, 4096, 'the oldest ranges are given up');
  t.equal(uids.filter((uid) => recent.has(uid)).length, 4096);
});

await t.test('lists are merged, and taken from each other', async (t) => {
  const [low, high] = [Uint32Array.of(1, 2), Uint32Array.of(5, 9)];
  t.same([...mergeUids([high, Uint32Array.of(), Uint32Array.of(1, 5)])], [1, 5, 9]);
  t.same([...mergeUids([low, high])], [1, 2, 5, 9], 'in order already');
  t.same([...mergeUids([low, Uint32Array.of(2, 3)])], [1, 2, 3], 'but for one');
  t.same([...mergeUids([])], []);
  t.same([...withoutUids(Uint32Array.of(1, 3, 5, 7), Uint32Array.of(2, 3, 7, 9))], [1, 5]);
});

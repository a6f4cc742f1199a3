import t from 'tap';
import { UidSet } from '../../protocol/uid-set.ts';
import { SeededRandom } from '../fixtures/seeded-random.ts';

await t.test('members come and go', (t) => {
  const random = new SeededRandom(3);
  const [set, plain] = [new UidSet(), new Set<number>()];
  const wrong: string[] = [];
  for (let step = 0; step < 20_000; step++) {
    // In two pages, at the borders of others, and far away.
    const uid = random.pick([random.below(1024), 511, 512, 2 ** 32 - 1 - random.below(3)]);
    if (random.chance(0.5)) {
      if (set.add(uid) === plain.has(uid)) wrong.push(`add ${uid}`);
      plain.add(uid);
    } else if (set.delete(uid) !== plain.delete(uid)) wrong.push(`delete ${uid}`);
    if (set.count !== plain.size || set.has(uid) !== plain.has(uid)) wrong.push(`${uid}`);
  }
  t.same(wrong, []);
  t.same(
    [...set],
    [...plain].toSorted((a, b) => a - b),
  );
  for (const uid of plain) set.delete(uid);
  t.same([...set], []);
  t.end();
});

await t.test('a large mailbox takes little', (t) => {
  const set = new UidSet();
  for (let uid = 1; uid <= 100_000; uid++) set.add(uid);
  t.equal(set.count, 100_000);
  t.ok(set.sizeBytes < 28_000, `${set.sizeBytes} bytes`);
  for (let uid = 1; uid <= 100_000; uid++) set.delete(uid);
  t.ok(set.sizeBytes < 20_000, 'what is left is room to grow');
  for (let round = 0; round < 50; round++) {
    for (let page = 0; page < 20; page++) set.add((round * 20 + page) * 512 + 1);
    for (const uid of set) set.delete(uid);
  }
  t.ok(set.sizeBytes < 20_000, 'which is used again');
  t.end();
});

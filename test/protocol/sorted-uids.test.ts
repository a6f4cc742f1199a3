import t from 'tap';
import {
  joinUids,
  lowerBoundFrom,
  mergedBetween,
  mergeUids,
  withoutUids,
} from '../../protocol/sorted-uids.ts';

await t.test('lists are merged, and taken from each other', async (t) => {
  const [low, high] = [Uint32Array.of(1, 2), Uint32Array.of(5, 9)];
  t.same([...mergeUids([high, Uint32Array.of(), Uint32Array.of(1, 5)])], [1, 5, 9]);
  t.same([...mergeUids([low, high])], [1, 2, 5, 9], 'in order already');
  t.same([...mergeUids([low, Uint32Array.of(2, 3)])], [1, 2, 3], 'but for one');
  const three = [high, Uint32Array.of(2, 5), Uint32Array.of(1, 5, 10)];
  t.same([...mergeUids(three)], [1, 2, 5, 9, 10]);
  t.same([...mergeUids([])], []);
  t.same([...joinUids([low, high])], [1, 2, 5, 9]);
  t.not(joinUids([low]), low, 'always a list of its own');
  t.same([...withoutUids(Uint32Array.of(1, 3, 5, 7), Uint32Array.of(2, 3, 7, 9))], [1, 5]);
});

await t.test('a UID is found from a place on, however far behind it', async (t) => {
  const uids = Uint32Array.from({ length: 70 }, (_, index) => 3 * index + 1);
  const wrong: string[] = [];
  for (let start = 0; start <= 60; start++) {
    for (let uid = Math.max(0, 3 * start - 1); uid <= 200; uid++) {
      const expected = Math.min(60, Math.max(0, Math.ceil((uid - 1) / 3)));
      if (lowerBoundFrom(uids, start, 60, uid) !== expected) wrong.push(`${uid} from ${start}`);
    }
  }
  t.same(wrong, []);
  t.equal(lowerBoundFrom(uids, 0, 0, 5), 0, 'an empty list');
});

await t.test('a slice of two lists merged is found without merging them', async (t) => {
  const numbers = [1, 2, 4, 7, 8, 9];
  const wrong: string[] = [];
  // Whichever of them are in the other list, and whichever slice is asked for.
  for (let mask = 0; mask < 2 ** numbers.length; mask++) {
    const uids = Uint32Array.from(numbers.filter((_, place) => (mask & (1 << place)) === 0));
    const others = Uint32Array.from(numbers.filter((_, place) => (mask & (1 << place)) !== 0));
    for (let start = 0; start <= numbers.length; start++) {
      for (let end = start; end <= numbers.length; end++) {
        const found = [...mergedBetween(uids, others, start, end)].join();
        if (found !== numbers.slice(start, end).join()) wrong.push(`${mask} ${start} ${end}`);
      }
    }
  }
  t.same(wrong, []);
});

import t from 'tap';
import { joinUids, mergeUids, withoutUids } from '../../protocol/sorted-uids.ts';

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

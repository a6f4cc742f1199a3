import t from 'tap';
import { ConnectionCounts, makeConnectionSlots } from '../../../server/net/connection-counts.ts';

await t.test('threads count together, and one that is replaced begins anew', (t) => {
  const slots = makeConnectionSlots(2);
  const [first, second] = [new ConnectionCounts(slots, 0), new ConnectionCounts(slots, 1)];
  first.add();
  first.add();
  second.add();
  first.remove();
  t.strictSame([first.own, first.total, second.own, second.total], [1, 2, 1, 2]);
  const replacement = new ConnectionCounts(slots, 0);
  t.strictSame([replacement.own, second.total], [0, 1]);
  t.end();
});

await t.test('a thread alone needs no shared memory', (t) => {
  const counts = new ConnectionCounts();
  counts.add();
  t.equal(counts.total, 1);
  t.end();
});

import t from 'tap';
import { NumberColumn } from '../../../../store/sqlite/states/state-columns.ts';

await t.test('what was read of a column stays as it was, whatever comes then', (t) => {
  for (const capacity of [0, 1, 3, 16]) {
    const column = new NumberColumn(Uint32Array, capacity);
    const read: Uint32Array[] = [];
    for (let number = 0; number < 50; number++) {
      read.push(column.toArray());
      if (number % 3 === 0) column.append([number]);
      else column.push(number);
    }
    const expected = Array.from({ length: 50 }, (_, index) => index);
    for (const [length, numbers] of read.entries()) t.same([...numbers], expected.slice(0, length));
    t.same([...column.toArray(10, 13)], [10, 11, 12]);
    t.equal(column.length, 50);
  }
  t.end();
});

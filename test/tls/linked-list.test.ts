import t from 'tap';
import { type Linked, LinkedList } from '../../tls/linked-list.ts';
import { SeededRandom } from '../fixtures/seeded-random.ts';

class Item implements Linked<Item> {
  before: Item | undefined;
  after: Item | undefined;
}

void t.test('keeps the order of a set, wherever items leave', async (t) => {
  const random = new SeededRandom(1);
  const items = Array.from({ length: 12 }, () => new Item());
  const list = new LinkedList<Item>();
  const expected = new Set<Item>();
  for (let step = 0; step < 5_000; step++) {
    const item = random.pick(items);
    if (expected.delete(item)) {
      list.remove(item);
      if (item.before !== undefined || item.after !== undefined) t.fail('it keeps a neighbour');
    } else {
      expected.add(item);
      list.add(item);
    }
    const isSame = list.toArray().every((other, place) => other === [...expected][place]);
    if (!isSame || list.size !== expected.size) t.fail(`at step ${step}`);
  }
  t.pass('5,000 steps');
});

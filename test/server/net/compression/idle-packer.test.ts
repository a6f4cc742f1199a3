import { setImmediate as nextRound } from 'node:timers/promises';
import t from 'tap';
import { IdlePacker } from '../../../../server/net/compression/idle-packer.ts';

await t.test('one is packed in each turn, in the order in which they came', async (t) => {
  const turns: (() => void)[] = [];
  const packer = new IdlePacker(() => new Promise((resolve) => turns.push(resolve)));
  const packed: string[] = [];
  const idle = (name: string) => ({ pack: () => void packed.push(name) });
  const [one, two, three] = [idle('one'), idle('two'), idle('three')];
  packer.add(one);
  packer.add(two);
  packer.add(one);
  t.equal(turns.length, 1, 'one waits for its turn, so that others have theirs');
  turns.shift()!();
  await nextRound();
  t.same(packed, ['one']);
  packer.add(three);
  for (let count = 0; count < 2; count++) {
    t.equal(turns.length, 1);
    turns.shift()!();
    await nextRound();
  }
  t.same(packed, ['one', 'two', 'three']);
  t.equal(turns.length, 0, 'nobody waits any more');
  packer.add(one);
  turns.shift()!();
  await nextRound();
  t.same(packed.slice(3), ['one'], 'and it goes on when there is more');
});

import { setImmediate as nextRound } from 'node:timers/promises';
import t from 'tap';
import { takeTurn, takeTurnIfFree } from '../../store/turns.ts';

await t.test(
  'one of those that wait goes on in each round, in the order in which they came',
  async (t) => {
    const seen: string[] = [];
    const work = async (name: string) => {
      for (let turn = 1; turn <= 2; turn++) {
        await takeTurn();
        seen.push(`${name}${turn}`);
      }
    };
    const all = Promise.all(['a', 'b', 'c'].map(work));
    for (let round = 1; round <= 6; round++) {
      await nextRound();
      seen.push(`round ${round}`);
    }
    await all;
    t.same(
      seen.filter((entry) => !entry.startsWith('round')),
      ['a1', 'b1', 'c1', 'a2', 'b2', 'c2'],
    );
    for (let index = 1; index < seen.length; index++) {
      const isTurn = (entry = '') => !entry.startsWith('round');
      t.notOk(isTurn(seen[index - 1]) && isTurn(seen[index]), `${seen[index - 1]}, ${seen[index]}`);
    }
  },
);

await t.test('the first in a round goes on at once if it asks, others wait', async (t) => {
  await nextRound();
  t.equal(takeTurnIfFree(), undefined);
  const second = takeTurnIfFree();
  t.type(second, Promise);
  await second;
  await nextRound();
  t.equal(takeTurnIfFree(), undefined, 'in the next round');
});

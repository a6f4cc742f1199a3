import t from 'tap';
import { CountRanking } from '../../tls/count-ranking.ts';
import { SeededRandom } from '../fixtures/seeded-random.ts';

void t.test('finds what has the highest count, whatever was counted before', async (t) => {
  const random = new SeededRandom(1);
  const ranking = new CountRanking<string>();
  const counts = new Map<string, number>();
  const names = ['a', 'b', 'c', 'd', 'e'];
  for (let step = 0; step < 20_000; step++) {
    const name = random.pick(names);
    const from = counts.get(name) ?? 0;
    // Long climbs and long descents.
    const isClimb = random.chance(step % 1_000 < 500 ? 0.7 : 0.3);
    const to = isClimb ? from + 1 : Math.max(0, from - 1);
    if (to === from) continue;
    ranking.change(name, from, to);
    counts.set(name, to);
    const highest = Math.max(...counts.values());
    const { first } = ranking;
    const isRight = highest === 0 ? first === undefined : counts.get(first ?? '') === highest;
    if (!isRight || ranking.highest !== highest) t.fail(`at step ${step}: ${first}`);
  }
  t.pass('20,000 steps');
});

void t.test('of several it is the one whose count changed longest ago', async (t) => {
  const ranking = new CountRanking<string>();
  t.equal(ranking.first, undefined);
  for (const name of ['a', 'b', 'c']) ranking.change(name, 0, 1);
  t.equal(ranking.first, 'a');
  ranking.change('a', 1, 2);
  ranking.change('a', 2, 1);
  t.equal(ranking.first, 'b');
});

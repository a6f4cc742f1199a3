import t from 'tap';
import { CountRanking } from '../../../tls/admission/ranking.ts';
import type { Linked } from '../../../tls/linked-list.ts';
import { SeededRandom } from '../../fixtures/seeded-random.ts';

class Thing implements Linked<Thing> {
  readonly name: string;
  before: Thing | undefined;
  after: Thing | undefined;

  constructor(name: string) {
    this.name = name;
  }
}

void t.test('finds what has the highest count, whatever was counted before', async (t) => {
  const random = new SeededRandom(1);
  const ranking = new CountRanking<Thing>();
  const counts = new Map<Thing, number>();
  const things = ['a', 'b', 'c', 'd', 'e'].map((name) => new Thing(name));
  for (let step = 0; step < 20_000; step++) {
    const thing = random.pick(things);
    const from = counts.get(thing) ?? 0;
    // Long climbs and long descents.
    const isClimb = random.chance(step % 1_000 < 500 ? 0.7 : 0.3);
    const to = isClimb ? from + 1 : Math.max(0, from - 1);
    if (to === from) continue;
    ranking.change(thing, from, to);
    counts.set(thing, to);
    const highest = Math.max(...counts.values());
    const { first } = ranking;
    const firstCount = first === undefined ? 0 : counts.get(first);
    if (firstCount !== highest || ranking.highest !== highest) {
      t.fail(`at step ${step}: ${first?.name}`);
    }
  }
  t.pass('20,000 steps');
});

void t.test('of several it is the one whose count changed longest ago', async (t) => {
  const ranking = new CountRanking<Thing>();
  t.equal(ranking.first, undefined);
  const [a, b, c] = [new Thing('a'), new Thing('b'), new Thing('c')];
  for (const thing of [a, b, c]) ranking.change(thing, 0, 1);
  t.equal(ranking.first, a);
  ranking.change(a, 1, 2);
  ranking.change(a, 2, 1);
  t.equal(ranking.first, b);
});

void t.test(
  'what was at the top keeps its rank when the lists of a crowd are dropped',
  async (t) => {
    const ranking = new CountRanking<Thing>();
    const [low, high] = [new Thing('low'), new Thing('high')];
    ranking.change(low, 0, 1);
    for (let count = 0; count < 1_000; count++) ranking.change(high, count, count + 1);
    t.equal(ranking.first, high);
    for (let count = 1_000; count > 2; count--) ranking.change(high, count, count - 1);
    t.same([ranking.first, ranking.highest], [high, 2]);
    t.ok(ranking.listCount < 100, `${ranking.listCount} lists`);
    ranking.change(high, 2, 1);
    ranking.change(high, 1, 0);
    t.same([ranking.first, ranking.highest], [low, 1]);
  },
);

import t from 'tap';
import { orderPlaces } from '../../../../server/imap/sorting/stable-order.ts';
import { Turn } from '../../../../store/turns.ts';
import { SeededRandom } from '../../../fixtures/seeded-random.ts';

const turn = new Turn({ flush: () => {}, ready: async () => {} });

async function order(values: readonly number[]): Promise<number[]> {
  const places = Uint32Array.from(values.keys());
  return [...(await orderPlaces(places, (one, other) => values[one]! - values[other]!, turn))];
}

/** As the language itself sorts, which keeps equal ones in order as well. */
function expected(values: readonly number[]): number[] {
  return [...values.keys()].toSorted((one, other) => values[one]! - values[other]!);
}

await t.test('places come in order, and equal ones stay as they are', async (t) => {
  const random = new SeededRandom(1);
  const lists = [[], [7], [1, 2], [2, 1], [3, 3, 3], [5, 4, 3, 2, 1], [5, 4, 4, 3, 3, 9, 1, 1]];
  for (const length of [3, 10, 33, 1000]) {
    for (const most of [1, 3, 100, 100_000]) {
      lists.push(Array.from({ length }, () => random.below(most + 1)));
    }
  }
  for (const values of lists)
    t.same(await order(values), expected(values), values.join().slice(0, 40));
});

await t.test('what is in order, or the other way round, takes one comparison each', async (t) => {
  const count = 1000;
  for (const sign of [1, -1]) {
    let compared = 0;
    const compare = (one: number, other: number) => {
      compared += 1;
      return sign * (one - other);
    };
    await orderPlaces(
      Uint32Array.from({ length: count }, (_, place) => place),
      compare,
      turn,
    );
    t.ok(compared <= count + 2, `${compared}`);
  }
});

await t.test('others have their turn meanwhile', async (t) => {
  let turns = 0;
  const counted = new Turn({
    flush: () => {
      turns += 1;
    },
    ready: async () => {},
  });
  const random = new SeededRandom(2);
  const values = Array.from({ length: 50_000 }, () => random.below(1_000_000));
  const places = Uint32Array.from(values.keys());
  await orderPlaces(places, (one, other) => values[one]! - values[other]!, counted);
  // At least one comparison for each message in each of 15 rounds, and 16,384 in a turn.
  t.ok(turns >= (50_000 * 14) / 16_384, `${turns}`);
});

import { setImmediate as nextRound } from 'node:timers/promises';
import t from 'tap';
import { TurnQueue } from '../../store/turns.ts';

/** Each of the names takes so many turns of so many milliseconds; the names in the order of the turns, by round. */
async function turnsByRound(names: string[], turnCount: number, turnMs: number) {
  let nowMs = 0;
  const queue = new TurnQueue(() => nowMs);
  const rounds: string[][] = [];
  const work = async (name: string) => {
    for (let turn = 1; turn <= turnCount; turn++) {
      await queue.take();
      // What a turn does comes in several steps, as in any function that awaits others.
      for (let step = 0; step < 20; step++) await Promise.resolve();
      nowMs += turnMs;
      rounds.at(-1)!.push(`${name}${turn}`);
    }
  };
  let isOver = false;
  const all = Promise.all(names.map(work)).then(() => (isOver = true));
  while (!isOver) {
    rounds.push([]);
    await nextRound();
  }
  await all;
  return rounds.filter((round) => round.length > 0);
}

await t.test('a long turn is the only one of its round', async (t) => {
  t.same(await turnsByRound(['a', 'b', 'c'], 2, 1.5), [
    ['a1'],
    ['b1'],
    ['c1'],
    ['a2'],
    ['b2'],
    ['c2'],
  ]);
});

await t.test('short turns share a round, one after the other, until its time is up', async (t) => {
  const names = Array.from({ length: 10 }, (_, index) => `${index} `);
  const rounds = await turnsByRound(names, 2, 0.25);
  t.same(
    rounds.flat(),
    [1, 2].flatMap((turn) => names.map((name) => `${name}${turn}`)),
  );
  t.same(
    rounds.map(({ length }) => length),
    [4, 4, 4, 4, 4],
  );
});

await t.test('the first in a round goes on at once if it asks, others wait', async (t) => {
  const queue = new TurnQueue(() => 0);
  t.equal(queue.takeIfFree(), undefined);
  const second = queue.takeIfFree();
  t.type(second, Promise);
  await second;
  t.type(queue.takeIfFree(), Promise, 'there was a turn in this round');
  await nextRound();
  await nextRound();
  t.equal(queue.takeIfFree(), undefined, 'there was none in the last one');
});

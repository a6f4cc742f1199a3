import t from 'tap';
import type { SearchKey } from '../../../protocol/search-key.ts';
import { judgeInSteps, makeCondition } from '../../../store/search/conditions.ts';

const rows = {
  uids: Uint32Array.of(1, 2, 3, 4),
  bodyIds: Float64Array.of(1, 2, 3, 4),
  sizes: Float64Array.of(10, 20, 30, 40),
};
const larger = (sizeBytes: number): SearchKey => ({ key: 'size', relation: 'larger', sizeBytes });
const keys = [5, 10, 15, 20, 25].map(larger);

await t.test('a set that is named often is made ready once', (t) => {
  let readCount = 0;
  const ranges = [{ first: 2, last: 3 }];
  const set = new Proxy(ranges, {
    get: (target, name) => {
      if (name === 'map') readCount += 1;
      return Reflect.get(target, name) as unknown;
    },
  });
  const named = Array.from({ length: 1000 }, (): SearchKey => ({ key: 'uid', set }));
  const not: SearchKey = { key: 'not', operand: { key: 'uid', set } };
  t.same(judge({ key: 'and', keys: named }).column, [0, 2, 2, 0]);
  t.equal(readCount, 1);
  t.same(judge({ key: 'or', left: { key: 'uid', set }, right: not }).column, [2, 2, 2, 2]);
  t.equal(readCount, 2, 'once in each search');
  t.end();
});

/** The verdicts on the rows, and how often others may run before they are there. */
function judge(key: SearchKey): { column: number[]; pauses: number } {
  const steps = judgeInSteps(makeCondition(key, 4), rows);
  let pauses = 0;
  let step = steps.next();
  for (; step.done !== true; step = steps.next()) pauses += 1;
  return { column: [...step.value], pauses };
}

await t.test('others may run between the keys of a search, however they are nested', (t) => {
  const all: SearchKey = { key: 'and', keys };
  t.same(judge(all), { column: [0, 0, 2, 2], pauses: 5 });
  t.same(judge({ key: 'not', operand: all }), { column: [2, 2, 0, 0], pauses: 5 });
  t.same(judge({ key: 'or', left: all, right: larger(15) }), { column: [0, 2, 2, 2], pauses: 7 });
  t.same(judge(larger(15)), { column: [0, 2, 2, 2], pauses: 0 });
  t.end();
});

import * as fc from 'fast-check';
import { deepEqual } from 'node:assert/strict';
import t from 'tap';
import {
  formatSequenceSet,
  intersectRanges,
  lowerBound,
  parseSequenceSet,
  rangesOf,
  resolveSequenceSet,
  selectFromSorted,
  type SequenceSet,
} from '../../protocol/sequence-set.ts';

const range = (first: number, last = first) => ({ first, last });

await t.test('rangesOf', (t) => {
  t.same(rangesOf([]), []);
  t.same(rangesOf(Uint32Array.of(1, 2, 3, 7, 9, 10)), [range(1, 3), range(7), range(9, 10)]);
  t.end();
});

await t.test('parseSequenceSet', (t) => {
  t.same(parseSequenceSet('1'), [range(1)]);
  t.same(parseSequenceSet('*'), [range(Infinity)]);
  t.same(parseSequenceSet('2,4:7,9,12:*'), [range(2), range(4, 7), range(9), range(12, Infinity)]);
  t.same(parseSequenceSet('*:4,5:3'), [range(Infinity, 4), range(5, 3)], 'in any order');
  t.same(parseSequenceSet('4294967295'), [range(4_294_967_295)]);
  for (const text of [
    '',
    '0',
    '1:0',
    '01',
    '1,',
    ',1',
    '1:',
    ':1',
    '1:2:3',
    '4294967296',
    '99999999999',
    '-1',
    '1.5',
    '**',
    '1 ',
    'a',
  ]) {
    t.equal(parseSequenceSet(text), undefined, JSON.stringify(text));
  }
  t.end();
});

await t.test('formatSequenceSet', (t) => {
  t.equal(formatSequenceSet([]), '');
  t.equal(formatSequenceSet([7]), '7');
  t.equal(formatSequenceSet(Uint32Array.of(1, 2, 3, 5, 7, 8)), '1:3,5,7:8');
  t.equal(formatSequenceSet([3, 2, 1, 2]), '3,2,1:2', 'the order stays');
  t.equal(formatSequenceSet(new Set([4_294_967_294, 4_294_967_295])), '4294967294:4294967295');
  t.end();
});

await t.test('resolveSequenceSet orders, merges and replaces *', (t) => {
  const resolve = (text: string, largest: number) =>
    resolveSequenceSet(parseSequenceSet(text)!, largest);
  t.same(resolve('5:*', 3), [range(3, 5)], 'RFC 3501: the order of the ends does not matter');
  t.same(resolve('*:1', 9), [range(1, 9)]);
  t.same(resolve('7,1:3,2:5,6', 9), [range(1, 7)], 'neighbours merge');
  t.same(resolve('9,1,4:5', 9), [range(1), range(4, 5), range(9)]);
  t.same(resolve('*', 0), [], 'nothing is in use');
  t.same(resolve('*:5', 0), [range(1, 5)]);
  t.end();
});

await t.test('selectFromSorted', (t) => {
  const uids = Uint32Array.of(2, 3, 5, 8, 13);
  const select = (text: string, sorted = uids) => [
    ...selectFromSorted(parseSequenceSet(text)!, sorted),
  ];
  t.same(select('1:*'), [2, 3, 5, 8, 13]);
  t.same(select('*'), [13]);
  t.same(select('4:9,5,2'), [2, 5, 8], 'ascending, once each');
  t.same(select('14:*'), [13], 'the last one is always named');
  t.same(select('14:20'), []);
  t.same(select('1:4294967295'), [2, 3, 5, 8, 13]);
  t.same(select('5:*', Uint32Array.of(1, 2, 3)), [3]);
  t.same(select('1:*', new Uint32Array()), []);
  const all = selectFromSorted(parseSequenceSet('1:*')!, uids);
  t.not(all.buffer, uids.buffer, 'the result is the caller’s');
  t.end();
});

const sets: fc.Arbitrary<SequenceSet> = fc.array(
  fc.record({
    first: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(Infinity)),
    last: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(Infinity)),
  }),
  { minLength: 1, maxLength: 6 },
);
const uidLists = fc
  .uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 30 })
  .map((uids) => Uint32Array.from(uids.toSorted((a, b) => a - b)));

await t.test('selections are what the definition says', (t) => {
  fc.assert(
    fc.property(sets, uidLists, (set, uids) => {
      const largest = uids.at(-1) ?? 0;
      const names = (uid: number) =>
        set.some((range) => {
          const ends = [range.first, range.last].map((end) => (end === Infinity ? largest : end));
          return Math.min(...ends) <= uid && uid <= Math.max(...ends);
        });
      deepEqual([...selectFromSorted(set, uids)], [...uids].filter(names));
    }),
    { numRuns: 300 },
  );
  t.end();
});

await t.test('what is formatted parses to the same numbers', (t) => {
  fc.assert(
    fc.property(
      uidLists.filter((uids) => uids.length > 0),
      (uids) => {
        const set = parseSequenceSet(formatSequenceSet(uids))!;
        const numbers = Uint32Array.from({ length: 40 }, (_, index) => index + 1);
        deepEqual(selectFromSorted(set, numbers), uids);
      },
    ),
    { numRuns: 200 },
  );
  t.end();
});

await t.test('what two lists of ranges have in common is what their numbers have', (t) => {
  t.same(intersectRanges([range(1, 5), range(8)], [range(3, 9)]), [range(3, 5), range(8)]);
  t.same(intersectRanges([], [range(1)]), []);
  fc.assert(
    fc.property(uidLists, uidLists, (uids, others) => {
      const both = intersectRanges(rangesOf(uids), rangesOf(others));
      deepEqual(both, rangesOf(uids.filter((uid) => others.includes(uid))));
    }),
    { numRuns: 200 },
  );
  t.end();
});

await t.test('lowerBound', (t) => {
  const sorted = Uint32Array.of(2, 4, 6, 8);
  const at = (value: number, count = 4) => lowerBound(sorted, count, value);
  t.same(
    [1, 2, 3, 8, 9].map((value) => at(value)),
    [0, 0, 1, 3, 4],
  );
  t.same(
    [5, 7].map((value) => at(value, 2)),
    [2, 2],
    'what lies behind the count does not',
  );
  t.equal(at(1, 0), 0);
  t.end();
});

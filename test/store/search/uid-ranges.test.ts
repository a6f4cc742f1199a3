import * as fc from 'fast-check';
import t from 'tap';
import { UidRanges } from '../../../store/search/uid-ranges.ts';

await t.test('a set has what one of its ranges has', (t) => {
  const end = fc.oneof(fc.integer({ min: 1, max: 30 }), fc.constant(Infinity));
  fc.assert(
    fc.property(
      fc.array(fc.record({ first: end, last: end }), { maxLength: 8 }),
      fc.integer({ min: 1, max: 20 }),
      (set, largest) => {
        const ranges = new UidRanges(set, largest);
        const uids = Array.from({ length: 35 }, (_, index) => index + 1);
        const named = uids.filter((uid) =>
          set.some(({ first, last }) => {
            const ends = [first, last].map((number) => (number === Infinity ? largest : number));
            return uid >= Math.min(...ends) && uid <= Math.max(...ends);
          }),
        );
        t.same(
          uids.filter((uid) => ranges.has(uid)),
          named,
        );
      },
    ),
    { numRuns: 50 },
  );
  t.end();
});

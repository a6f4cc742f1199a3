import * as fc from 'fast-check';
import t from 'tap';
import { TextMatcher } from '../../../store/search/text-matcher.ts';

await t.test('it finds what the whole text has, however that is divided', (t) => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 40 });
  fc.assert(
    fc.property(
      fc.array(letters, { minLength: 1 }),
      fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 6 }),
      (pieces, term) => {
        const matcher = new TextMatcher(term);
        return pieces.some((piece) => matcher.push(piece)) === pieces.join('').includes(term);
      },
    ),
  );
  t.end();
});

await t.test('after a reset nothing continues', (t) => {
  const matcher = new TextMatcher('ab');
  t.notOk(matcher.push('a'));
  matcher.reset();
  t.notOk(matcher.push('b'));
  t.ok(matcher.push('ab'));
  t.end();
});

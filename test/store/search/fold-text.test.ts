import * as fc from 'fast-check';
import t from 'tap';
import { foldText } from '../../../store/search/fold-text.ts';

await t.test('what i;unicode-casemap takes for equal folds to the same', (t) => {
  for (const [a, b] of [
    ['Straße', 'STRASSE'],
    ['ÉTÉ', 'e\u0301te\u0301'],
    ['ΟΔΥΣΣΕΥΣ', 'οδυσσευς'],
    ['ﬁx', 'FIX'],
    ['ｆｕｌｌ', 'FULL'],
    ['ПРИВЕТ', 'привет'],
    ['ǆ', 'Ǆ'],
    ['K', '\u212a'],
    ['10〜20', '10～20'],
    ['a・b', 'a·b'],
    ['−5‖', '－5∥'],
    ['——', '――'],
  ] as const) {
    t.equal(foldText(a), foldText(b), `${a} and ${b}`);
  }
  t.not(foldText('é'), foldText('e'), 'accents count');
  t.not(foldText('istanbul'), foldText('İstanbul'));
  t.end();
});

await t.test('folding twice is folding once', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const folded = foldText(text);
      return foldText(folded) === folded;
    }),
  );
  t.end();
});

await t.test('where a text contains another, so do the folded ones', (t) => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'grapheme' }),
      (before, term, after) => foldText(`${before}${term}${after}`).includes(foldText(term)),
    ),
  );
  t.end();
});

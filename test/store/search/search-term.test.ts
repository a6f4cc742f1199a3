import * as fc from 'fast-check';
import t from 'tap';
import { parseHeader } from '../../../protocol/mime/header-fields.ts';
import { foldText } from '../../../store/search/fold-text.ts';
import { SearchTerm, TextMatcher } from '../../../store/search/search-term.ts';
import { SearchedField } from '../../../store/search/searched-field.ts';

const letters = (maxLength: number) =>
  fc.string({ unit: fc.constantFrom('a', 'B', 'é', 'e', '\u0301', 'ß', 's', '.'), maxLength });

await t.test('a term is in a text as the folded term is in the folded text', (t) => {
  fc.assert(
    fc.property(letters(20), letters(3), (text, term) => {
      return new SearchTerm(term).isIn(text) === foldText(text).includes(foldText(term));
    }),
    { numRuns: 2_000 },
  );
  t.end();
});

await t.test('terms of all lengths, and of characters that patterns have a use for', (t) => {
  const text = 'A (few) [words]: 1+1=2? $5.00 ^ a|b \\ {x} - / end*';
  for (const term of [text, text.slice(1, 9), '', '[WORDS]', '1+1=2?', '\\', 'END*', '^ A|B']) {
    t.ok(new SearchTerm(term).isIn(text), term);
  }
  for (const term of ['1+1=2.', '.', 'A few', `${text} `, 'é']) {
    t.equal(new SearchTerm(term).isIn(text), term === '.', term);
  }
  const long = 'Long (text) '.repeat(20_000);
  t.ok(new SearchTerm(long.toLowerCase()).isIn(` ${long}`));
  t.notOk(new SearchTerm(`${long}é`).isIn(long));
  t.notOk(new SearchTerm(`${long}x`).isIn(long));
  t.ok(new SearchTerm('k').isIn('\u212a'), 'the sign of Kelvin is a K');
  t.end();
});

await t.test('a matcher finds what the whole text has, however that is divided', (t) => {
  fc.assert(
    fc.property(fc.array(letters(12), { minLength: 1 }), letters(4), (pieces, text) => {
      const term = new SearchTerm(text);
      const matcher = new TextMatcher(term);
      const folded = pieces.map(foldText).join('');
      return pieces.some((piece) => matcher.push(piece)) === folded.includes(term.folded);
    }),
    { numRuns: 5_000 },
  );
  t.end();
});

await t.test('a header without the longest word of a term has no line with the term', (t) => {
  const unit = fc.constantFrom(
    ...'a: b: B \t: * ; é =?utf-8?q?=C3=A9?= =?utf-8?q?b?= \x1b$BF|\x1b(B name*=a'.split(' '),
    ' ',
    '\r\n ',
    '\r\n',
    'Subject: ',
    'Content-Type: text/plain; ',
  );
  const some = (maxLength: number) => fc.string({ unit, maxLength });
  fc.assert(
    fc.property(some(12), some(3), (header, text) => {
      const bytes = Buffer.from(header, 'latin1');
      const term = new SearchTerm(text);
      const lines = parseHeader(bytes).map((field) => new SearchedField(field).line);
      return term.mayBeInHeader(header) || !lines.some((line) => term.isIn(line));
    }),
    { numRuns: 5_000 },
  );
  const plain = 'Subject: a word\r\n';
  t.ok(new SearchTerm('t: a w').mayBeInHeader(plain));
  t.notOk(new SearchTerm('t: a wonder').mayBeInHeader(plain));
  t.notOk(new SearchTerm('é').mayBeInHeader(plain));
  t.end();
});

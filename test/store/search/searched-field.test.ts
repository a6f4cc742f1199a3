import * as fc from 'fast-check';
import t from 'tap';
import { SearchedField } from '../../../store/search/searched-field.ts';
import { SearchTerm } from '../../../store/search/search-term.ts';
import { searchedTexts } from '../../fixtures/searched-texts.ts';

await t.test('a term is found in addresses as they are read, whatever is passed over', (t) => {
  const pieces = [
    ...'a b ab a.b @ < > , ; : ( ) (a) " "a b" \\ \\" [ ] = ? =?utf-8?q?a?= =?utf-8?q?=C3=A9?='.split(
      ' ',
    ),
    ' ',
    '\t',
    ', ',
    ' <',
    '> ',
    '\xe9',
    '\x1b$BF|\x1b(B',
  ];
  const terms = 'a b . @ < > " ( ) , : = ? \\ é 日'.split(' ');
  const some = (units: readonly string[], maxLength: number) =>
    fc.array(fc.constantFrom(...units), { maxLength }).map((all) => all.join(''));
  let addressCount = 0;
  fc.assert(
    fc.property(some(pieces, 10), some([...terms, ' '], 4), (value, text) => {
      const term = new SearchTerm(text);
      const [whole, ...addresses] = searchedTexts('To', value).map((each) => term.isIn(each));
      const isExpected = whole === true || addresses.includes(true);
      if (whole === false && isExpected) addressCount++;
      return new SearchedField({ name: 'To', value }).hasTerm(term) === isExpected;
    }),
    { numRuns: 50_000 },
  );
  t.ok(addressCount > 500, `${addressCount} of them only in an address`);
  t.end();
});

await t.test('terms that go over what reading an address takes away', (t) => {
  const has = (value: string, text: string, name = 'From') =>
    new SearchedField({ name, value }).hasTerm(new SearchTerm(text));
  for (const [value, text] of [
    ['us(c)er@host', 'user@host'],
    ['<us er @ ho st>', 'USER@HOST'],
    ['"us"er@host', 'user@host'],
    ['<"us\\er"@host>', 'user@host'],
    ['<us <er@host>', 'user@host'],
    ['An <a@b>na', 'anna <a@b>'],
    ['An <a@b> <na>', 'Anna'],
    ['="?utf-8?q?x?="', 'x <'],
    ['"Zo\xe9"<a@b>', 'zoé <a'],
    ['\x1b$B"F|', '日'],
    ['nobody', 'nobody@>'],
    ['a@b', '<a@b>'],
  ] as const) {
    t.ok(has(value, text), `${value} has ${text}`);
    t.notOk(has(value, text, 'Subject'), `${value} as a subject`);
  }
  t.notOk(has('Anna <anna@host>', 'annah'));
  t.end();
});

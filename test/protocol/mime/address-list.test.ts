import t from 'tap';
import { parseAddressList, type EnvelopeAddress } from '../../../protocol/mime/address-list.ts';
import { cpuMsOf } from '../../fixtures/cpu-time.ts';

/** One entry as ENVELOPE orders it: name, route, mailbox, host. */
type Row = [string | null, string | null, string | null, string | null];

const toRow = ({ name, route, mailbox, host }: EnvelopeAddress): Row => [
  name ?? null,
  route ?? null,
  mailbox ?? null,
  host ?? null,
];

function rows(text: string, limit = 1000): Row[] {
  return parseAddressList(text, limit).map(toRow);
}

await t.test('addresses as RFC 5322 writes them', (t) => {
  const cases: [string, Row[]][] = [
    ['mary@x.test', [[null, null, 'mary', 'x.test']]],
    ['Mary Smith <mary@x.test>', [['Mary Smith', null, 'mary', 'x.test']]],
    ['<boss@nil.test>', [[null, null, 'boss', 'nil.test']]],
    ['"Joe Q. Public" <john.q@x.test>', [['Joe Q. Public', null, 'john.q', 'x.test']]],
    [
      '"Giant; \\"Big\\" Box" <sysservices@example.net>',
      [['Giant; "Big" Box', null, 'sysservices', 'example.net']],
    ],
    [
      'a@b, "C, D" <c@d>',
      [
        [null, null, 'a', 'b'],
        ['C, D', null, 'c', 'd'],
      ],
    ],
    ['"john smith"@x.test', [[null, null, 'john smith', 'x.test']]],
    ['"a@b"@c', [[null, null, 'a@b', 'c']]],
    ['joe@[192.0.2.1]', [[null, null, 'joe', '[192.0.2.1]']]],
    ['<@a.test,@b.test:joe@c.test>', [[null, '@a.test,@b.test', 'joe', 'c.test']]],
    [
      'X <@a:joe@c>, d@e',
      [
        ['X', '@a', 'joe', 'c'],
        [null, null, 'd', 'e'],
      ],
    ],
    ['=?utf-8?q?J=C3=BC?= <j@x>', [['=?utf-8?q?J=C3=BC?=', null, 'j', 'x']]],
    // RFC 5322, appendix A.6.1
    [
      'Joe Q. Public <john.q.public@example.com>',
      [['Joe Q. Public', null, 'john.q.public', 'example.com']],
    ],
    [
      'Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>',
      [['Pete', null, 'pete', 'silly.test']],
    ],
    ['   ', []],
    ['', []],
    [',, ,', []],
  ];
  for (const [text, expected] of cases) t.same(rows(text), expected, text);
  t.end();
});

await t.test('groups', (t) => {
  const end: Row = [null, null, null, null];
  const cases: [string, Row[]][] = [
    ['Undisclosed recipients:;', [[null, null, 'Undisclosed recipients', null], end]],
    [
      'A Group:Ed Jones <joe@where.test>,joe@where.test,John <jdoe@one.test>;',
      [
        [null, null, 'A Group', null],
        ['Ed Jones', null, 'joe', 'where.test'],
        [null, null, 'joe', 'where.test'],
        ['John', null, 'jdoe', 'one.test'],
        end,
      ],
    ],
    [
      'x@y, "G": a@b;, c@d',
      [
        [null, null, 'x', 'y'],
        [null, null, 'G', null],
        [null, null, 'a', 'b'],
        end,
        [null, null, 'c', 'd'],
      ],
    ],
    ['G: a@b', [[null, null, 'G', null], [null, null, 'a', 'b'], end]],
    [
      '(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;',
      [[null, null, 'Hidden recipients', null], end],
    ],
    [':;', [[null, null, '', null], end]],
  ];
  for (const [text, expected] of cases) t.same(rows(text), expected, text);
  t.end();
});

await t.test('comments name those who have no other name', (t) => {
  t.same(rows('fred@x (Fred Foobar)'), [['Fred Foobar', null, 'fred', 'x']]);
  t.same(rows('fred@x ((Fred) Foobar)'), [['(Fred) Foobar', null, 'fred', 'x']]);
  t.same(rows('Fred <fred@x> (not this)'), [['Fred', null, 'fred', 'x']]);
  t.same(rows('(only a comment)'), []);
  t.same(rows('fred@x (never closed, a@b'), [['never closed, a@b', null, 'fred', 'x']]);
  t.end();
});

await t.test('what is no address survives', (t) => {
  const cases: [string, Row[]][] = [
    ['root', [[null, null, 'root', '']]],
    ['Joe Blow', [['Joe Blow', null, '', '']]],
    ['Joe <>', [['Joe', null, '', '']]],
    ['<joe>', [[null, null, 'joe', '']]],
    ['@x.test', [[null, null, '', 'x.test']]],
    ['joe@', [[null, null, 'joe', '']]],
    ['a@b@c', [[null, null, 'a@b', 'c']]],
    ['Joe <joe@x', [['Joe', null, 'joe', 'x']]],
    [
      'Joe <joe@x, a@b',
      [
        ['Joe', null, 'joe', 'x'],
        [null, null, 'a', 'b'],
      ],
    ],
    ['John Smith john@x.test', [['John Smith', null, 'john', 'x.test']]],
    ['<a@b> Joe', [['Joe', null, 'a', 'b']]],
    ['john . smith @ x . test', [[null, null, 'john.smith', 'x.test']]],
    ['"Joe <joe@x>', [['Joe', null, 'joe', 'x']]],
    [
      'a@b; c@d',
      [
        [null, null, 'a', 'b'],
        [null, null, 'c', 'd'],
      ],
    ],
    ['J\xfcrgen <j@x>', [['J\xfcrgen', null, 'j', 'x']]],
    ['\xc3\xa0 b <j@x>', [['\xc3\xa0 b', null, 'j', 'x']]],
    ['=?utf-8?q?a,_b?= <j@x>', [['=?utf-8?q?a,_b?=', null, 'j', 'x']]],
    ['=?utf-8?q?a?=<j@x>', [['=?utf-8?q?a?=', null, 'j', 'x']]],
    ['Joe=?utf-8?q?a,b?= <j@x>', [['Joe=?utf-8?q?a,b?=', null, 'j', 'x']]],
    ['"J."Smith <j@x>', [['J.Smith', null, 'j', 'x']]],
    ['joe@x.test:25', [[null, null, 'joe', 'x.test:25']]],
    ['Joe <<joe@x>>', [['Joe', null, 'joe', 'x']]],
    [
      'mailto:joe@x',
      [
        [null, null, 'mailto', null],
        [null, null, 'joe', 'x'],
        [null, null, null, null],
      ],
    ],
  ];
  for (const [text, expected] of cases) t.same(rows(text), expected, text);
  t.end();
});

await t.test('at most the given number of entries', (t) => {
  t.equal(rows('a@b,'.repeat(100), 7).length, 7);
  t.end();
});

await t.test('linear time on what makes careless parsers slow', (t) => {
  const count = 250_000;
  const hostile = [
    '"',
    '\\"',
    '(',
    ')',
    '<@a,',
    '<@',
    ',',
    ':',
    '@',
    '=?',
    '=?a?q?',
    '[',
    'a ',
    ' . ',
    '<',
    '>',
    ';',
    'a@:',
    '"a\\',
  ];
  for (const piece of hostile) {
    const cpuMs = cpuMsOf(() => {
      rows(piece.repeat(count / piece.length));
      rows(`"${piece.repeat(count / piece.length)}" <a@b>`);
    });
    // Linear: tens of milliseconds. Square: minutes.
    t.ok(cpuMs < 2000, JSON.stringify(piece));
  }
  t.end();
});

await t.test('the usual forms are read at once, with the same result', (t) => {
  const words = [
    'a',
    'Joe',
    'Q.',
    'x=y',
    '=?utf-8?q?a?=',
    'caf\xe9',
    "o'b",
    '[x]',
    'a\\b',
    '"q"',
    '(c)',
    '',
  ];
  const pick = (index: number, step: number) => words[Math.floor(index / step) % words.length]!;
  let usualCount = 0;
  for (let index = 0; index < words.length ** 4; index++) {
    const [first, second] = [pick(index, 1), pick(index, words.length)];
    const address = `${pick(index, words.length ** 2)}@${pick(index, words.length ** 3)}`;
    for (const text of [`${first} ${second} <${address}>`, `${first}<${address}>`, address]) {
      // White space at the end is none of the usual forms.
      const expected = rows(`${text} `);
      const found = rows(text);
      if (JSON.stringify(found) !== JSON.stringify(expected)) t.same(found, expected, text);
      usualCount++;
    }
  }
  t.equal(usualCount, 3 * words.length ** 4);
  t.same(rows('a@b', 0), []);
  t.end();
});

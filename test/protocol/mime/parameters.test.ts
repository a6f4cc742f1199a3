import t from 'tap';
import {
  decodeParameter,
  findParameter,
  readParameters,
} from '../../../protocol/mime/parameters.ts';
import { cpuMsOf } from '../../fixtures/cpu-time.ts';

await t.test('parameters', (t) => {
  t.same(readParameters('a/b'), []);
  t.same(readParameters('a/b;'), []);
  t.same(readParameters('a/b; x=1; X=2'), [
    ['x', '1'],
    ['x', '2'],
  ]);
  t.same(readParameters('a/b; x="a;b\\"c\\\\"; y = z '), [
    ['x', 'a;b"c\\'],
    ['y', 'z'],
  ]);
  t.same(readParameters('a/b; x=us-ascii (Plain text); y=1'), [
    ['x', 'us-ascii'],
    ['y', '1'],
  ]);
  t.same(readParameters('a/b; x=my report (1).pdf'), [['x', 'my report (1).pdf']]);
  t.same(readParameters('a/b; x="never closed; y=1'), [['x', 'never closed; y=1']]);
  t.same(readParameters('a/b; x="a" junk; y=1'), [
    ['x', 'a'],
    ['y', '1'],
  ]);
  t.same(readParameters('a/b; junk; y=1'), [['y', '1']]);
  t.same(readParameters('a/b; =1; y='), [['y', '']]);
  t.same(readParameters('a/b; x=\xe0 \xa0'), [['x', '\xe0 \xa0']], 'bytes above 127 stay');
  t.end();
});

await t.test('continuations are joined', (t) => {
  for (const [text, expected, why] of [
    ['name*0=long-; name*1=name.txt', [['name', 'long-name.txt']], ''],
    [
      'a=1; name*0="b c"; d=2; NAME*1=" d"',
      [
        ['a', '1'],
        ['name', 'b c d'],
        ['d', '2'],
      ],
      'at the place of the first',
    ],
    ['z*1=b; z*0=a', [['z', 'ab']], 'in any order'],
    ['v*0=1', [['v', '1']], 'a single one'],
    ["f*=utf-8''%e2%82%ac", [['f*', "utf-8''%e2%82%ac"]], 'encoded'],
    [
      "f*0*=utf-8'en'%e2%82%ac%20; f*1=exa;",
      [['f*', "utf-8'en'%e2%82%ac%20exa"]],
      'encoded in part',
    ],
    ['f*0*=utf-8\'\'a; f*1="b c%"', [['f*', "utf-8''ab%20c%25"]], 'plain pieces become encoded'],
    ['f*0=a; f*1*=%C3%A9', [['f*', "''a%C3%A9"]], 'without a charset'],
    [
      "r=plain; r*=utf-8''x",
      [
        ['r', 'plain'],
        ['r*', "utf-8''x"],
      ],
      'both forms',
    ],
    [
      'w*0=q; w*2=r',
      [
        ['w*0', 'q'],
        ['w*2', 'r'],
      ],
      'a gap',
    ],
    ['s*1=a', [['s*1', 'a']], 'no beginning'],
    [
      'u*0=1; u*0=2',
      [
        ['u*0', '1'],
        ['u*0', '2'],
      ],
      'one twice',
    ],
    [
      'v*00=1; v*01=2',
      [
        ['v*00', '1'],
        ['v*01', '2'],
      ],
      'no numbers',
    ],
    [
      '*0=a; *=b',
      [
        ['*0', 'a'],
        ['*', 'b'],
      ],
      'no name',
    ],
  ] as const) {
    t.same(readParameters(`a/b; ${text}`), expected, `${text} ${why}`);
  }
  t.end();
});

await t.test('a parameter is decoded', (t) => {
  for (const [text, decoded, bytes] of [
    ["n*=utf-8'en'%e2%82%ac.txt", '€.txt', '\xe2\x82\xac.txt'],
    ["n*0*=iso-8859-1''%E9; n*1=%41", 'é%41', '\xe9%41'],
    ["n*0*=iso-2022-jp''%1B$BF|; n*1*=K%5C%1B%28B", '日本', '\x1b$BF|K\\\x1b(B'],
    ["n=old; n*=utf-8''new", 'new', 'new'],
    ["n*=utf-8''new; n=old", 'new', 'new'],
    ['n*=%C3%A9', 'é', '\xc3\xa9'],
    ["n*=it's", "it's", "it's"],
    ["n*=utf-8''100%zz%4", '100%zz%4', '100%zz%4'],
    ['n="caf\xc3\xa9"', 'café', 'caf\xc3\xa9'],
    ["n*=x-none''%E9", 'é', '\xe9'],
    ['m=1', undefined, undefined],
  ] as const) {
    const parameters = readParameters(`a/b; ${text}`);
    t.equal(decodeParameter(parameters, 'n'), decoded, text);
    t.equal(findParameter(parameters, 'n'), bytes, text);
  }
  t.end();
});

await t.test('parameters take linear time', (t) => {
  for (const piece of [
    ';',
    '=',
    '"',
    ';=',
    ';a=',
    'a=";',
    '\\',
    '(',
    '; "',
    ';a="";',
    ';a*0=b',
    ';a*0*=%41',
    ';a*=',
  ]) {
    const cpuMs = cpuMsOf(() => readParameters(`a/b; ${piece.repeat(200_000)}`));
    // Linear: tens of milliseconds. Square: minutes.
    t.ok(cpuMs < 2000, JSON.stringify(piece));
  }
  t.end();
});

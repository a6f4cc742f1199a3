import t from 'tap';
import { maxSortKeys } from '../../../protocol/limits.ts';
import { decode } from '../../fixtures/read-events.ts';

const key = (name: string, isReverse = false) => ({ name, isReverse });
const all = { key: 'all' };

await t.test('keys, a charset and what is searched', (t) => {
  for (const [line, expected] of [
    ['SORT (SUBJECT) UTF-8 ALL', { isUid: false, keys: [key('SUBJECT')], criteria: all }],
    [
      'uid sort (subject reverse date) us-ascii all',
      { isUid: true, keys: [key('SUBJECT'), key('DATE', true)], criteria: all },
    ],
    [
      'SORT (ARRIVAL CC DATE FROM SIZE SUBJECT TO) "UTF-8" 1:2 DELETED',
      {
        isUid: false,
        keys: ['ARRIVAL', 'CC', 'DATE', 'FROM', 'SIZE', 'SUBJECT', 'TO'].map((name) => key(name)),
        criteria: {
          key: 'and',
          keys: [
            { key: 'sequence', set: [{ first: 1, last: 2 }] },
            { key: 'flag', flag: '\\Deleted' },
          ],
        },
      },
    ],
    [
      'SORT (SIZE) ISO-8859-1 SUBJECT {1+}\r\n\xe9',
      {
        isUid: false,
        keys: [key('SIZE')],
        criteria: { key: 'header', fieldName: 'Subject', text: 'é' },
      },
    ],
  ] as const) {
    t.same(decode(line), { name: 'SORT', ...expected }, line);
  }
  t.match(decode('SORT (DATE) x-none ALL'), { unknownCharset: 'X-NONE' });
  t.type(decode(`SORT (${Array(maxSortKeys).fill('REVERSE TO').join(' ')}) UTF-8 ALL`), 'object');
  t.end();
});

await t.test('what is no SORT', (t) => {
  for (const line of [
    'SORT',
    'SORT ALL',
    'SORT () UTF-8 ALL',
    'SORT SUBJECT UTF-8 ALL',
    'SORT (SUBJECT)',
    'SORT (SUBJECT) UTF-8',
    'SORT (SUBJECT) UTF-8 ',
    'SORT (SUBJECT) ALL',
    'SORT (REVERSE) UTF-8 ALL',
    'SORT (REVERSE REVERSE DATE) UTF-8 ALL',
    'SORT (DATE REVERSE) UTF-8 ALL',
    'SORT (REVERSEDATE) UTF-8 ALL',
    'SORT (UID) UTF-8 ALL',
    'SORT (DATE)UTF-8 ALL',
    'SORT (DATE) UTF-8 CHARSET UTF-8 ALL',
    `SORT (${Array(maxSortKeys + 1)
      .fill('TO')
      .join(' ')}) UTF-8 ALL`,
  ]) {
    t.type(decode(line), 'string', line);
  }
  t.end();
});

await t.test('by what a client displays of addresses', (t) => {
  const line = 'SORT (DISPLAYFROM REVERSE DisplayTo) UTF-8 ALL';
  const keys = [key('DISPLAYFROM'), key('DISPLAYTO', true)];
  t.same(decode(line), { name: 'SORT', isUid: false, keys, criteria: all });
  const off = new Set(['SORT=DISPLAY'] as const);
  t.equal(decode(line, { off }), 'BAD Unknown sort key "DISPLAYFROM"');
  t.end();
});

await t.test('what is to be returned', (t) => {
  const line = 'SORT RETURN (MIN count) (DATE) UTF-8 ALL';
  t.match(decode(line), { keys: [key('DATE')], returned: { items: new Set(['MIN', 'COUNT']) } });
  t.match(decode('SORT RETURN () (DATE) UTF-8 ALL'), { returned: { items: new Set(['ALL']) } });
  const save = 'SORT RETURN (SAVE) (DATE) UTF-8 ALL';
  t.match(decode(save), { returned: { items: new Set(['SAVE']) } });
  t.type(decode(save, { off: new Set(['SEARCHRES']) }), 'string');
  for (const bad of ['RETURN (MIN)(DATE)', 'RETURN MIN (DATE)']) {
    t.type(decode(`SORT ${bad} UTF-8 ALL`), 'string', bad);
  }
  for (const off of ['ESORT', 'ESEARCH'] as const)
    t.type(decode(line, { off: new Set([off]) }), 'string', off);
  const partial = 'SORT RETURN (UPDATE partial 3:2 CONTEXT) (DATE) UTF-8 ALL';
  t.match(decode(partial), {
    returned: { items: new Set(), isUpdated: true, partial: { first: 2, last: 3, text: '3:2' } },
  });
  t.equal(
    decode(partial, { off: new Set(['CONTEXT=SORT']) }),
    'BAD Unknown result option "UPDATE"',
  );
  t.equal(
    decode('SORT RETURN (PARTIAL 1:2) (DATE) UTF-8 ALL', { off: new Set(['CONTEXT=SORT']) }),
    'BAD Unknown result option "PARTIAL"',
    'PARTIAL alone is of SEARCH',
  );
  t.end();
});

await t.test('without SORT there is no such command', (t) => {
  const off = new Set(['SORT'] as const);
  t.equal(decode('SORT (DATE) UTF-8 ALL', { off }), 'BAD Unknown command "SORT"');
  t.end();
});

import t from 'tap';
import { decode } from '../../fixtures/read-events.ts';

const criteria = { key: 'all' };

await t.test('an algorithm, a charset and what is searched', (t) => {
  for (const [line, expected] of [
    ['THREAD ORDEREDSUBJECT UTF-8 ALL', { isUid: false, algorithm: 'ORDEREDSUBJECT', criteria }],
    ['UID THREAD references us-ascii all', { isUid: true, algorithm: 'REFERENCES', criteria }],
    ['thread Refs "UTF-8" (ALL)', { isUid: false, algorithm: 'REFS', criteria }],
    [
      'THREAD REFS X-NONE ALL',
      { isUid: false, algorithm: 'REFS', criteria, unknownCharset: 'X-NONE' },
    ],
  ] as const) {
    t.same(decode(line), { name: 'THREAD', ...expected }, line);
  }
  t.end();
});

await t.test('what is no THREAD', (t) => {
  for (const line of [
    'THREAD',
    'THREAD UTF-8 ALL',
    'THREAD REFERENCES',
    'THREAD REFERENCES ALL',
    'THREAD REFERENCES UTF-8',
    'THREAD (REFERENCES) UTF-8 ALL',
    'THREAD SUBJECT UTF-8 ALL',
    'THREAD RETURN (ALL) REFERENCES UTF-8 ALL',
  ]) {
    t.type(decode(line), 'string', line);
  }
  t.end();
});

await t.test('an algorithm that is turned off is unknown', (t) => {
  const off = new Set(['THREAD=REFS'] as const);
  t.equal(decode('THREAD REFS UTF-8 ALL', { off }), 'BAD Unknown threading algorithm "REFS"');
  t.type(decode('THREAD REFERENCES UTF-8 ALL', { off }), 'object');
  t.end();
});

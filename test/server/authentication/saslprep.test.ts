import t from 'tap';
import {
  maxPreparedBytes,
  preparePassword,
  saslprep,
} from '../../../server/authentication/saslprep.ts';

await t.test('the examples of RFC 4013, section 3', async (t) => {
  t.equal(preparePassword('I\u00ADX'), 'IX');
  t.equal(preparePassword('user'), 'user');
  t.equal(preparePassword('USER'), 'USER');
  t.equal(preparePassword('\u00AA'), 'a');
  t.equal(preparePassword('\u2168'), 'IX');
  t.strictSame(saslprep('\u0007'), {
    fault: 'it has control characters, or others that cannot be typed everywhere',
  });
  t.strictSame(saslprep('\u0627\u0031'), {
    fault: 'it mixes right-to-left letters with others, or does not begin and end with one',
  });
});

await t.test('composed and decomposed letters are one password', async (t) => {
  t.equal(preparePassword('cafe\u0301'), preparePassword('caf\u00E9'));
});

await t.test('spaces that are not ASCII become spaces', async (t) => {
  t.equal(preparePassword('a\u00A0b\u3000c'), 'a b c');
});

await t.test('right-to-left text alone is taken, and emoji', async (t) => {
  t.equal(preparePassword('\u05E9\u05DC\u05D5\u05DD'), '\u05E9\u05DC\u05D5\u05DD');
  t.equal(preparePassword('caf\u00E9 \u{1F600}'), 'caf\u00E9 \u{1F600}');
});

await t.test('what no name or password can be', async (t) => {
  const faults: readonly (readonly [text: string, fault: RegExp])[] = [
    ['', /1 to 1024 bytes/],
    ['\u00AD', /no visible characters/],
    ['a\0b', /control characters/],
    ['a\r\n', /control characters/],
    ['a\u0085', /control characters/],
    ['a\uE000', /control characters/],
    ['a\u200Eb', /control characters/],
    ['a\uD800b', /control characters/],
    ['\u{E0041}a', /control characters/],
    ['a\u05D0', /right-to-left/],
    ['a\u0378', /does not know/],
  ];
  for (const [text, fault] of faults) {
    t.match(saslprep(text), { fault }, JSON.stringify(text));
    t.equal(preparePassword(text), undefined);
  }
});

await t.test('what is too long, also once it is prepared', async (t) => {
  t.equal(preparePassword('x'.repeat(maxPreparedBytes))?.length, maxPreparedBytes);
  t.equal(preparePassword('x'.repeat(maxPreparedBytes + 1)), undefined);
  t.equal(
    preparePassword('é'.repeat(maxPreparedBytes / 2 + 1)),
    undefined,
    'bytes, not characters',
  );
  // One letter becomes 18 (U+FDFA).
  t.equal(preparePassword('\uFDFA'.repeat(maxPreparedBytes / 4)), undefined);
  t.equal(preparePassword('é'.repeat(1_000_000)), undefined);
});

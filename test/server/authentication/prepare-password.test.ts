import t from 'tap';
import {
  maxPasswordBytes,
  preparePassword,
} from '../../../server/authentication/prepare-password.ts';

await t.test('the examples of RFC 4013, section 3', async (t) => {
  t.equal(preparePassword('I\u00ADX'), 'IX');
  t.equal(preparePassword('user'), 'user');
  t.equal(preparePassword('USER'), 'USER');
  t.equal(preparePassword('\u00AA'), 'a');
  t.equal(preparePassword('\u2168'), 'IX');
  t.equal(preparePassword('\u0007'), undefined);
});

await t.test('composed and decomposed letters are one password', async (t) => {
  t.equal(preparePassword('cafe\u0301'), preparePassword('caf\u00E9'));
});

await t.test('spaces that are not ASCII become spaces', async (t) => {
  t.equal(preparePassword('a\u00A0b\u3000c'), 'a b c');
});

await t.test('what no password can be', async (t) => {
  for (const text of [
    '',
    '\u00AD',
    'a\0b',
    'a\r\n',
    'a\u0085',
    'a\uE000',
    'a\u200Eb',
    'a\uD800b',
  ]) {
    t.equal(preparePassword(text), undefined, JSON.stringify(text));
  }
  t.equal(preparePassword('x'.repeat(maxPasswordBytes))?.length, maxPasswordBytes);
  t.equal(preparePassword('x'.repeat(maxPasswordBytes + 1)), undefined);
  t.equal(
    preparePassword('é'.repeat(maxPasswordBytes / 2 + 1)),
    undefined,
    'bytes, not characters',
  );
});

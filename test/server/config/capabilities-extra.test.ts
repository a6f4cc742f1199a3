import t from 'tap';
import { parseCapabilitiesExtra } from '../../../server/config/capabilities-extra.ts';

await t.test('names with spaces between them, each once', async (t) => {
  t.same(parseCapabilitiesExtra(''), []);
  t.same(parseCapabilitiesExtra(' XDELTAPUSH  X-GM-EXT-1 xdeltapush XA=b/c '), [
    'XDELTAPUSH',
    'X-GM-EXT-1',
    'XA=b/c',
  ]);
  t.equal(parseCapabilitiesExtra(`X${'a'.repeat(63)}`).length, 1);
  t.equal(
    parseCapabilitiesExtra(Array.from({ length: 16 }, (_, n) => `X${n}`).join(' ')).length,
    16,
  );
});

await t.test('what would break a line, or claim what is not there, is refused', async (t) => {
  for (const name of [
    'NOTIFY',
    'ACL',
    'IMAP4rev1',
    'AUTH=XOAUTH2',
    'DELTAPUSH',
    'X]',
    'X(a)',
    'X"a"',
    'X\\a',
    'X%',
    'X*',
    'XA,XB',
    'X{3}',
    'Xé',
    'X\u0000',
    `X${'a'.repeat(64)}`,
  ]) {
    t.throws(() => parseCapabilitiesExtra(`XGOOD ${name}`), { message: /must be names/ }, name);
  }
  const many = Array.from({ length: 17 }, (_, n) => `X${n}`).join(' ');
  t.throws(() => parseCapabilitiesExtra(many), { message: /more than 16/ });
});

import t from 'tap';
import { maxFlags, maxKeywordBytes } from '../../../protocol/limits.ts';
import { decode } from '../../fixtures/read-events.ts';

const store = (mode: string, isSilent: boolean, flags: string[], more: object = {}) => ({
  name: 'STORE',
  isUid: false,
  set: [{ first: 1, last: 1 }],
  mode,
  isSilent,
  flags,
  ...more,
});

await t.test('STORE', (t) => {
  for (const [text, expected] of [
    ['FLAGS (\\Seen)', store('replace', false, ['\\Seen'])],
    ['+flags.silent (\\DELETED)', store('add', true, ['\\Deleted'])],
    ['-FLAGS.SILENT (a B \\draft)', store('remove', true, ['a', 'B', '\\Draft'])],
    ['FLAGS ()', store('replace', false, [])],
    ['+FLAGS \\Seen', store('add', false, ['\\Seen'])],
    ['+FLAGS \\Seen $Junk x', store('add', false, ['\\Seen', '$Junk', 'x'])],
    ['FLAGS (\\Seen \\SEEN Foo foo)', store('replace', false, ['\\Seen', 'Foo'])],
    ['FLAGS (\\Recent \\Seen)', store('replace', false, ['\\Seen'])],
    ['FLAGS ( \\Seen )', store('replace', false, ['\\Seen'])],
    [
      '(UNCHANGEDSINCE 320162338) +FLAGS.SILENT (\\Deleted)',
      store('add', true, ['\\Deleted'], { unchangedSince: 320_162_338 }),
    ],
    ['(unchangedsince 0) FLAGS x', store('replace', false, ['x'], { unchangedSince: 0 })],
  ] as const) {
    t.same(decode(`STORE 1 ${text}`), expected, text);
  }
  t.match(decode('UID STORE 1 FLAGS x'), { name: 'STORE', isUid: true });
  t.end();
});

await t.test('refusals', (t) => {
  for (const [text, refusal] of [
    ['FLAGS', 'BAD Expected space, got end of command'],
    ['FLAGS x(', 'BAD Expected end of command, got "("'],
    ['FLAGS (\\Foo)', String.raw`BAD Unknown system flag "\\Foo"`],
    ['FLAGS (\\*)', 'BAD Expected system flag, got "*)"'],
    ['FLAGS ("x")', String.raw`BAD Expected flag, got "\"x\")"`],
    ['FLAGS.FOO x', 'BAD Expected FLAGS, got "FLAGS.FOO"'],
    ['*FLAGS x', 'BAD Expected FLAGS, got "*FLAGS"'],
    ['(UNCHANGEDSINCE x) FLAGS y', 'BAD Expected modseq, got "x)"'],
    ['(FOO 1) FLAGS y', 'BAD Unknown STORE modifier "FOO"'],
    [`FLAGS ${'x'.repeat(maxKeywordBytes + 1)}`, 'BAD Keyword is longer than 128 bytes'],
    [
      `FLAGS ${Array(maxFlags + 1)
        .fill('x')
        .join(' ')}`,
      'BAD More than 128 flags',
    ],
    [
      `FLAGS (${Array(maxFlags + 1)
        .fill('x')
        .join(' ')})`,
      'BAD More than 128 flags',
    ],
  ] as const) {
    t.equal(decode(`STORE 1 ${text}`), refusal, text);
  }
  t.end();
});

import t from 'tap';
import type { EnabledExtension } from '../../protocol/capability.ts';
import {
  CommandError,
  Decoder,
  MissingLiteralError,
  parseLiteralSize,
  quoteReceived,
} from '../../protocol/decoder.ts';
import { maxMailboxNameBytes, maxSequenceRanges } from '../../protocol/limits.ts';

const decoderOf = (text: string) => new Decoder(Buffer.from(text, 'latin1'));

/** The text of the error that a rule throws on this input. */
function refusal(input: string, read: (decoder: Decoder) => unknown): string {
  try {
    return `accepted ${JSON.stringify(read(decoderOf(input)))}`;
  } catch (error) {
    if (error instanceof CommandError) return error.message;
    throw error;
  }
}

await t.test('atoms, tags and names end where the grammar says', (t) => {
  const rest = (input: string, read: (decoder: Decoder) => string) => {
    const decoder = decoderOf(input);
    return [read(decoder), input.slice(decoder.position)];
  };
  t.same(
    rest('ab]c', (d) => d.expectAtom()),
    ['ab', ']c'],
  );
  t.same(
    rest('a+b)', (d) => d.expectAtom()),
    ['a+b', ')'],
  );
  t.same(
    rest('a.1]b+c', (d) => d.expectTag()),
    ['a.1]b', '+c'],
  );
  t.same(
    rest('ab]c(', (d) => d.expectAString()),
    ['ab]c', '('],
  );
  t.same(
    rest('body[1]', (d) => d.expectName('x')),
    ['BODY', '[1]'],
  );
  t.same(
    rest('a%*] b', (d) => d.expectListMailbox()),
    ['a%*]', ' b'],
  );
  for (const byte of ['(', ')', '{', ' ', '%', '*', '"', '\\', ']', '\x7f', '\0', '\r', '\xe9']) {
    t.match(
      refusal(byte, (d) => d.expectAtom('flag')),
      /^Expected flag, got "/,
      JSON.stringify(byte),
    );
  }
  t.equal(
    refusal('', (d) => d.expectAtom('flag')),
    'Expected flag, got end of command',
  );
  t.equal(
    refusal('x'.repeat(129), (d) => d.expectTag()),
    'Tag is longer than 128 bytes',
  );
  t.end();
});

await t.test('quoted strings', (t) => {
  const read = (input: string) => refusal(input, (d) => d.expectString('string'));
  t.equal(decoderOf('""').expectString('x'), '');
  t.equal(decoderOf(String.raw`"a\"b\\c"`).expectString('x'), String.raw`a"b\c`);
  t.equal(decoderOf('"a\tb\xc3\xa9"').expectString('x'), 'a\tb\xc3\xa9', 'wire text');
  t.equal(read('"abc'), String.raw`Expected quoted string, got "\"abc"`);
  t.equal(read('"'), String.raw`Expected quoted string, got "\""`);
  t.match(read(String.raw`"a\b"`), /^Expected quote or backslash behind a backslash, got "b/);
  t.match(read('"a\\'), /^Expected quote or backslash behind a backslash, got end/);
  t.match(read('"a\0b"'), /^Expected text in quoted string, got "\\x00/);
  t.match(read('"a\rb"'), /^Expected text in quoted string, got "\\x0d/);
  t.equal(read('atom'), 'Expected string, got "atom"');
  t.end();
});

await t.test('literals', (t) => {
  t.equal(decoderOf('{5}\r\na\r\nb ').expectString('x'), 'a\r\nb ');
  t.equal(decoderOf('{3+}\nabcd').expectString('x'), 'abc', 'a bare LF is a line end');
  t.equal(decoderOf('{0}\r\n').expectString('x'), '');
  t.throws(() => decoderOf('{5}\r\nab').expectString('x'), MissingLiteralError);
  t.throws(() => decoderOf('{99999999999999999999}\r\nab').expectString('x'), MissingLiteralError);
  for (const input of ['{}\r\n', '{5', '{5}', '{5}\r', '{5}ab', '{5-}\r\n', '{a}\r\n', '{+}\r\n']) {
    t.match(
      refusal(input, (d) => d.expectString('x')),
      /^Expected literal, got "\{/,
      JSON.stringify(input),
    );
  }
  t.match(
    refusal('{3}\r\na\0b', (d) => d.expectString('x')),
    /^Expected literal without NUL/,
  );
  t.end();
});

await t.test('a client that has turned UTF-8 on writes UTF-8 between quotes', (t) => {
  const enabled = new Set<EnabledExtension>(['UTF8=ACCEPT']);
  const read = (text: string) => new Decoder(Buffer.from(text, 'latin1'), undefined, enabled);
  t.equal(read('"Zo\xc3\xab"').expectText('text'), 'Zoë');
  t.throws(() => read('"Zo\xeb"').expectText('text'), {
    message: 'Expected quoted string in UTF-8, got "\\"Zo\\xeb\\""',
  });
  t.equal(read('{3}\r\nZo\xeb').expectText('text'), 'Zoë', 'a literal may be anything');
  t.equal(read('"Zo\xc3\xab & &AOk-"').expectMailbox(), 'Zoë & &AOk-');
  t.equal(read('"&AOk-*"').expectListMailbox(), '&AOk-*');
  t.throws(() => read('{3}\r\nZo\xeb').expectMailbox(), {
    message: 'Mailbox name "Zo\\xeb" is not UTF-8',
    code: 'CANNOT',
    isNo: true,
  });
  t.end();
});

await t.test('text is UTF-8, else ISO 8859-1 (Q182618)', (t) => {
  t.equal(decoderOf('"Zo\xc3\xab"').expectText('x'), 'Zoë');
  t.equal(decoderOf('{4}\r\nZo\xc3\xab').expectText('x'), 'Zoë');
  t.equal(decoderOf('Zo\xc3\xab').expectText('x'), 'Zoë', 'also without quotes');
  t.equal(decoderOf('"l\xf6sen"').expectText('x'), 'lösen');
  t.equal(decoderOf('"\xef\xbb\xbfa"').expectText('x'), '\ufeffa', 'every byte of it');
  t.equal(decoderOf('nil').expectNText('x'), undefined);
  t.equal(decoderOf('"nil"').expectNText('x'), 'nil');
  t.equal(
    refusal('nill', (d) => d.expectNText('value')),
    'Expected value, got "nill"',
  );
  t.end();
});

await t.test('numbers', (t) => {
  t.equal(decoderOf('0').expectNumber('n'), 0);
  t.equal(decoderOf('4294967295').expectNumber('n'), 4_294_967_295);
  t.equal(decoderOf(`${'0'.repeat(50)}12`).expectNumber('n'), 12, 'leading zeros');
  t.equal(
    decoderOf('9007199254740991').expectNumber('n', 0, Number.MAX_SAFE_INTEGER),
    Number.MAX_SAFE_INTEGER,
  );
  for (const [input, text] of [
    ['4294967296', 'Expected n up to 4294967295, got "4294967296"'],
    ['99999999999999999999999', 'Expected n up to 4294967295, got "99999999999999999999999"'],
    ['-1', 'Expected n, got "-1"'],
    ['', 'Expected n, got end of command'],
  ] as const) {
    t.equal(
      refusal(input, (d) => d.expectNumber('n')),
      text,
    );
  }
  t.equal(
    refusal('0', (d) => d.expectNumber('n above 0', 1)),
    'Expected n above 0, got "0"',
  );
  t.equal(
    refusal('9007199254740992', (d) => d.expectNumber('n', 0, Number.MAX_SAFE_INTEGER)),
    'Expected n up to 9007199254740991, got "9007199254740992"',
  );
  t.end();
});

await t.test('sequence sets', (t) => {
  t.same(decoderOf('1:*,5 x').expectSequenceSet(), [
    { first: 1, last: Infinity },
    { first: 5, last: 5 },
  ]);
  t.equal(
    refusal('1:0 FLAGS', (d) => d.expectSequenceSet()),
    'Expected sequence set, got "1:0"',
  );
  t.equal(
    refusal('$', (d) => d.expectSequenceSet()),
    'Expected sequence set, got "$"',
  );
  const most = Array(maxSequenceRanges).fill('1').join(',');
  t.equal(decoderOf(most).expectSequenceSet().length, maxSequenceRanges);
  t.match(
    refusal(`${most},1`, (d) => d.expectSequenceSet()),
    /^Sequence set has more than/,
  );
  t.end();
});

await t.test('mailbox names', (t) => {
  t.equal(decoderOf('inbox').expectMailbox(), 'INBOX');
  t.equal(decoderOf('"a &- b"').expectMailbox(), 'a & b');
  t.throws(() => decoderOf('a&b').expectMailbox(), { isNo: true, code: 'CANNOT' });
  const long = 'x'.repeat(maxMailboxNameBytes + 1);
  t.throws(() => decoderOf(long).expectMailbox(), { isNo: true, code: 'CANNOT' });
  t.throws(() => decoderOf(long).expectListMailbox(), { isNo: true, code: 'CANNOT' });
  t.equal(decoderOf('"a b%"').expectListMailbox(), 'a b%');
  t.equal(
    refusal('(x)', (d) => d.expectListMailbox()),
    'Expected mailbox pattern, got "(x)"',
  );
  t.end();
});

await t.test('lists', (t) => {
  const read = (input: string) => {
    const members: string[] = [];
    const text = refusal(input, (d) => d.expectList('x', 3, () => members.push(d.expectAtom('x'))));
    return text.startsWith('accepted') ? members.join() : text;
  };
  t.equal(read('()'), '');
  t.equal(read('(a)'), 'a');
  t.equal(read('(a b c)'), 'a,b,c');
  t.equal(read('( a  b )'), 'a,b', 'Q195171');
  t.equal(read('(a'), 'Expected space or ")", got end of command');
  t.equal(read('(a '), 'Expected x, got end of command');
  t.equal(read('(a(b)'), 'Expected space or ")", got "(b)"');
  t.equal(read('(a b c d)'), 'More than 3 x');
  t.equal(read('a'), 'Expected list of x, got "a"');
  t.end();
});

await t.test('error texts', (t) => {
  t.equal(quoteReceived('a"b\\c\r\n\xff'), String.raw`"a\"b\\c\x0d\x0a\xff"`);
  t.equal(quoteReceived('x'.repeat(100)), `"${'x'.repeat(40)}..."`);
  t.equal(
    refusal('secret', (d) => {
      d.hideReceived();
      d.expect('(');
    }),
    'Expected "("',
  );
  t.equal(
    refusal('"\r', (d) => d.expectEnd()),
    String.raw`Expected end of command, got "\""`,
  );
  t.end();
});

await t.test('text that was read does not keep the command alive', (t) => {
  const bytes = Buffer.from('abcdefghijklmnopqrstuvwxyz "password"');
  const decoder = new Decoder(bytes);
  const atom = decoder.expectAtom();
  decoder.expectSpace();
  const text = decoder.expectText('x');
  bytes.fill(0);
  t.equal(atom, 'abcdefghijklmnopqrstuvwxyz');
  t.equal(text, 'password');
  t.end();
});

await t.test('parseLiteralSize', (t) => {
  t.equal(parseLiteralSize('0'), 0);
  t.equal(parseLiteralSize('000'), 0);
  t.equal(parseLiteralSize('0000000000000000000012'), 12);
  t.equal(parseLiteralSize('999999999999999'), 999_999_999_999_999);
  t.equal(parseLiteralSize('9999999999999999'), Infinity);
  t.end();
});

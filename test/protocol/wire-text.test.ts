import * as fc from 'fast-check';
import t from 'tap';
import { Decoder } from '../../protocol/decoder.ts';
import type { SectionText } from '../../protocol/fetch-item.ts';
import {
  encodeAString,
  encodeAtom,
  encodeBodySection,
  encodeFlagList,
  encodeLiteral,
  encodeMailbox,
  encodeNString,
  encodeNumber,
  encodeResponseText,
  encodeString,
  EncoderError,
  readWireText,
} from '../../protocol/wire-text.ts';

await t.test('strings', (t) => {
  t.equal(encodeString(''), '""');
  t.equal(encodeString('a b'), '"a b"');
  t.equal(encodeString(String.raw`a"b\c`), String.raw`"a\"b\\c"`);
  t.equal(encodeString('a\r\nb'), '{4}\r\na\r\nb');
  t.equal(encodeString('caf\xc3\xa9'), '{5}\r\ncaf\xc3\xa9');
  t.equal(encodeString('a\0b'), '{2}\r\nab', 'NUL cannot be sent');
  t.equal(encodeString('x'.repeat(1001)), `{1001}\r\n${'x'.repeat(1001)}`);
  t.equal(encodeLiteral('ab'), '{2}\r\nab');
  t.equal(encodeNString(undefined), 'NIL');
  t.equal(encodeNString('NIL'), '"NIL"');
  t.throws(() => encodeString('日'), EncoderError);
  t.end();
});

await t.test('astrings and mailbox names', (t) => {
  t.equal(encodeAString('INBOX'), 'INBOX');
  t.equal(encodeAString('a]b'), 'a]b');
  t.equal(encodeAString('[x]/&-'), '[x]/&-');
  for (const text of ['', 'a b', 'a(b', 'a)b', 'a{b', 'a*b', 'a%b', 'NIL', 'nil']) {
    t.equal(encodeAString(text), `"${text}"`);
  }
  t.equal(encodeAString('a\x80'), '{2}\r\na\x80');
  t.equal(encodeMailbox('Gesendete Entwürfe'), '"Gesendete Entw&APw-rfe"');
  t.equal(encodeMailbox('Zoë'), 'Zo&AOs-');
  t.equal(encodeMailbox('A&B'), 'A&-B');
  t.equal(encodeMailbox('Zoë', true), '"Zo\xc3\xab"', 'UTF-8 is quoted');
  t.equal(encodeMailbox('A&B', true), 'A&B');
  t.equal(encodeMailbox('\u010d\u010a'), '&AQ0BCg-');
  t.equal(encodeMailbox('é\r\n', true), '{4}\r\n\xc3\xa9\r\n', 'what no quotes can hold');
  t.equal(encodeMailbox('"é\\', true), '"\\"\xc3\xa9\\\\"');
  t.end();
});

await t.test('strings for a client that takes UTF-8 between quotes', (t) => {
  t.equal(encodeString('Zo\xc3\xab "x"', true), '"Zo\xc3\xab \\"x\\""');
  t.equal(encodeString('Zo\xc3\xab'), '{4}\r\nZo\xc3\xab', 'others get a literal');
  t.equal(encodeString('Zo\xeb', true), '{3}\r\nZo\xeb', 'no UTF-8');
  t.equal(encodeString('\xc3\xab\r\n', true), '{4}\r\n\xc3\xab\r\n');
  t.equal(encodeNString('\xc3\xab', true), '"\xc3\xab"');
  t.equal(encodeAString('\xc3\xab', true), '"\xc3\xab"');
  t.throws(() => encodeString('\u0141', true), EncoderError);
  t.end();
});

await t.test('atoms, numbers and flags are refused if they are none', (t) => {
  t.equal(encodeAtom('IMAP4rev1'), 'IMAP4rev1');
  for (const text of ['', 'a b', 'a\r\nb', 'a\0', 'a(', ')', '"', 'é', '\u010d\u010a', 'a]']) {
    t.throws(() => encodeAtom(text), EncoderError, JSON.stringify(text));
  }
  t.equal(encodeNumber(0), '0');
  for (const number of [-1, 1.5, NaN, Infinity, 2 ** 53]) {
    t.throws(() => encodeNumber(number), EncoderError, String(number));
  }
  t.equal(encodeFlagList([]), '()');
  t.equal(encodeFlagList(new Set(['\\Seen', '$Junk', '\\*'])), '(\\Seen $Junk \\*)');
  for (const flag of ['', '\\', 'a b', 'a)', '\\Seen\r\n', 'a\\b', '*']) {
    t.throws(() => encodeFlagList(['\\Seen', flag]), EncoderError, JSON.stringify(flag));
  }
  t.end();
});

await t.test('what is encoded decodes to the same', (t) => {
  const bytes = fc.string({
    unit: fc.integer({ min: 1, max: 255 }).map((n) => String.fromCharCode(n)),
  });
  fc.assert(
    fc.property(bytes, (text) => {
      const string = new Decoder(Buffer.from(encodeString(text), 'latin1'));
      const astring = new Decoder(Buffer.from(encodeAString(text), 'latin1'));
      return (
        string.expectString('x') === text &&
        string.isAtEnd() &&
        astring.expectAString() === text &&
        astring.isAtEnd()
      );
    }),
    { numRuns: 1000 },
  );
  t.end();
});

await t.test('response text is one line of ASCII that is no response code', (t) => {
  t.equal(encodeResponseText('Done'), 'Done');
  t.equal(encodeResponseText(''), '-');
  t.equal(encodeResponseText('a\r\nb\0c'), 'a b c');
  t.equal(encodeResponseText('\u010d\u010a* 9 EXISTS'), '??* 9 EXISTS');
  t.equal(encodeResponseText('[ALERT] x'), '(ALERT] x');
  t.equal(encodeResponseText('No x{3}'), 'No x(3}', 'no literal follows');
  t.equal(encodeResponseText('Zoë 😀'), 'Zo? ?');
  t.equal(encodeResponseText('Zoë\r\n', true), 'Zo\xc3\xab ');
  t.end();
});

await t.test('body sections', (t) => {
  const section = (part: number[], text: SectionText, offsetBytes?: number) =>
    encodeBodySection({ part, text }, offsetBytes);
  t.equal(section([], { kind: 'all' }), 'BODY[]');
  t.equal(section([1, 2], { kind: 'mime' }, 0), 'BODY[1.2.MIME]<0>');
  t.equal(
    section([3], { kind: 'header-fields-not', fieldNames: ['To', 'a b'] }, 7),
    'BODY[3.HEADER.FIELDS.NOT (To "a b")]<7>',
  );
  t.end();
});

await t.test('kept wire text is taken back only if it cannot break a response', (t) => {
  for (const text of ['("a" NIL)', '({3}\r\na\r\n)', '{0}\r\n {2}\r\n\xff\r', '']) {
    t.equal(readWireText(text), text);
  }
  for (const text of [
    'a\r\n* 9 EXISTS',
    'a\0',
    '\u010d\u010a',
    '{9}\r\nabc',
    '{2}\r\n\0\0',
    '{1}\ra',
  ]) {
    t.throws(() => readWireText(text), EncoderError, JSON.stringify(text));
  }
  t.throws(() => readWireText('{1}\r\na\r\n* 9 EXISTS'), EncoderError);
  t.throws(() => readWireText('{3}\r\n{3}\r\n* 9 EXISTS'), EncoderError);
  t.throws(() => readWireText('{99999999999}\r\na'), EncoderError);
  t.end();
});

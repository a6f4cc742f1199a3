import * as fc from 'fast-check';
import { deepEqual } from 'node:assert/strict';
import t from 'tap';
import { Decoder } from '../../protocol/decoder.ts';
import {
  encodeAString,
  encodeFlags,
  encodeInternalDate,
  encodeLiteral,
  encodeMailboxName,
  encodeNString,
  encodeResponseText,
  encodeString,
  toWireText,
} from '../../protocol/wire-text.ts';
import { expectDateTime } from '../../protocol/date-arguments.ts';

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
  t.throws(() => encodeString('日'), RangeError);
  t.equal(toWireText('é'), '\xc3\xa9');
  t.equal(toWireText('e'), 'e');
  t.end();
});

await t.test('astrings', (t) => {
  t.equal(encodeAString('INBOX'), 'INBOX');
  t.equal(encodeAString('a]b'), 'a]b');
  t.equal(encodeAString('[x]/&-'), '[x]/&-');
  for (const text of ['', 'a b', 'a(b', 'a)b', 'a{b', 'a*b', 'a%b', 'NIL', 'nil']) {
    t.equal(encodeAString(text), `"${text}"`);
  }
  t.equal(encodeAString('a\x80'), '{2}\r\na\x80');
  t.equal(encodeMailboxName('Gesendete Entwürfe'), '"Gesendete Entw&APw-rfe"');
  t.equal(encodeMailboxName('Zoë'), 'Zo&AOs-');
  t.end();
});

await t.test('what is encoded decodes to the same', (t) => {
  const octets = fc.string({
    unit: fc.integer({ min: 1, max: 255 }).map((n) => String.fromCharCode(n)),
  });
  fc.assert(
    fc.property(octets, (text) => {
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

await t.test('flags', (t) => {
  t.equal(encodeFlags([]), '()');
  t.equal(encodeFlags(new Set(['\\Seen', '$Junk'])), '(\\Seen $Junk)');
  t.end();
});

await t.test('internal dates', (t) => {
  const at = (iso: string, zoneMinutes = 0) =>
    encodeInternalDate({ epochMs: Date.parse(iso), zoneMinutes });
  t.equal(at('2025-12-31T23:00:00Z', 60), '" 1-Jan-2026 00:00:00 +0100"');
  t.equal(at('2026-07-17T09:05:03Z', -210), '"17-Jul-2026 05:35:03 -0330"');
  t.equal(at('1970-01-01T00:00:00Z'), '" 1-Jan-1970 00:00:00 +0000"');
  t.equal(at('0001-01-01T00:00:00Z'), '" 1-Jan-0001 00:00:00 +0000"');
  t.equal(encodeInternalDate({ epochMs: 8.64e15, zoneMinutes: 0 }), '"31-Dec-9999 23:59:59 +0000"');
  t.equal(
    encodeInternalDate({ epochMs: -8.64e15, zoneMinutes: -1439 }),
    '" 1-Jan-0000 00:00:00 -2359"',
  );
  t.end();
});

await t.test('an internal date reads back as it was', (t) => {
  const dates = fc.record({
    epochMs: fc
      .integer({ min: Date.parse('0001-01-02') / 1000, max: Date.parse('9999-12-30') / 1000 })
      .map((seconds) => seconds * 1000),
    zoneMinutes: fc.integer({ min: -1439, max: 1439 }),
  });
  fc.assert(
    fc.property(dates, (date) => {
      deepEqual(expectDateTime(new Decoder(Buffer.from(encodeInternalDate(date)))), { ...date });
    }),
    { numRuns: 500 },
  );
  t.end();
});

await t.test('response text is one line of ASCII that is no response code', (t) => {
  t.equal(encodeResponseText('Done'), 'Done');
  t.equal(encodeResponseText(''), '-');
  t.equal(encodeResponseText('a\r\nb\0c'), 'a b c');
  t.equal(encodeResponseText('[ALERT] x'), '(ALERT] x');
  t.equal(encodeResponseText('Zoë 😀'), 'Zo? ?');
  t.end();
});

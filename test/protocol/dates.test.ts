import * as fc from 'fast-check';
import { deepEqual } from 'node:assert/strict';
import t from 'tap';
import { CommandError } from '../../protocol/decoder.ts';
import { encodeInternalDate, expectDate, expectDateTime } from '../../protocol/dates.ts';
import { Decoder } from '../../protocol/decoder.ts';

const date = (text: string) => expectDate(new Decoder(Buffer.from(text)));
const dateTime = (text: string) => expectDateTime(new Decoder(Buffer.from(text)));

await t.test('expectDate', (t) => {
  t.same(date('1-Feb-1994'), { year: 1994, month: 2, day: 1 });
  t.same(date('"01-FEB-1994"'), { year: 1994, month: 2, day: 1 });
  t.same(date('29-Feb-2024'), { year: 2024, month: 2, day: 29 });
  t.same(date('31-dec-0099'), { year: 99, month: 12, day: 31 });
  for (const text of [
    '29-Feb-2023',
    '31-Apr-2026',
    '0-Jan-2026',
    '32-Jan-2026',
    '1-Foo-2026',
    '1-Jan-26',
    '1-1-2026',
    '2026-01-01',
    '',
  ]) {
    t.throws(() => date(text), CommandError, text);
  }
  t.throws(() => date('"1-Foo-2026"'), {
    message: String.raw`Expected date, got "\"1-Foo-2026\""`,
  });
  t.end();
});

await t.test('expectDateTime', (t) => {
  const at = (iso: string, zoneMinutes: number) => ({ epochMs: Date.parse(iso), zoneMinutes });
  t.same(dateTime('" 1-Jan-2026 00:00:00 +0100"'), at('2025-12-31T23:00:00Z', 60));
  t.same(dateTime('"17-Jul-1996 02:44:25 -0700"'), at('1996-07-17T09:44:25Z', -420));
  t.same(dateTime('"1-Jan-2026 00:00:00 -0000"'), at('2026-01-01T00:00:00Z', 0));
  t.same(dateTime('"01-Jan-2026 23:59:60 +2359"'), at('2026-01-01T00:01:00Z', 1439), 'leap second');
  t.equal(Object.is(dateTime('" 1-Jan-2026 00:00:00 -0000"').zoneMinutes, 0), true, 'not -0');
  t.same(dateTime('" 1-Jan-0001 00:00:00 +0000"'), at('0001-01-01T00:00:00Z', 0));
  for (const text of [
    '"29-Feb-2026 00:00:00 +0000"',
    '" 1-Jan-2026 24:00:00 +0000"',
    '" 1-Jan-2026 00:60:00 +0000"',
    '" 1-Jan-2026 00:00:61 +0000"',
    '" 1-Jan-2026 00:00:00 +2400"',
    '" 1-Jan-2026 00:00:00 +0060"',
    '" 1-Jan-2026 00:00:00 GMT"',
    '" 1-Jan-2026 0:00:00 +0000"',
    '" 1-Jan-2026 00:00:00"',
    '" 1-Jan-2026"',
    '1-Jan-2026',
    '""',
  ]) {
    t.throws(() => dateTime(text), CommandError, text);
  }
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

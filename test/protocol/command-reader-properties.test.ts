import * as fc from 'fast-check';
import { deepEqual, match as assertMatch } from 'node:assert/strict';
import t from 'tap';
import { limitsBeforeLogin } from '../../protocol/limits.ts';
import type { ReaderEvent } from '../../protocol/reader-event.ts';
import { allTraffic, clientTraffic } from '../fixtures/client-traffic.ts';
import { mergeData, readEvents } from '../fixtures/read-events.ts';

/** Pieces of the grammar and of what breaks it; random text alone would seldom get beyond the tag. */
const tokens = fc.constantFrom(
  'a ',
  'LOGIN ',
  'APPEND ',
  'SEARCH ',
  'FETCH ',
  'UID ',
  'SELECT ',
  'NOOP',
  'x',
  ' ',
  '(',
  ')',
  '"',
  '\\',
  '\\Seen',
  '{3}',
  '{3+}',
  '{0+}',
  '{40+}',
  '{70000+}',
  '{9}\r\n',
  '{5+}\r\n',
  '\r\n',
  '\n',
  '\r',
  '\0',
  '1:*',
  ',',
  '1',
  'BODY[',
  ']',
  '<0.1>',
  'NOT ',
  'CHARSET ',
  '\xe9',
  'a NOOP\r\n',
  'a APPEND b {3+}\r\nabc\r\n',
  'HEADER.FIELDS (',
  '{99999999999999999999+}',
);
const hostileText = fc
  .array(
    fc.oneof({ weight: 5, arbitrary: tokens }, fc.string({ unit: 'binary-ascii', maxLength: 5 })),
    {
      maxLength: 40,
    },
  )
  .map((pieces) => pieces.join(''));
const bytes = fc
  .uint8Array({ maxLength: 200 })
  .map((array) => Buffer.from(array).toString('latin1'));

/** Where to cut; as shares of the whole, so that they shrink with it. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

function split(text: string, shares: readonly number[]): string[] {
  const places = shares.map((share) => Math.round(share * text.length)).toSorted((a, b) => a - b);
  return [0, ...places].map((place, index) => text.slice(place, places[index] ?? text.length));
}

function checkSplit(text: string, shares: readonly number[], isAuthenticated: boolean): void {
  const options = { isAuthenticated, maxAppendBytes: 60 };
  const whole = mergeData(readEvents([text], options));
  deepEqual(mergeData(readEvents(split(text, shares), options)), whole);
  deepEqual(mergeData(readEvents(text, options)), whole, 'one byte at a time');
}

await t.test('any bytes in any chunks give the same events and no error', (t) => {
  fc.assert(fc.property(fc.oneof(hostileText, bytes), cuts, fc.boolean(), checkSplit), {
    numRuns: 6000,
  });
  t.end();
});

await t.test('what the connection repeats of hostile bytes cannot break a response', (t) => {
  fc.assert(
    fc.property(fc.oneof(hostileText, bytes), (text) => {
      for (const event of readEvents([text])) {
        if ('tag' in event && event.tag !== undefined) assertMatch(event.tag, /^[!-~]{1,128}$/);
        if ('text' in event) assertMatch(event.text, /^[A-Z][ -~]{1,250}$/);
      }
    }),
    { numRuns: 5000 },
  );
  t.end();
});

await t.test('lines around their bound give the same events however they are cut', (t) => {
  const sizes = fc.integer({ min: -3, max: 3 });
  const ends = fc.constantFrom('\r\n', '\n', '{3+}\r\nabc\r\n', ' {3}\r\n', '"\r\n', '\r');
  fc.assert(
    fc.property(sizes, ends, cuts, (size, end, shares) => {
      const line = `a LOGIN b ${'x'.repeat(limitsBeforeLogin.lineBytes + size - 10 - end.length)}`;
      const text = `${line}${end}a NOOP\r\n`;
      const options = { isAuthenticated: false };
      deepEqual(
        mergeData(readEvents(split(text, shares), options)),
        mergeData(readEvents([text], options)),
      );
    }),
    { numRuns: 150 },
  );
  t.end();
});

await t.test('real traffic is understood', (t) => {
  for (const [client, text] of Object.entries(clientTraffic)) {
    const refused = readEvents([`${text}\r\n`]).filter(
      (event) => event.kind === 'bad' || event.kind === 'bye',
    );
    const expected = client === 'thunderbird' ? ['Unknown command "GETQUOTAROOT"'] : [];
    t.same(refused.map(textOf), expected, client);
  }
  t.equal(readEvents([allTraffic]).filter(isWhole).length, 84);
  t.end();
});

function textOf(event: ReaderEvent): string | undefined {
  return event.kind === 'bad' || event.kind === 'bye' ? event.text : undefined;
}

/** True for the event at which a command is over. */
function isWhole(event: ReaderEvent): boolean {
  return event.kind === 'command' || event.kind === 'stream-end' || event.kind === 'bad';
}

const mutations = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    removed: fc.integer({ min: 0, max: 4 }),
    inserted: fc.oneof(tokens, fc.string({ unit: 'binary-ascii', maxLength: 3 }), fc.constant('')),
  }),
  { minLength: 1, maxLength: 6 },
);

await t.test('mutated traffic gives the same events however it is cut', (t) => {
  const sessions = fc.constantFrom(...Object.values(clientTraffic));
  fc.assert(
    fc.property(sessions, mutations, cuts, fc.boolean(), (session, changes, shares, isIn) => {
      let text = `${session}\r\n`;
      for (const { at, removed, inserted } of changes) {
        const place = Math.floor(at * text.length);
        text = text.slice(0, place) + inserted + text.slice(place + removed);
      }
      checkSplit(text, shares, isIn);
    }),
    { numRuns: 2000 },
  );
  t.end();
});

await t.test('after any refused line the next command is found', (t) => {
  const line = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((n) => String.fromCharCode(n)),
  });
  const noAnnouncement = line.filter(
    (text) => !text.includes('\n') && !/\{\d+\+?\}\r?$/.test(text),
  );
  fc.assert(
    fc.property(noAnnouncement, (text) => {
      const last = readEvents([`${text}\r\nzz NOOP\r\n`]).at(-1);
      deepEqual(last, { kind: 'command', tag: 'zz', command: { name: 'NOOP' } });
    }),
    { numRuns: 3000 },
  );
  t.end();
});

import t from 'tap';
import type { Capability } from '../../../protocol/capability.ts';
import { maxAppendSteps } from '../../../protocol/limits.ts';
import { decode, mergeData, readEvents } from '../../fixtures/read-events.ts';

const append = (text: string, off: readonly Capability[] = []) =>
  mergeData(readEvents([`t APPEND ${text}\r\n`], { off: new Set(off) }));
const refusal = (text: string) => [{ kind: 'bad', tag: 't', text }];

const message = (flags: readonly string[] = []) => ({ step: 'message', flags });
const catenated = (flags: readonly string[] = []) => ({ ...message(flags), isCatenated: true });
const url = (text: string) => ({ step: 'url', url: text });
const data = (text: string) => ({ kind: 'stream-data', data: text });
const end = { kind: 'stream-end' };
const first = (part: object) => ({
  kind: 'stream',
  tag: 't',
  command: { name: 'APPEND', mailboxName: 'a', ...part },
  isWaiting: false,
});
const next = (part: object) => ({ kind: 'stream-next', part, isWaiting: false });

await t.test('APPEND of one message', (t) => {
  t.same(append('a {3+}\r\nabc'), [first({ steps: [message()], sizeBytes: 3 }), data('abc'), end]);
  t.match(append('a (\\seen $x) {1+}\r\nx'), [
    { command: { steps: [message(['\\Seen', '$x'])], sizeBytes: 1 } },
  ]);
  const internalDate = { epochMs: Date.parse('2025-12-31T23:00Z'), zoneMinutes: 60 };
  t.match(append('a () " 1-Jan-2026 00:00:00 +0100" {1+}\r\nx'), [
    { command: { steps: [{ internalDate }] } },
  ]);
  t.match(append('{5+}\r\ninbox {1+}\r\nx'), [
    { command: { mailboxName: 'INBOX', sizeBytes: 1 } },
    {},
    { kind: 'stream-end' },
  ]);
  for (const [text, refused] of [
    ['a "text"', 'Expected date and time, got "\\"text\\""'],
    ['a', 'Expected space, got end of command'],
    ['a text', 'Expected literal, got "text"'],
    ['a (\\Seen){1}', 'Expected space, got "{1}"'],
    ['a (\\Foo) {1}', 'Unknown system flag "\\\\Foo"'],
  ] as const) {
    t.match(append(text), refusal(refused), text);
  }
  t.end();
});

await t.test('APPEND of several messages (RFC 3502)', (t) => {
  t.same(append('a {1+}\r\nx (\\Seen) {2+}\r\nyy " 1-Jan-2026 00:00:00 +0000" {3+}\r\nzzz'), [
    first({ steps: [message()], sizeBytes: 1 }),
    data('x'),
    next({ steps: [message(['\\Seen'])], sizeBytes: 2 }),
    data('yy'),
    next({
      steps: [
        { ...message(), internalDate: { epochMs: Date.parse('2026-01-01Z'), zoneMinutes: 0 } },
      ],
      sizeBytes: 3,
    }),
    data('zzz'),
    end,
  ]);
  t.same(append('a {1+}\r\nx {1+}\r\ny', ['MULTIAPPEND']).slice(2), [
    ...refusal('Expected end of command behind the literal, got " {1+}"'),
  ]);
  t.same(append('a {1+}\r\nx(\\Seen) {1+}\r\ny').slice(2), [
    ...refusal('Expected space, got "(\\\\Seen)"'),
  ]);
  t.same(append('a {1+}\r\nx (\\Seen)').slice(2), [
    ...refusal('Expected space, got end of command'),
  ]);
  t.end();
});

await t.test('APPEND of messages that are put together (RFC 4469)', (t) => {
  t.same(decode('APPEND a CATENATE (URL b)'), {
    name: 'APPEND',
    mailboxName: 'a',
    steps: [catenated(), url('b')],
  });
  t.same(append('a (\\Seen) CATENATE (URL b TEXT {1+}\r\nx URL "c" URL d TEXT {2+}\r\nyy URL e)'), [
    first({ steps: [catenated(['\\Seen']), url('b')], sizeBytes: 1, isInList: true }),
    data('x'),
    next({ steps: [url('c'), url('d')], sizeBytes: 2, isInList: true }),
    data('yy'),
    { ...end, part: { steps: [url('e')] } },
  ]);
  t.same(append('a catenate (text {1+}\r\nx)'), [
    first({ steps: [catenated()], sizeBytes: 1, isInList: true }),
    data('x'),
    { ...end, part: { steps: [] } },
  ]);
  t.same(append('a CATENATE (URL {1+}\r\nb TEXT {1+}\r\nx URL {1+}\r\nc)').at(-1), {
    ...end,
    part: { steps: [url('c')] },
  });
  t.end();
});

await t.test('several messages, of which some are put together', (t) => {
  t.same(
    append('a CATENATE (URL b) (\\Seen) CATENATE (TEXT {1+}\r\nx) {1+}\r\ny CATENATE (URL c)'),
    [
      first({
        steps: [catenated(), url('b'), catenated(['\\Seen'])],
        sizeBytes: 1,
        isInList: true,
      }),
      data('x'),
      next({ steps: [message()], sizeBytes: 1 }),
      data('y'),
      { ...end, part: { steps: [catenated(), url('c')] } },
    ],
  );
  t.same(
    decode('APPEND a CATENATE (URL b) CATENATE (URL c)', { off: new Set(['MULTIAPPEND']) }),
    'BAD Expected end of command, got " CATENATE"',
  );
  t.end();
});

await t.test('CATENATE has its grammar, and its bound', (t) => {
  for (const [text, refused] of [
    ['CATENATE ()', 'Expected TEXT or URL, got ")"'],
    ['CATENATE(URL b)', 'Expected space, got "(URL"'],
    ['CATENATE (URL b URL)', 'Expected space, got ")"'],
    ['CATENATE (URL b', 'Expected space, got end of command'],
    ['CATENATE (FOO b)', 'Expected TEXT or URL, got "FOO"'],
    ['CATENATE (URL b ) ', 'Expected TEXT or URL, got ")"'],
    ['CATENATE (URL b)x', 'Expected space, got "x"'],
  ] as const) {
    t.same(append(`a ${text}`), refusal(refused), text);
  }
  t.same(append('a CATENATE (TEXT {1+}\r\nx').slice(2), [
    ...refusal('Expected space, got end of command'),
  ]);
  t.equal(
    decode('APPEND a CATENATE (URL b)', { off: new Set(['CATENATE']) }),
    'BAD Expected literal, got "CATENATE"',
  );
  const urls = (count: number) => Array.from({ length: count }, () => 'URL b').join(' ');
  t.match(decode(`APPEND a CATENATE (${urls(maxAppendSteps - 1)})`), { name: 'APPEND' });
  t.equal(
    decode(`APPEND a CATENATE (${urls(maxAppendSteps)})`),
    'BAD More than 256 messages and URLs without a literal',
  );
  t.end();
});

await t.test('REPLACE (RFC 8508)', (t) => {
  const replace = (text: string) => mergeData(readEvents([`t ${text}\r\n`]));
  const set = [{ first: 4, last: 4 }];
  t.same(replace('REPLACE 4 a (\\Seen) {3+}\r\nabc'), [
    {
      kind: 'stream',
      tag: 't',
      command: {
        name: 'REPLACE',
        isUid: false,
        set,
        mailboxName: 'a',
        steps: [message(['\\Seen'])],
        sizeBytes: 3,
      },
      isWaiting: false,
    },
    data('abc'),
    end,
  ]);
  t.match(decode('UID REPLACE 4 inbox CATENATE (URL b)'), {
    name: 'REPLACE',
    isUid: true,
    set,
    mailboxName: 'INBOX',
    steps: [catenated(), url('b')],
  });
  t.match(decode('REPLACE * a CATENATE (URL b)'), { set: [{ first: Infinity, last: Infinity }] });
  t.same(replace('REPLACE 4 a {1+}\r\nx {1+}\r\ny').slice(2), [
    ...refusal('Expected end of command behind the literal, got " {1+}"'),
  ]);
  t.same(replace('REPLACE 4 a CATENATE (TEXT {1+}\r\nx) {1+}\r\ny').slice(2), [
    ...refusal('Expected end of command behind the literal, got " {1+}"'),
  ]);
  for (const text of ['1:2', '1,2', '1:*', 'x']) {
    t.match(decode(`REPLACE ${text} a CATENATE (URL b)`), /^BAD Expected (number|sequence)/, text);
  }
  t.end();
});

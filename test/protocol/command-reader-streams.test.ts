import * as fc from 'fast-check';
import { deepEqual } from 'node:assert/strict';
import t from 'tap';
import { limitsAfterLogin } from '../../protocol/limits.ts';
import { drainEvents, makeReader, mergeData, readEvents } from '../fixtures/read-events.ts';
import { commandsWithPour } from '../fixtures/streaming-command.ts';

const options = { commands: commandsWithPour, maxAppendBytes: 60 };
const events = (...chunks: string[]) => mergeData(readEvents(chunks, options));

const noop = { kind: 'command', tag: 'n', command: { name: 'NOOP' } };
const first = (to: string, sizeBytes: number, isWaiting: boolean, isBinary = false) => ({
  kind: 'stream',
  tag: 'n',
  command: { name: 'POUR', to, sizeBytes, isBinary },
  isWaiting,
});
const next = (to: string, sizeBytes: number, isWaiting: boolean, isBinary = false) => ({
  kind: 'stream-next',
  part: { to, sizeBytes, isBinary },
  isWaiting,
});
const data = (text: string) => ({ kind: 'stream-data', data: text });
const end = { kind: 'stream-end' };
const refused = (text: string) => ({ kind: 'bad', tag: 'n', text });

await t.test('literals stream one behind another', (t) => {
  t.same(events('n POUR a {2+}\r\nab ADD b ~{3+}\r\n\0cd ADD c {0+}\r\n END\r\nn NOOP\r\n'), [
    first('a', 2, false),
    data('ab'),
    next('b', 3, false, true),
    data('\0cd'),
    next('c', 0, false),
    end,
    noop,
  ]);
  t.same(events('n POUR a {2}\r\n', 'ab ADD b {1}\n', 'c\n', 'n NOOP\r\n'), [
    first('a', 2, true),
    data('ab'),
    next('b', 1, true),
    data('c'),
    end,
    noop,
  ]);
  t.end();
});

await t.test('literals that do not stream are gathered before and between them', (t) => {
  t.same(events('n POUR {3+}\r\na b {1+}\r\nx ADD {3}\r\nc d {1}\r\ny\r\nn NOOP\r\n'), [
    first('a b', 1, false),
    data('x'),
    { kind: 'continue', tag: 'n' },
    next('c d', 1, true),
    data('y'),
    end,
    noop,
  ]);
  t.end();
});

await t.test('what the grammar does not have ends the command, its literals included', (t) => {
  const pour = 'n POUR a {2+}\r\nab';
  t.same(events(`${pour} FOO {9+}\r\nn NOOP\r\n\r\nn NOOP\r\n`).slice(2), [
    refused('Expected ADD or END, got "FOO"'),
    noop,
  ]);
  t.same(events(`${pour} FOO {9}\r\nn NOOP\r\n`).slice(2), [
    refused('Expected ADD or END, got "FOO"'),
    noop,
  ]);
  t.same(events(`${pour} ADD b\r\nn NOOP\r\n`).slice(2), [
    refused('Expected space, got end of command'),
    noop,
  ]);
  t.same(events(`${pour} END {3+}\r\nabc\r\nn NOOP\r\n`).slice(2), [
    refused('Expected end of command behind the literal, got " {3+}"'),
    noop,
  ]);
  t.same(events(`${pour} ADD "b {3}\r\nn NOOP\r\n`).slice(2), [
    refused(String.raw`Expected quoted string, got "\"b"`),
    noop,
  ]);
  t.end();
});

await t.test('every literal that streams has its bound', (t) => {
  const tooBig = {
    kind: 'bad',
    tag: 'n',
    text: 'Message is larger than 60 bytes',
    code: 'TOOBIG',
    isNo: true,
  };
  const x = 'x'.repeat(61);
  t.same(events(`n POUR a {2+}\r\nab ADD b {61+}\r\n${x}\r\nn NOOP\r\n`).slice(2), [tooBig, noop]);
  t.same(events('n POUR a {2+}\r\nab ADD b {61}\r\nn NOOP\r\n').slice(2), [tooBig, noop]);
  t.end();
});

await t.test('what is gathered between them has its bounds, anew behind each', (t) => {
  const name = 'x'.repeat(limitsAfterLogin.lineBytes - 100);
  const part = ` ADD ${name} {1+}\r\ny`;
  const kinds = events(`n POUR a {1+}\r\ny${part}${part}${part}\r\nn NOOP\r\n`).map(
    (event) => (event as { kind: string }).kind,
  );
  t.same(kinds.at(-1), 'command');
  t.equal(kinds.filter((kind) => kind === 'stream-next').length, 3);
  t.same(events(`n POUR a {1+}\r\ny ADD ${name}${name} {1+}\r\nz\r\nn NOOP\r\n`).slice(2), [
    refused('Line is longer than 65536 bytes'),
    noop,
  ]);
  const literal = ` ADD {65537+}\r\n`;
  t.same(
    events(`n POUR a {1+}\r\ny${literal}${'x'.repeat(65_537)} {1+}\r\nz\r\nn NOOP\r\n`).slice(2),
    [{ ...refused('Literal is too large'), code: 'TOOBIG' }, noop],
  );
  t.end();
});

await t.test('a literal that is given up, whichever it is', (t) => {
  const after = (text: string, eventCount: number, rest: string) => {
    const reader = makeReader(options);
    reader.push(Buffer.from(text));
    for (let count = 0; count < eventCount; count++) reader.next();
    reader.rejectLiteral();
    reader.push(Buffer.from(rest));
    return drainEvents(reader);
  };
  const pour = 'n POUR a {1+}\r\ny';
  t.same(after(`${pour} ADD b {3}\r\n`, 3, 'n NOOP\r\n'), [noop], 'never sent');
  t.same(after(`${pour} ADD b {3+}\r\nabc`, 3, ' ADD c {2+}\r\n\r\n\r\nn NOOP\r\n'), [noop]);
  t.same(after(`${pour} ADD b {3+}\r\nabc`, 4, ' ADD c {2+}\r\n\r\n\r\nn NOOP\r\n'), [noop]);
  t.same(after(`${pour} ADD {3}\r\n`, 3, 'n NOOP\r\n'), [noop], 'one that would be gathered');
  t.same(after(`${pour} AD`, 2, 'D b {2+}\r\n\r\n\r\nn NOOP\r\n'), [noop], 'between two');
  t.end();
});

const pieces = fc.constantFrom(
  'n POUR a {2+}\r\nab',
  'n POUR {1+}\r\na {2}\r\nab',
  ' ADD b {3+}\r\nabc',
  ' ADD b ~{3}\r\nabc',
  ' ADD {2+}\r\na\n {1+}\r\nz',
  ' ADD "b {3}',
  ' ADD b {61+}\r\n',
  ' END',
  ' END {3+}\r\nabc',
  '\r\n',
  '\n',
  ' ',
  'x',
  '{3+}\r\n',
  'n NOOP\r\n',
);
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 });

await t.test('the events depend on the bytes alone', (t) => {
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), cuts, fc.boolean(), (parts, shares, isIn) => {
      const text = parts.join('');
      const places = shares
        .map((share) => Math.round(share * text.length))
        .toSorted((a, b) => a - b);
      const chunks = [0, ...places].map((at, index) =>
        text.slice(at, places[index] ?? text.length),
      );
      const read = (input: Iterable<string>) =>
        mergeData(readEvents(input, { ...options, isAuthenticated: isIn }));
      const whole = read([text]);
      deepEqual(read(chunks), whole);
      deepEqual(read(text), whole, 'one byte at a time');
    }),
    { numRuns: 5000 },
  );
  t.end();
});

import t from 'tap';
import type { Capability } from '../../protocol/capability.ts';
import { chunkOverheadBytes } from '../../protocol/limits.ts';
import { drainEvents, makeReader, mergeData, readEvents } from '../fixtures/read-events.ts';

const noop = { kind: 'command', tag: 'n', command: { name: 'NOOP' } };
const append = (tag: string, sizeBytes: number, isWaiting: boolean) => ({
  kind: 'stream',
  tag,
  command: {
    name: 'APPEND',
    mailboxName: 'a',
    steps: [{ step: 'message', flags: [] }],
    sizeBytes,
  },
  isWaiting,
});
const data = (text: string) => ({ kind: 'stream-data', data: text });
const events = (...chunks: string[]) => mergeData(readEvents(chunks));
const eventsBeforeLogin = (...chunks: string[]) =>
  mergeData(readEvents(chunks, { isAuthenticated: false }));

await t.test('lines end with CRLF or LF, in whatever chunks', (t) => {
  t.same(events('n NOOP\r\nn NOOP\nn NO', 'OP\r', '\n', 'n NOOP'), [noop, noop, noop]);
  t.same(events('n NOOP\r\r\n'), [
    { kind: 'bad', tag: 'n', text: String.raw`Expected end of command, got "\x0d"` },
  ]);
  t.same(events('n NO\rOP\r\nn NOOP\r\n'), [
    { kind: 'bad', tag: 'n', text: 'Unknown command "NO"', isUnknown: true },
    noop,
  ]);
  t.same(events('n NOOP\0\r\nn NOOP\r\n'), [
    { kind: 'bad', tag: 'n', text: String.raw`Expected end of command, got "\x00"` },
    noop,
  ]);
  t.end();
});

await t.test('a synchronizing literal waits for the connection', (t) => {
  const reader = makeReader();
  reader.push(Buffer.from('n SELECT {3}\r\n'));
  t.same(reader.next(), { kind: 'continue', tag: 'n' });
  t.equal(reader.next(), undefined);
  reader.push(Buffer.from('a b (CONDSTORE)\r\n'));
  t.match(reader.next(), { kind: 'command', tag: 'n', command: { mailboxName: 'a b' } });
  t.end();
});

await t.test('several literals, of both kinds, and the line goes on behind them', (t) => {
  t.match(
    events('n SEARCH OR SUBJECT {2+}\r\na', 'b', ' (FROM {0}\r', '\n TO {3+}\n{1}', ') 7\r\n'),
    [
      { kind: 'continue' },
      {
        kind: 'command',
        command: {
          criteria: {
            keys: [
              {
                key: 'or',
                left: { text: 'ab' },
                right: { keys: [{ text: '' }, { fieldName: 'To', text: '{1}' }] },
              },
              { key: 'sequence' },
            ],
          },
        },
      },
    ],
  );
  t.end();
});

await t.test('a literal keeps its CR and its spaces at the end of the command', (t) => {
  t.match(events('n LOGIN a {4+}\r\nb  \r\n'), [{ command: { password: 'b  \r' } }]);
  t.end();
});

await t.test('what looks like a literal within quotes is none', (t) => {
  t.same(events('n LOGIN "a {3}\r\nn NOOP\r\n'), [
    { kind: 'bad', tag: 'n', text: 'Expected quoted string' },
    noop,
  ]);
  t.match(events('n LOGIN "a {3}" b\r\n'), [{ command: { userName: 'a {3}' } }]);
  t.end();
});

await t.test('APPEND streams its message', (t) => {
  t.same(events('n APPEND a {5}\r\n', 'ab', '\r\n', 'c', '\r\nn NOOP\r\n'), [
    append('n', 5, true),
    data('ab\r\nc'),
    { kind: 'stream-end' },
    noop,
  ]);
  t.same(events('n APPEND a {0+}\r\n\r\nn NOOP\r\n'), [
    append('n', 0, false),
    { kind: 'stream-end' },
    noop,
  ]);
  t.same(events('n APPEND a {2+}\r\n\0\xff \nn NOOP\r\n'), [
    append('n', 2, false),
    data('\0\xff'),
    { kind: 'stream-end' },
    noop,
  ]);
  t.end();
});

await t.test('the data is a view on the chunk', (t) => {
  const reader = makeReader();
  const chunk = Buffer.from('n APPEND a {5+}\r\nhello\r\n');
  reader.push(chunk);
  reader.next();
  const event = reader.next();
  t.equal(event?.kind === 'stream-data' && event.data.buffer, chunk.buffer);
  t.end();
});

await t.test(
  'the CRLF behind a message comes with it, after it, or in two pieces (Q239082)',
  (t) => {
    for (const tail of [
      ['c\r\n'],
      ['c', '\r\n'],
      ['c\r', '\n'],
      ['c', '\r', '\n'],
      ['c\r\nn NOOP\r\n'],
    ]) {
      const seen = events('n APPEND a {3+}\r\nab', ...tail);
      t.same(seen.slice(0, 3), [append('n', 3, false), data('abc'), { kind: 'stream-end' }]);
    }
    t.same(events('n APPEND a {3+}\r\nabc').at(-1), data('abc'), 'it does not end without');
    t.end();
  },
);

await t.test('without MULTIAPPEND only the end of the line may come behind a message', (t) => {
  const refusal = (got: string) => ({
    kind: 'bad',
    tag: 'n',
    text: `Expected end of command behind the literal, got ${got}`,
  });
  const options = { off: new Set<Capability>(['MULTIAPPEND']) };
  const behind = (tail: string) =>
    mergeData(readEvents([`n APPEND a {2+}\r\nab${tail}`], options)).slice(2);
  t.same(behind('c\r\nn NOOP\r\n'), [refusal('"c"'), noop]);
  t.same(behind(' (\\Seen) {5}\r\nn NOOP\r\n'), [refusal('" (\\\\Seen)"'), noop], 'one more');
  t.same(behind(' {5+}\r\nn FOOx\r\nn NOOP\r\n'), [refusal('" {5+}"'), noop]);
  t.same(behind('x'.repeat(70_000)), [
    { kind: 'bad', tag: 'n', text: 'Line is longer than 65536 bytes' },
  ]);
  t.end();
});

await t.test(
  'APPEND is refused before login and over its bound, without a word to a client that waits',
  (t) => {
    t.same(eventsBeforeLogin('n APPEND a {5}\r\nn NOOP\r\n'), [
      { kind: 'bad', tag: 'n', text: 'Log in before APPEND' },
      noop,
    ]);
    t.same(eventsBeforeLogin('n APPEND a {5+}\r\nhello\r\nn NOOP\r\n'), [
      { kind: 'bad', tag: 'n', text: 'Log in before APPEND' },
      noop,
    ]);
    const tooBig = {
      kind: 'bad',
      tag: 'n',
      text: 'Message is larger than 4 bytes',
      code: 'TOOBIG',
      isNo: true,
    };
    const small = (text: string) => mergeData(readEvents([text], { maxAppendBytes: 4 }));
    t.same(small('n APPEND a {5}\r\nn NOOP\r\n'), [tooBig, noop]);
    t.same(small('n APPEND a {5+}\r\nhello\r\nn NOOP\r\n'), [tooBig, noop]);
    t.same(small('n APPEND a {4+}\r\nhell\r\n')[0], append('n', 4, false));
    t.end();
  },
);

await t.test('a refused command is over at the end of its line, its literals included', (t) => {
  const refusal = { kind: 'bad', tag: 'n', text: 'Unknown command "FOO"', isUnknown: true };
  t.same(events('n FOO {5}\r\nn NOOP\r\n'), [refusal, noop]);
  t.same(events('n FOO {8+}\r\nn NOOP\r\n{3+}\r\nabc\r\nn NOOP\r\n'), [refusal, noop]);
  t.same(events('n FOO {2+}\r\nab{5}\r\nn NOOP\r\n'), [refusal, noop]);
  t.same(events('+ {2+}\r\nab\r\nn NOOP\r\n'), [
    { kind: 'bad', tag: undefined, text: 'Expected tag, got "+"' },
    noop,
  ]);
  t.end();
});

await t.test('expectLine', (t) => {
  const reader = makeReader({ isAuthenticated: false });
  const read = (text: string) => {
    reader.push(Buffer.from(text));
    return mergeData(drainEvents(reader));
  };
  t.match(read('n IDLE\r\nDO'), [{ command: { name: 'IDLE' } }]);
  reader.expectLine();
  t.same(read('NE\r'), []);
  t.same(read('\nn NOOP\r\n'), [{ kind: 'line', line: 'DONE' }, noop]);
  reader.expectLine();
  t.same(read('{5}\n'), [{ kind: 'line', line: '{5}' }], 'it announces nothing');
  reader.expectLine();
  t.same(read(' x \r\n'), [{ kind: 'line', line: ' x ' }], 'and is not trimmed');
  reader.expectLine();
  t.same(read('\r\n'), [{ kind: 'line', line: '' }]);
  reader.expectLine();
  t.same(read('x'.repeat(16_384)), [], 'its bound is its own');
  t.same(read('x\r\n'), [{ kind: 'bye', text: 'Line is too long' }]);
  t.same(read('n NOOP\r\n'), [], 'nothing comes after bye');
  t.equal(reader.pendingBytes, 0);
  t.end();
});

await t.test('rejectLiteral', (t) => {
  const after = (announcement: string, { isLate = false, rest = '' } = {}) => {
    const reader = makeReader();
    reader.push(Buffer.from(announcement));
    let event = reader.next();
    if (isLate) event = reader.next();
    reader.rejectLiteral();
    reader.push(Buffer.from(rest));
    return [event?.kind, ...drainEvents(reader)];
  };
  const rest = 'n NOOP\r\n';
  t.same(after('n SELECT {5}\r\n', { rest }), ['continue', noop], 'never sent');
  t.same(after('n APPEND a {5}\r\n', { rest }), ['stream', noop], 'never sent');
  t.same(
    after('n APPEND a {5+}\r\nhel', { rest: `lo\r\n${rest}` }),
    ['stream', noop],
    'read and dropped',
  );
  t.same(
    after('n APPEND a {5}\r\nhel', { isLate: true, rest: `lo {3+}\r\nabc\r\n${rest}` }),
    ['stream-data', noop],
    'given up halfway',
  );
  t.same(
    after('n APPEND a {3+}\r\nhel', { isLate: true, rest: `\r\n${rest}` }),
    ['stream-data', noop],
    'given up at its end',
  );
  t.same(after('n NOOP\r\n', { rest }), ['command', noop], 'does nothing without a literal');
  t.end();
});

await t.test('rejectLiteral while the line behind the message is incomplete', (t) => {
  const reader = makeReader();
  reader.push(Buffer.from('n APPEND a {1+}\r\nx {3'));
  t.equal(drainEvents(reader).length, 2);
  reader.rejectLiteral();
  reader.push(Buffer.from('+}\r\nabc\r\nn NOOP\r\n'));
  t.same(drainEvents(reader), [noop]);
  t.end();
});

await t.test('clear drops pipelined plaintext', (t) => {
  const reader = makeReader({ isAuthenticated: false });
  reader.push(Buffer.from('n STARTTLS\r\nm LOGIN a b\r\n'));
  t.match(reader.next(), { command: { name: 'STARTTLS' } });
  t.equal(reader.pendingBytes, 25 + chunkOverheadBytes, 'the chunk is kept');
  t.equal(reader.clear(), 13);
  t.equal(reader.next(), undefined);
  reader.push(Buffer.from('m LOG'));
  t.equal(reader.next(), undefined);
  t.equal(reader.pendingBytes, 0, 'what has been taken in does not wait');
  reader.push(Buffer.from('IN'));
  t.equal(reader.clear(), 7, 'the beginning of a command is dropped, too');
  reader.push(Buffer.from('n NOOP\r\n'));
  t.same(reader.next(), noop);
  t.end();
});

await t.test('an APPEND that is aborted leaves nothing (Q195741)', (t) => {
  const reader = makeReader();
  reader.push(Buffer.from('n APPEND a {1000000}\r\nhello'));
  t.equal(drainEvents(reader).length, 2);
  t.equal(reader.pendingBytes, 0);
  t.equal(reader.clear(), 0, 'nothing of the message was kept');
  t.end();
});

await t.test('tells what it holds of a command that is not whole', (t) => {
  const reader = makeReader({ isAuthenticated: false });
  const hold = (text: string) => {
    reader.push(Buffer.from(text));
    t.same(drainEvents(reader), []);
    return reader.heldBytes;
  };
  t.equal(reader.heldBytes, 0);
  t.equal(hold('n LOGIN "'), 256, 'a short one takes the least room');
  t.ok(hold('x'.repeat(3000)) >= 3009);
  t.ok(hold(`" {2000+}\r\n${'y'.repeat(1999)}`) >= 5019, 'its literals count');
  reader.push(Buffer.from('y\r\nn NOOP\r\n'));
  t.match(reader.next(), { command: { name: 'LOGIN' } });
  t.equal(
    reader.heldBytes,
    11 + chunkOverheadBytes,
    'it is whole, and what stands behind it waits',
  );
  t.equal(drainEvents(reader).length, 1);
  t.equal(reader.heldBytes, 0);
  t.end();
});

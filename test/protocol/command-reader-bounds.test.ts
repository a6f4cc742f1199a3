import t from 'tap';
import { idLimitsBeforeLogin, limitsBeforeLogin, maxTagBytes } from '../../protocol/limits.ts';
import { makeReader, mergeData, readEvents } from '../fixtures/read-events.ts';

const noop = { kind: 'command', tag: 'n', command: { name: 'NOOP' } };
const events = (...chunks: string[]) => mergeData(readEvents(chunks));
const eventsBeforeLogin = (...chunks: string[]) =>
  mergeData(readEvents(chunks, { isAuthenticated: false }));

await t.test('other literals have bounds', (t) => {
  const tooLarge = { kind: 'bad', tag: 'n', text: 'Literal is too large', code: 'TOOBIG' };
  t.same(eventsBeforeLogin('n LOGIN {4097}\r\nn NOOP\r\n'), [tooLarge, noop]);
  t.same(events('n LOGIN {4097}\r\n'), [{ kind: 'continue', tag: 'n' }], 'larger after login');
  t.same(eventsBeforeLogin(`n LOGIN {4097+}\r\n${'x'.repeat(4097)} {3+}\r\nabc\r\nn NOOP\r\n`), [
    tooLarge,
    noop,
  ]);
  const literal = `{4096+}\r\n${'x'.repeat(4096)} `;
  t.same(eventsBeforeLogin(`n LOGIN ${literal}${literal}${literal}\r\nn NOOP\r\n`), [
    tooLarge,
    noop,
  ]);
  t.same(events(`n SEARCH ${'TO {0+}\r\n '.repeat(129)}ALL\r\nn NOOP\r\n`), [
    { kind: 'bad', tag: 'n', text: 'More than 128 literals' },
    noop,
  ]);
  t.end();
});

await t.test('every command has bounds of its own', (t) => {
  const login = `n LOGIN {4096+}\r\n${'x'.repeat(4096)} {4000+}\r\n${'x'.repeat(4000)}\r\n`;
  const all = eventsBeforeLogin(
    login,
    login,
    'n APPEND {4096+}\r\n',
    `${'x'.repeat(4096)} x\r\n`,
    login,
  );
  t.match(all, [
    { kind: 'command' },
    { kind: 'command' },
    { kind: 'bad', text: 'Expected literal, got "x"' },
    { kind: 'command' },
  ]);
  t.end();
});

await t.test('a literal that nobody would read to its end is BYE', (t) => {
  const bye = { kind: 'bye', text: 'Literal is too large', code: 'TOOBIG' };
  t.same(eventsBeforeLogin('n LOGIN {65537+}\r\nn NOOP\r\n', 'n NOOP\r\n'), [bye]);
  t.same(events('n LOGIN {99999999999999999999+}\r\n'), [bye]);
  t.same(events('n APPEND a {268435457+}\r\n'), [bye]);
  t.same(
    eventsBeforeLogin(`n FOO {40000+}\r\n${'x'.repeat(40_000)}{40000+}\r\n`),
    [{ kind: 'bad', tag: 'n', text: 'Unknown command "FOO"', isUnknown: true }, bye],
    'several together count',
  );
  t.same(
    events('n LOGIN {99999999999999999999}\r\nn NOOP\r\n'),
    [{ kind: 'bad', tag: 'n', text: 'Literal is too large', code: 'TOOBIG' }, noop],
    'a client that waits is told and goes on',
  );
  t.end();
});

await t.test('a line that is too long', (t) => {
  const long = (tag: string | undefined, bound: number) => ({
    kind: 'bad',
    tag,
    text: `Line is longer than ${bound} bytes`,
  });
  const x = (count: number) => 'x'.repeat(count);
  t.same(eventsBeforeLogin(`n LOGIN a ${x(9000)}\r\nn NOOP\r\n`), [long('n', 8192), noop]);
  t.match(events(`n LOGIN a ${x(9000)}\r\n`), [{ kind: 'command' }]);
  t.same(events(`n LOGIN a ${x(70_000)}`, '\r\nn NOOP\r\n'), [long('n', 65_536), noop]);
  t.same(
    events(`n LOGIN a ${x(70_000)}{9+}\r\nn FOO\r\nab\r\nn NOOP\r\n`),
    [long('n', 65_536), noop],
    'the literal that it announces is dropped too',
  );
  t.same(
    events(`n SEARCH ${`TO {1+}\r\na ${x(30_000)} `.repeat(3)}\r\nn NOOP\r\n`),
    [long('n', 65_536), noop],
    'all lines of a command count',
  );
  t.end();
});

await t.test('the bound of a line is exact, its CR included', (t) => {
  const password = 'x'.repeat(limitsBeforeLogin.lineBytes - 'n LOGIN a \r'.length);
  t.match(eventsBeforeLogin(`n LOGIN a ${password}\r\n`), [{ kind: 'command' }]);
  t.match(eventsBeforeLogin(`n LOGIN a ${password}x\r\n`), [{ kind: 'bad' }]);
  t.match(eventsBeforeLogin(`n LOGIN a ${password}x\n`), [{ kind: 'command' }]);
  t.match(eventsBeforeLogin(`n LOGIN a ${password}`, '\r\n'), [{ kind: 'command' }]);
  t.match(eventsBeforeLogin(`n LOGIN a ${password}x`, '\r\n'), [{ kind: 'bad' }]);
  t.end();
});

await t.test('a megabyte of tag, with an end and without', (t) => {
  const tag = 'x'.repeat(1_000_000);
  t.same(events(`${tag} NOOP\r\nn NOOP\r\n`), [
    { kind: 'bad', tag: undefined, text: 'Line is longer than 65536 bytes' },
    noop,
  ]);
  t.same(eventsBeforeLogin(tag, '\r\nn NOOP\r\n'), [
    { kind: 'bad', tag: undefined, text: 'Line is longer than 8192 bytes' },
    { kind: 'bye', text: 'Line is too long' },
  ]);
  t.same(events(`${'x'.repeat(maxTagBytes + 1)} NOOP\r\n`), [
    { kind: 'bad', tag: undefined, text: 'Tag is longer than 128 bytes' },
  ]);
  t.same(events(tag, tag).at(-1), { kind: 'bye', text: 'Line is too long' });
  t.end();
});

await t.test('the bounds of login apply from setAuthenticated on', (t) => {
  const reader = makeReader({ isAuthenticated: false });
  const line = `n LOGIN a ${'x'.repeat(limitsBeforeLogin.lineBytes)}\r\n`;
  reader.push(Buffer.from(`n NOOP\r\n${line}${line}`));
  t.same(reader.next(), noop);
  t.match(reader.next(), { kind: 'bad' });
  reader.setAuthenticated();
  t.match(reader.next(), { kind: 'command' });
  t.end();
});

await t.test('ID may be as large as it can be, before login too (RFC 2971, section 3.3)', (t) => {
  const fields = Array.from(
    { length: 30 },
    (_, index) => `field${String(index).padStart(25, '0')}`,
  );
  const value = 'x'.repeat(1024);
  const quoted = `n ID (${fields.map((field) => `"${field}" "${value}"`).join(' ')})\r\n`;
  const literals = `n ID (${fields
    .map((field) => `{30+}\r\n${field} {1024+}\r\n${value}`)
    .join(' ')})\r\n`;
  const parameters = new Map(fields.map((field) => [field, value]));
  for (const text of [quoted, literals]) {
    const id = { kind: 'command', tag: 'n', command: { name: 'ID', parameters } };
    t.same(eventsBeforeLogin(text, 'n NOOP\r\n'), [id, noop]);
    t.same(eventsBeforeLogin(...text.split(''), 'n NOOP\r\n'), [id, noop], 'one byte at a time');
  }
  t.end();
});

await t.test('ID has bounds, and no other command has its bounds', (t) => {
  const x = (count: number) => 'x'.repeat(count);
  const { lineBytes, commandLiteralBytes } = idLimitsBeforeLogin;
  const long = (bound: number) => ({
    kind: 'bad',
    tag: 'n',
    text: `Line is longer than ${bound} bytes`,
  });
  t.same(eventsBeforeLogin(`n ID ("${x(lineBytes)}\r\nn NOOP\r\n`), [long(lineBytes), noop]);
  t.same(eventsBeforeLogin(`n NOOP ("${x(9000)}\r\nn NOOP\r\n`), [long(8192), noop]);
  t.same(
    eventsBeforeLogin(`n ID NIL\r\nn LOGIN "${x(9000)}\r\nn NOOP\r\n`).slice(1),
    [long(8192), noop],
    'nor has the next one',
  );
  const literal = `{4000+}\r\n${x(4000)} `;
  const count = Math.ceil(commandLiteralBytes / 4000) + 1;
  t.same(eventsBeforeLogin(`n ID (${literal.repeat(count)})\r\nn NOOP\r\n`), [
    { kind: 'bad', tag: 'n', text: 'Literal is too large', code: 'TOOBIG' },
    noop,
  ]);
  t.end();
});

import t from 'tap';
import { decode, readEvents } from '../../fixtures/read-events.ts';

await t.test('commands without arguments', (t) => {
  for (const name of [
    'CAPABILITY',
    'NOOP',
    'LOGOUT',
    'STARTTLS',
    'CHECK',
    'CLOSE',
    'UNSELECT',
    'UNAUTHENTICATE',
    'IDLE',
    'NAMESPACE',
  ]) {
    t.same(decode(name), { name });
    t.same(decode(name.toLowerCase()), { name });
    t.same(decode(`${name}  `), { name }, 'spaces at the end of the line');
    t.equal(decode(`${name} x`), 'BAD Expected end of command, got " x"');
  }
  t.end();
});

await t.test('the UID forms', (t) => {
  t.same(decode('uid expunge 1:2'), {
    name: 'EXPUNGE',
    isUid: true,
    uids: [{ first: 1, last: 2 }],
  });
  t.same(decode('expunge'), { name: 'EXPUNGE', isUid: false });
  t.equal(decode('UID EXPUNGE'), 'BAD Expected space, got end of command');
  t.equal(decode('UID'), 'BAD Expected space, got end of command');
  t.equal(decode('UID NOOP'), 'BAD Unknown command "UID NOOP"');
  t.end();
});

await t.test('what is no command', (t) => {
  const bad = (line: string) => readEvents([`${line}\r\n`]);
  t.same(bad('t FOO bar'), [
    { kind: 'bad', tag: 't', text: 'Unknown command "FOO"', isUnknown: true },
  ]);
  for (const line of ['t ', 't']) {
    t.same(bad(line), [
      { kind: 'bad', tag: 't', text: 'Expected space, got end of command', isUnknown: true },
    ]);
  }
  t.same(bad(''), [{ kind: 'bad', tag: undefined, text: 'Expected tag, got end of command' }]);
  t.same(bad('+ NOOP'), [{ kind: 'bad', tag: undefined, text: 'Expected tag, got "+"' }]);
  t.same(bad('* NOOP'), [{ kind: 'bad', tag: undefined, text: 'Expected tag, got "*"' }]);
  t.same(bad('t\tNOOP'), [
    {
      kind: 'bad',
      tag: 't',
      text: String.raw`Expected space, got "\x09NOOP"`,
      isUnknown: true,
    },
  ]);
  t.same(bad('GET / HTTP/1.1'), [
    { kind: 'bad', tag: 'GET', text: 'Unknown command "/"', isUnknown: true },
  ]);
  t.same(bad('t  NOOP'), [
    { kind: 'bad', tag: 't', text: 'Expected command, got " NOOP"', isUnknown: true },
  ]);
  t.same(bad('t __proto__'), [
    { kind: 'bad', tag: 't', text: 'Unknown command "__PROTO__"', isUnknown: true },
  ]);
  t.end();
});

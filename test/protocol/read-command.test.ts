import t from 'tap';
import type { Capability } from '../../protocol/capability.ts';
import { CommandError } from '../../protocol/decoder.ts';
import {
  badEvent,
  knownCommands,
  readBeginning,
  readCommand,
  readNext,
  readStart,
  type CommandSyntax,
} from '../../protocol/read-command.ts';

const syntax: CommandSyntax = { commands: knownCommands, off: new Set(), enabled: new Set() };
const append = knownCommands.get('APPEND')!;
const beginning = (text: string) => readBeginning(Buffer.from(text), syntax);

await t.test('readCommand', (t) => {
  t.same(readCommand(Buffer.from('a NOOP'), syntax), {
    kind: 'command',
    tag: 'a',
    command: { name: 'NOOP' },
  });
  t.match(readCommand(Buffer.from('a'), syntax), { kind: 'bad', tag: 'a' });
  t.match(readCommand(Buffer.from(''), syntax), { kind: 'bad', tag: undefined });
  t.end();
});

await t.test('readBeginning tells a literal that streams from others', (t) => {
  t.same(beginning('a LOGIN {5}\r\n'), { tag: 'a', grammar: knownCommands.get('LOGIN') });
  t.same(beginning('a APPEND {5}\r\n'), { tag: 'a', grammar: append }, 'its mailbox name');
  t.match(beginning('a APPEND {5}\r\ninbox (\\Seen) {9}\r\n'), {
    tag: 'a',
    grammar: append,
    command: { name: 'APPEND', mailboxName: 'INBOX', steps: [{ flags: ['\\Seen'] }], sizeBytes: 9 },
  });
  t.match(beginning('a FOO {5}\r\n'), { tag: 'a', error: { message: 'Unknown command "FOO"' } });
  t.match(beginning('a APPEND x y {5}\r\n').error, CommandError);
  t.match(beginning('{5}\r\n'), { tag: undefined, error: CommandError });
  t.end();
});

await t.test('readNext', (t) => {
  const next = (text: string, off: Capability[] = [], isInList = false) => {
    const before = { steps: [], sizeBytes: 1, ...(isInList && { isInList }) };
    const streaming = { grammar: append, before };
    return readNext(Buffer.from(text), streaming, { ...syntax, off: new Set(off) });
  };
  t.same(next(''), {});
  t.same(next(' {5}\r\n'), { part: { steps: [{ step: 'message', flags: [] }], sizeBytes: 5 } });
  t.match(next(' {5}\r\n', ['MULTIAPPEND']).error, {
    message: 'Expected end of command behind the literal, got " {5}"',
  });
  t.same(next(' URL {5}\r\n', [], true), {}, 'a literal to gather');
  t.same(next(' URL /a/;UID=1)', [], true), {
    part: { steps: [{ step: 'url', url: '/a/;UID=1' }] },
  });
  t.end();
});

await t.test('readStart', (t) => {
  const start = (text: string) => readStart(Buffer.from(text), syntax);
  t.same(start('a1 NOOP'), { tag: 'a1', grammar: knownCommands.get('NOOP') });
  t.same(start('a1 uid fetch 1'), { tag: 'a1', grammar: knownCommands.get('FETCH') });
  t.same(start('a1 FOO'), { tag: 'a1' });
  t.same(start('x'.repeat(129)), {});
  t.same(start(''), {});
  t.end();
});

await t.test('badEvent', (t) => {
  t.same(badEvent('a', new CommandError('No')), { kind: 'bad', tag: 'a', text: 'No' });
  t.same(badEvent('a', new CommandError('No', { code: 'TOOBIG', isNo: true })), {
    kind: 'bad',
    tag: 'a',
    text: 'No',
    code: 'TOOBIG',
    isNo: true,
  });
  t.end();
});

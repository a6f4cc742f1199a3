import t from 'tap';
import { CommandError } from '../../protocol/decoder.ts';
import {
  badEvent,
  readCommand,
  readCommandBeginning,
  readTag,
} from '../../protocol/read-command.ts';

const beginning = (text: string) => readCommandBeginning(Buffer.from(text));

await t.test('readCommand', (t) => {
  t.same(readCommand(Buffer.from('a NOOP')), {
    kind: 'command',
    tag: 'a',
    command: { name: 'NOOP' },
  });
  t.match(readCommand(Buffer.from('a')), { kind: 'bad', tag: 'a' });
  t.match(readCommand(Buffer.from('')), { kind: 'bad', tag: undefined });
  t.end();
});

await t.test('readCommandBeginning tells a message from other literals', (t) => {
  t.same(beginning('a LOGIN {5}\r\n'), { tag: 'a' });
  t.same(beginning('a APPEND {5}\r\n'), { tag: 'a' }, 'its mailbox name');
  t.match(beginning('a APPEND {5}\r\ninbox (\\Seen) {9}\r\n'), {
    tag: 'a',
    streaming: { mailboxName: 'INBOX', sizeBytes: 9 },
  });
  t.match(beginning('a FOO {5}\r\n'), { tag: 'a', error: { message: 'Unknown command "FOO"' } });
  t.match(beginning('a APPEND x y {5}\r\n').error, CommandError);
  t.match(beginning('{5}\r\n'), { tag: undefined, error: CommandError });
  t.end();
});

await t.test('readTag', (t) => {
  t.equal(readTag(Buffer.from('a1 NOOP')), 'a1');
  t.equal(readTag(Buffer.from('x'.repeat(129))), undefined);
  t.equal(readTag(Buffer.from('')), undefined);
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

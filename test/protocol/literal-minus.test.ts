import t from 'tap';
import { maxUnaskedLiteralBytes } from '../../protocol/limits.ts';
import type { Capability } from '../../protocol/capability.ts';
import { mergeData, readEvents } from '../fixtures/read-events.ts';
import { commandsWithPour } from '../fixtures/streaming-command.ts';

const events = (text: string, off: readonly Capability[]) =>
  mergeData(readEvents([text], { off: new Set(off), commands: commandsWithPour }));

const noop = { kind: 'command', tag: 'n', command: { name: 'NOOP' } };
const refusal = (text: string) => ({ kind: 'bad', tag: 'a', text });
const tooBig = {
  ...refusal('Wait for leave before you send a literal of more than 4096 bytes'),
  code: 'TOOBIG',
};
const unwanted = refusal('Wait for leave before you send a literal');
const [most, more] = [maxUnaskedLiteralBytes, maxUnaskedLiteralBytes + 1].map((count) => ({
  count,
  text: 'x'.repeat(count),
}));

await t.test(
  'without LITERAL+ a literal of up to 4096 bytes comes unasked (RFC 7888, section 5)',
  (t) => {
    const append = ({ count, text } = most!) => `a APPEND b {${count}+}\r\n${text}\r\nn NOOP\r\n`;
    t.match(events(append(), ['LITERAL+']), [
      { kind: 'stream', isWaiting: false },
      { kind: 'stream-data' },
      { kind: 'stream-end' },
      noop,
    ]);
    t.same(events(append(more), ['LITERAL+']), [tooBig, noop], 'what came of it is dropped');
    t.match(events(append(more), ['LITERAL-']), [{ kind: 'stream' }, {}, {}, noop]);
    t.match(events(append(more).replace('+', ''), ['LITERAL+']), [
      { kind: 'stream', isWaiting: true },
      {},
      {},
      noop,
    ]);
    t.end();
  },
);

await t.test('the same of literals that are gathered, and of later ones that stream', (t) => {
  const login = `a LOGIN b {${more!.count}+}\r\n${more!.text}\r\nn NOOP\r\n`;
  t.same(events(login, ['LITERAL+']), [tooBig, noop]);
  const pour = `a POUR a {1+}\r\nx ADD b {${more!.count}+}\r\n${more!.text}\r\nn NOOP\r\n`;
  t.same(events(pour, ['LITERAL+']).slice(2), [tooBig, noop]);
  const name = `a POUR a {1+}\r\nx ADD {${more!.count}+}\r\n${more!.text} {1+}\r\ny\r\nn NOOP\r\n`;
  t.same(events(name, ['LITERAL+']).slice(2), [tooBig, noop]);
  t.end();
});

await t.test('with neither no literal comes unasked, and none is taken for a command', (t) => {
  const off = ['LITERAL+', 'LITERAL-'] as const;
  t.same(events('a LOGIN b {8+}\r\nn LOGOUT\r\nn NOOP\r\n', off), [unwanted, noop]);
  t.same(events('a APPEND b {0+}\r\n\r\nn NOOP\r\n', off), [unwanted, noop]);
  t.match(events('a LOGIN b {1}\r\nc\r\nn NOOP\r\n', off), [{ kind: 'continue' }, {}, noop]);
  t.end();
});

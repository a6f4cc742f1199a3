import t from 'tap';
import { ByteQueue } from '../../protocol/byte-queue.ts';
import { CommandDropper } from '../../protocol/command-dropper.ts';
import { maxDroppedLineBytes } from '../../protocol/limits.ts';

/** Where the dropping of `text` ends, and what is left then. */
function drop(text: string, begin: (dropper: CommandDropper) => void, maxBytes = 1e9) {
  const dropper = new CommandDropper();
  const queue = new ByteQueue();
  begin(dropper);
  queue.push(Buffer.from(text));
  let progress = dropper.step(queue, maxBytes);
  while (progress === 'again') progress = dropper.step(queue, maxBytes);
  return [progress, queue.peek()?.toString() ?? ''];
}

const inLine = (start: string) => (dropper: CommandDropper) =>
  dropper.beginInLine(Buffer.from(start));
const inLiteral = (rest: number) => (dropper: CommandDropper) => dropper.beginInLiteral(rest);

await t.test('finds the end of the command', (t) => {
  t.same(drop('abc\r\nnext', inLine('')), ['done', 'next']);
  t.same(drop('abc', inLine('')), ['starved', '']);
  t.same(drop('ab\nc\r\nnext', inLiteral(4)), ['done', 'next']);
  t.same(drop('ab', inLiteral(4)), ['starved', '']);
  t.same(drop('{2+}\nab\nnext', inLine('')), ['done', 'next'], 'announced once');
  t.same(drop('{5}\r\nnext', inLine('')), ['done', 'next'], 'a client that waits sends nothing');
  t.same(drop('{5+}\r\na\nb\nc\r\nnext', inLine('')), ['done', 'next']);
  t.same(drop('2+}\r\n\n\n\r\nnext', inLine('x {')), ['done', 'next'], 'begun before the refusal');
  t.same(drop('\r\nnext', inLiteral(0)), ['done', 'next']);
  t.end();
});

await t.test('has bounds', (t) => {
  t.same(drop('{11+}\r\n', inLine(''), 10), ['literal-too-large', '']);
  t.same(drop('x {7+}\r\n', inLiteral(2), 8), ['literal-too-large', ''], 'together');
  t.same(drop('x'.repeat(11), inLine(''), 10), ['line-too-long', '']);
  t.same(drop(`${'x'.repeat(10)}\n`, inLine(''), 10), ['done', '']);
  t.same(drop('x'.repeat(maxDroppedLineBytes + 1), inLine('')), ['line-too-long', '']);
  t.end();
});

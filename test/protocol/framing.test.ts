import t from 'tap';
import {
  CommandDropper,
  endsInQuotes,
  findAnnouncement,
  LiteralBudget,
  trimCarriageReturn,
  trimCommandEnd,
} from '../../protocol/framing.ts';
import { limitsBeforeLogin, maxDroppedLineBytes, maxLiteralCount } from '../../protocol/limits.ts';
import { ByteQueue } from '../../protocol/queue.ts';

await t.test('findAnnouncement', (t) => {
  const find = (line: string) => findAnnouncement(Buffer.from(line, 'latin1'));
  t.same(find('a LOGIN {5}'), { sizeBytes: 5, isSynchronizing: true });
  t.same(find('a LOGIN {5+}\r'), { sizeBytes: 5, isSynchronizing: false });
  t.same(find('{0}'), { sizeBytes: 0, isSynchronizing: true });
  t.same(find(`${'x'.repeat(100)}{77}`), { sizeBytes: 77, isSynchronizing: true });
  t.same(find('{99999999999999999999+}'), { sizeBytes: Infinity, isSynchronizing: false });
  for (const line of ['', '{}', '{+}', '{5} ', '{5-}', '{-5}', '5}', '{5', '{5}\r\r', '{ 5}']) {
    t.equal(find(line), undefined, JSON.stringify(line));
  }
  t.end();
});

await t.test('endsInQuotes', (t) => {
  const ends = (line: string) => endsInQuotes(Buffer.from(line));
  t.equal(ends('a LOGIN "x {5}'), true);
  t.equal(ends('a LOGIN "x" {5}'), false);
  t.equal(ends(String.raw`a LOGIN "x\" {5}`), true);
  t.equal(ends(String.raw`a LOGIN "x\\" {5}`), false);
  t.equal(ends(String.raw`a LOGIN \"x {5}`), true, 'a backslash outside of quotes escapes nothing');
  t.end();
});

await t.test('trims', (t) => {
  t.equal(trimCarriageReturn(Buffer.from('a \r\r')).toString(), 'a \r');
  t.equal(trimCarriageReturn(Buffer.from('')).toString(), '');
  t.equal(trimCommandEnd(Buffer.from('a b  \r'), 0).toString(), 'a b');
  t.equal(trimCommandEnd(Buffer.from('a  \r'), 3).toString(), 'a  ');
  t.equal(trimCommandEnd(Buffer.from('a\r'), 2).toString(), 'a\r', "a literal's CR stays");
  t.equal(trimCommandEnd(Buffer.from('   '), 0).toString(), '');
  t.end();
});

await t.test('LiteralBudget', (t) => {
  const budget = new LiteralBudget();
  const charge = (sizeBytes: number) =>
    budget.charge({ sizeBytes, isSynchronizing: true }, limitsBeforeLogin)?.message;
  t.equal(charge(4096), undefined);
  t.equal(charge(4097), 'Literal is too large');
  budget.reset();
  t.equal(charge(4096), undefined);
  t.equal(charge(4096), undefined);
  t.equal(charge(1), 'Literal is too large');
  budget.reset();
  for (let count = 0; count < maxLiteralCount; count++) t.equal(charge(0), undefined);
  t.equal(charge(0), 'More than 128 literals');
  t.end();
});

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

await t.test('the dropper finds the end of the command', (t) => {
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

await t.test('the dropper has bounds', (t) => {
  t.same(drop('{11+}\r\n', inLine(''), 10), ['literal-too-large', '']);
  t.same(drop('x {7+}\r\n', inLiteral(2), 8), ['literal-too-large', ''], 'together');
  t.same(drop('x'.repeat(11), inLine(''), 10), ['line-too-long', '']);
  t.same(drop(`${'x'.repeat(10)}\n`, inLine(''), 10), ['done', '']);
  t.same(drop('x'.repeat(maxDroppedLineBytes + 1), inLine('')), ['line-too-long', '']);
  t.end();
});

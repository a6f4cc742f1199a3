import { array, assert, constantFrom, property } from 'fast-check';
import t from 'tap';
import {
  isBlankLine,
  LineSplitter,
  maxFragmentBytes,
} from '../../../server/import/line-splitter.ts';

function split(chunks: readonly Uint8Array[]) {
  const splitter = new LineSplitter();
  const fragments = [];
  for (const chunk of [...chunks.map((chunk) => splitter.push(chunk)), splitter.finish()]) {
    for (const { bytes, isStart, isEnd } of chunk) {
      fragments.push({ text: bytes.toString('latin1'), isStart, isEnd });
    }
  }
  return fragments;
}

await t.test('lines are the same however the octets are cut', async (t) => {
  const pieces = array(constantFrom('a', 'bc', '\n', '\r', '\n\n', 'From '), {
    maxLength: 30,
  });
  assert(
    property(pieces, (texts) => {
      const text = texts.join('');
      const whole = split([Buffer.from(text)]);
      const byOctet = split(Array.from(text, (letter) => Buffer.from(letter)));
      t.same(byOctet, whole);
      t.equal(whole.map((fragment) => fragment.text).join(''), text);
    }),
    { numRuns: 200 },
  );
});

await t.test('a very long line comes in fragments of bounded size', async (t) => {
  const chunk = Buffer.alloc(maxFragmentBytes, 'x');
  const fragments = split([chunk, chunk, Buffer.from('end\nnext')]);
  t.equal(fragments.length, 4);
  t.strictSame(
    fragments.map(({ isStart, isEnd }) => [isStart, isEnd]),
    [
      [true, false],
      [false, false],
      [false, true],
      [true, false],
    ],
  );
});

await t.test('blank lines', async (t) => {
  const isBlank = (text: string, isStart = true, isEnd = true) =>
    isBlankLine({ bytes: Buffer.from(text), isStart, isEnd });
  t.ok(isBlank('\n'));
  t.ok(isBlank('\r\n'));
  t.notOk(isBlank(' \n'));
  t.notOk(isBlank('a\n'));
  t.notOk(isBlank('\n', false), 'the end of a long line');
  t.notOk(isBlank('a', true, false));
});

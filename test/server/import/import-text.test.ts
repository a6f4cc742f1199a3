import { array, assert, constantFrom, property } from 'fast-check';
import t from 'tap';
import { importLimits } from '../../../server/import/limits.ts';
import {
  isBlankLine,
  LineSplitter,
  MessageTally,
  ImportText,
} from '../../../server/import/import-text.ts';
import { readAll, sha256 } from './read-all.ts';

const { maxFragmentBytes, maxKeptBytes, maxMessageBytes } = importLimits;

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

await t.test('lines are the same however the bytes are cut', async (t) => {
  const pieces = array(constantFrom('a', 'bc', '\n', '\r', '\n\n', 'From '), {
    maxLength: 30,
  });
  assert(
    property(pieces, (texts) => {
      const text = texts.join('');
      const whole = split([Buffer.from(text)]);
      const byByte = split(Array.from(text, (letter) => Buffer.from(letter)));
      t.same(byByte, whole);
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

function convert(text: string, isMbox: boolean): string {
  const splitter = new LineSplitter();
  const wire = new ImportText({ isMbox });
  const taken: string[] = [];
  for (const fragment of splitter.push(Buffer.from(text, 'latin1'))) {
    wire.append(fragment);
    taken.push(wire.take().toString('latin1'));
  }
  for (const fragment of splitter.finish()) wire.append(fragment);
  return taken.join('') + wire.take().toString('latin1');
}

await t.test('line breaks become CRLF, and those that are stay', async (t) => {
  t.equal(convert('a: b\n\nc\r\nd\n', false), 'a: b\r\n\r\nc\r\nd\r\n');
  t.equal(convert('a: b\n\nno end', false), 'a: b\r\n\r\nno end');
  t.equal(convert('a\rb\r\r\n', false), 'a\rb\r\r\n', 'a lone CR is left alone');
  t.equal(convert('', false), '');
});

await t.test(
  'a line break after a long line is not doubled where the fragments meet',
  async (t) => {
    const long = 'x'.repeat(maxFragmentBytes - 1);
    const splitter = new LineSplitter();
    const wire = new ImportText({ isMbox: false });
    for (const chunk of [`${long}\r`, '\nb\n']) {
      for (const fragment of splitter.push(Buffer.from(chunk))) wire.append(fragment);
    }
    t.equal(wire.take().toString(), `${long}\r\nb\r\n`);
  },
);

await t.test('an mbox loses one ">" before From, and the blank line at the end', async (t) => {
  t.equal(
    convert('a: b\n\n>From me\n>>From you\n>Fromage\n> From far\n>>>\n\n', true),
    'a: b\r\n\r\nFrom me\r\n>From you\r\n>Fromage\r\n> From far\r\n>>>\r\n',
  );
  t.equal(convert('a: b\n\nc\n\n\n', true), 'a: b\r\n\r\nc\r\n\r\n', 'only the last blank line');
  t.equal(convert('a: b\n\n', true), 'a: b\r\n\r\n', 'never the one that ends the header');
  t.equal(convert('a: b\n\n\n', true), 'a: b\r\n\r\n');
});

await t.test('a Maildir message loses nothing', async (t) => {
  t.equal(convert('a: b\n\n>From me\n\n', false), 'a: b\r\n\r\n>From me\r\n\r\n');
});

async function* again() {
  yield Buffer.from('read again');
}

await t.test('a small message stays in memory and can be read twice', async (t) => {
  const tally = new MessageTally();
  tally.add(Buffer.from('ab'));
  tally.add(Buffer.alloc(0));
  tally.add(Buffer.from('c'));
  const message = tally.finish(again);
  t.equal(message.sizeBytes, 3);
  t.equal(message.sha256, sha256(Buffer.from('abc')));
  t.equal((await readAll(message.read())).toString(), 'abc');
  t.equal((await readAll(message.read())).toString(), 'abc');
});

await t.test('a large one is read again from where it came', async (t) => {
  const tally = new MessageTally();
  const chunk = Buffer.alloc(0.6 * maxKeptBytes, 'x');
  tally.add(chunk);
  tally.add(chunk);
  const message = tally.finish(again);
  t.equal(message.sizeBytes, 2 * chunk.length);
  t.equal((await readAll(message.read())).toString(), 'read again');
});

await t.test('what APPEND refuses no tally takes', async (t) => {
  const tally = new MessageTally();
  t.equal(tally.fault, 'It is empty');
  const chunk = Buffer.alloc(maxMessageBytes, 'x');
  tally.add(chunk);
  t.equal(tally.fault, undefined, 'at the bound');
  t.equal(tally.isTooLarge, false);
  tally.add(Buffer.from('x'));
  t.equal(tally.fault, 'It is larger than 67108864 bytes');
  t.equal(tally.isTooLarge, true);
});

await t.test(
  'fields in which mail programs keep their own notes are no part of a mail',
  async (t) => {
    const header =
      'X-Mozilla-Status: 0001\nX-Mozilla-Status2: 00000000\nX-Mozilla-Keys: $label1 Work   \nSubject: a\n' +
      'status: RO\nX-Status: A\nX-Keywords: a b\n  c d\n e\nX-UID: 12\nX-IMAPbase: 12 0034 kw\n';
    t.equal(convert(`${header}\nStatus: RO\n`, true), 'Subject: a\r\n\r\nStatus: RO\r\n');
    t.equal(convert('Status: RO\n\n', false), 'Status: RO\r\n\r\n', 'nobody does so in a Maildir');
  },
);

await t.test('fields of the sender with such a name stay', async (t) => {
  const header =
    'Status: open\n and shut\nX-Keywords: "a"\nX-UID: abc\nX-Status-Report: A\nStatusquo: R\nX-Mozilla-Status: new\n';
  t.equal(convert(`${header}\nx\n`, true), `${header}\nx\n`.replaceAll('\n', '\r\n'));
});

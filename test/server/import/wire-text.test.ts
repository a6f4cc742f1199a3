import t from 'tap';
import { LineSplitter, maxFragmentBytes } from '../../../server/import/line-splitter.ts';
import { WireText } from '../../../server/import/wire-text.ts';

function convert(text: string, isMbox: boolean): string {
  const splitter = new LineSplitter();
  const wire = new WireText({ isMbox });
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
    const wire = new WireText({ isMbox: false });
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

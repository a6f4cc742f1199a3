import iconv from 'iconv-lite';
import t from 'tap';
import type { MimePart } from '../../../protocol/mime/mime-structure.ts';
import { decodePartText } from '../../../protocol/mime/part-text.ts';
import { PartTextDecoder } from '../../../store/search/part-text-decoder.ts';
import { SeededRandom } from '../../fixtures/seeded-random.ts';

function makePart(encoding: string, charset: string, end: number): MimePart {
  return {
    headerStart: 0,
    bodyStart: 0,
    end,
    lineCount: 0,
    type: 'text',
    subtype: 'plain',
    parameters: [['charset', charset]],
    encoding,
  };
}

/** The text that comes out when the bytes go in by pieces of random size. */
function decode(part: MimePart, bytes: Buffer, random: SeededRandom): string {
  const decoder = new PartTextDecoder(part);
  let text = '';
  for (let position = 0; position < bytes.length;) {
    const end = position + 1 + random.below(100_000);
    for (const piece of decoder.push(bytes.subarray(position, end))) text += piece;
    position = end;
  }
  return text + decoder.finish();
}

const encode: Record<string, (bytes: Buffer) => Buffer> = {
  '8bit': (bytes) => bytes,
  base64: (bytes) => Buffer.from(bytes.toString('base64').replaceAll(/.{76}/g, '$&\r\n')),
  'base64 in odd lines': (bytes) =>
    Buffer.from(bytes.toString('base64').replaceAll(/.{77}/g, '$&\n')),
  'base64 in padded blocks': (bytes) =>
    Buffer.from(
      Array.from({ length: Math.ceil(bytes.length / 100) }, (_, index) =>
        bytes.subarray(index * 100, index * 100 + 100).toString('base64'),
      ).join('\r\n'),
    ),
  'base64 in one line': (bytes) => Buffer.from(bytes.toString('base64')),
  'quoted-printable': (bytes) =>
    Buffer.from(
      [...bytes]
        .map((byte) => `=${hex(byte)}`)
        .join('')
        .replaceAll(/.{72}/g, '$&=\r\n'),
    ),
  'quoted-printable in one line': (bytes) =>
    Buffer.from([...bytes].map((byte) => `=${hex(byte)}`).join('')),
};

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0');
}

for (const charset of [
  'utf-8',
  'utf-16le',
  'iso-8859-15',
  'shift_jis',
  'gb18030',
  'windows-1251',
]) {
  await t.test(`a long text in ${charset} is what the whole text would be`, (t) => {
    const random = new SeededRandom(11);
    const alphabet = iconv.decode(iconv.encode('aé€ß я日本 語\r\n𝄞', charset), charset);
    const characters = Array.from(alphabet);
    const text = Array.from({ length: 300_000 }, () => random.pick(characters)).join('');
    const bytes = iconv.encode(text, charset);
    for (const [name, transfer] of Object.entries(encode)) {
      const encoded = transfer(bytes);
      const part = makePart(name.split(' ')[0]!, charset, encoded.length);
      const decoded = decode(part, encoded, random);
      t.ok(decoded === decodePartText(part, encoded), `${name}, ${encoded.length} bytes`);
      t.ok(decoded === text, name);
    }
    t.end();
  });
}

await t.test('rubbish does not stop it', (t) => {
  const random = new SeededRandom(5);
  for (const encoding of ['base64', 'quoted-printable', '8bit', 'x-unknown']) {
    for (const bytes of [
      random.bytes(700_000),
      Buffer.alloc(700_000, '='),
      Buffer.alloc(700_000, ' '),
    ]) {
      const part = makePart(encoding, 'no-such-charset', bytes.length);
      t.type(decode(part, bytes, random), 'string');
    }
  }
  t.end();
});

await t.test('a long text without a charset may turn out to be Japanese', (t) => {
  const line = Buffer.from('plain text and \x1b$BF|K\\\x1b(B\r\n', 'latin1');
  const bytes = Buffer.concat(Array.from({ length: 20_000 }, () => line));
  const text = 'plain text and 日本\r\n'.repeat(20_000);
  for (const charset of ['', 'us-ascii']) {
    t.ok(decode(makePart('7bit', charset, bytes.length), bytes, new SeededRandom(3)) === text);
  }
  t.end();
});

await t.test('a small part takes a small buffer', (t) => {
  const text = Buffer.from('A few words');
  const allocated = t.capture(Buffer, 'allocUnsafe', Buffer.allocUnsafe);
  const decoder = new PartTextDecoder(makePart('8bit', 'utf-8', text.length));
  t.same([...decoder.push(text)], []);
  t.equal(decoder.finish(), 'A few words');
  const bytes = allocated().reduce((sum, { args }) => sum + args[0], 0);
  t.ok(bytes > 0 && bytes < 100, `${bytes} bytes`);
  t.end();
});

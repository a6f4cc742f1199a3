import * as fc from 'fast-check';
import iconv from 'iconv-lite';
import t from 'tap';
import { decodePartBytes, decodePartText } from '../../../protocol/mime/part-text.ts';
import { cpuMsOf } from '../../fixtures/cpu-time.ts';

function text(body: string | Buffer, encoding = '7bit', charset?: string): string {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : body;
  return decodePartText({ encoding, parameters: charset ? [['charset', charset]] : [] }, bytes);
}

await t.test('transfer encodings', (t) => {
  t.equal(text('Z3LDvMOf\r\nZQ==\r\n', 'base64', 'utf-8'), 'grüße');
  t.equal(text('QQ==\r\nQg==\r\n', 'base64'), 'AB', 'lines encoded one by one');
  t.equal(text('Q!U\0JD', 'base64'), 'ABC', 'bytes that are not base64 are passed over');
  t.equal(text('caf=C3=A9 =\r\nau=20lait', 'quoted-printable', 'utf-8'), 'café au lait');
  t.equal(text('100=%', 'quoted-printable'), '100=%', 'broken escapes stay');
  t.equal(text('a\xe9', '8bit', 'iso-8859-1'), 'aé');
  t.equal(text('a\xe9', 'binary', 'iso-8859-1'), 'aé');
  t.equal(text('plain', 'x-unknown'), 'plain');
  t.equal(text('', 'base64'), '');
  t.end();
});

await t.test('charsets', (t) => {
  for (const [charset, sample] of [
    ['koi8-r', 'Привет'],
    ['Shift_JIS', '会議'],
    ['GB18030', '会议'],
    ['windows-1252', '“€”'],
    ['utf-16', 'BOM'],
    ['euc-kr', '한국'],
  ] as const) {
    t.equal(text(iconv.encode(sample, charset), '8bit', charset), sample, charset);
  }
  t.equal(text('caf\xc3\xa9'), 'café', 'none named: UTF-8 where it is valid');
  t.equal(text('caf\xe9'), 'café', 'else latin1');
  t.equal(text('caf\xe9', '8bit', 'x-nonsense'), 'café');
  t.equal(text('caf\xc3\xa9', '8bit', 'US-ASCII'), 'café', 'mislabelled');
  t.equal(text('caf\xe9', '8bit', ' iso-8859-1 '), 'café');
  t.end();
});

await t.test('decodePartBytes gives bytes', (t) => {
  t.same(
    decodePartBytes({ encoding: 'base64' }, Buffer.from('AAECAw==')),
    Buffer.from([0, 1, 2, 3]),
  );
  t.same(decodePartBytes({ encoding: '8bit' }, Buffer.from([0, 255])), Buffer.from([0, 255]));
  t.end();
});

await t.test('padding ends a run of base64, and the next one begins where it begins', (t) => {
  const unit = fc.constantFrom(...'Q = ! é \r\n QUJD QQ== QUI=\r\n'.split(' '), ' ', '=\n=\t = ');
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 12 }), (encoded) => {
      const bytes = Buffer.from(encoded, 'latin1');
      const runs = encoded.split('=').map((run) => Buffer.from(run, 'base64'));
      return Buffer.concat(runs).equals(decodePartBytes({ encoding: 'base64' }, bytes));
    }),
    { numRuns: 2_000 },
  );
  t.end();
});

await t.test('linear time', (t) => {
  for (const piece of ['=', '=\r\n', 'Q', '=3D', ' \r', ' ', '=4', '= ', '==\r\n']) {
    for (const encoding of ['base64', 'quoted-printable']) {
      const cpuMs = cpuMsOf(() => text(piece.repeat(300_000), encoding));
      // Linear: tens of milliseconds. Square: minutes.
      t.ok(cpuMs < 2000, `${encoding} ${JSON.stringify(piece)}`);
    }
  }
  t.end();
});

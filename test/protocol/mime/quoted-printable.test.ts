import * as fc from 'fast-check';
import { decode, encode } from 'libqp';
import t from 'tap';
import { decodeQuotedPrintable } from '../../../protocol/mime/quoted-printable.ts';

await t.test('examples', (t) => {
  for (const [encoded, decoded] of [
    ['', ''],
    ['plain text\r\n', 'plain text\r\n'],
    ['=41=6a=6A', 'Ajj'],
    ['soft=\r\nbreak=\nagain=', 'softbreakagain'],
    ['white \t\r\nspace=20\r\nat the end ', 'white\r\nspace \r\nat the end'],
    ['before = \t\r\n a soft break', 'before  a soft break'],
    ['two =\r\n\r\nbreaks', 'two \r\nbreaks'],
    ['broken =4 = =zz ==', 'broken =4 = =zz ='],
    ['=0z =z0 =0', '=0z =z0 =0'],
    ['a lone \rreturn=\r', 'a lone\rreturn=\r'],
    ['\xff is no ASCII', '\xff is no ASCII'],
  ] as const) {
    const bytes = decodeQuotedPrintable(Buffer.from(encoded, 'latin1'));
    t.equal(bytes.toString('latin1'), decoded, JSON.stringify(encoded));
  }
  t.end();
});

await t.test('it is what libqp decodes, also of what is broken', (t) => {
  const unit = fc.constantFrom(
    ...'= \t \r \n 0 4 A 1 F a f z \xe9 =\r\n =E9'.split(' '),
    ' ',
    '  ',
  );
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 30 }), (text) => {
      const bytes = Buffer.from(text, 'latin1');
      return decodeQuotedPrintable(bytes).equals(decode(bytes));
    }),
    { numRuns: 20_000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) =>
      decodeQuotedPrintable(Buffer.from(encode(Buffer.from(bytes)))).equals(bytes),
    ),
  );
  t.end();
});

import t from 'tap';
import { decode } from '../../fixtures/read-events.ts';

await t.test('COMPRESS', (t) => {
  t.same(decode('COMPRESS DEFLATE'), { name: 'COMPRESS' });
  t.same(decode('compress deflate'), { name: 'COMPRESS' });
  for (const [text, refusal] of [
    ['', 'BAD Expected space'],
    [' ', 'BAD Expected '],
    [' LZW', 'BAD Unknown compression mechanism "LZW"'],
    [' "DEFLATE"', 'BAD Expected compression mechanism'],
    [' DEFLATE 9', 'BAD Expected '],
  ] as const) {
    t.match(decode(`COMPRESS${text}`), refusal);
  }
  t.equal(
    decode(`COMPRESS ${'x'.repeat(60_000)}`),
    `BAD Unknown compression mechanism "${'x'.repeat(40)}..."`,
  );
  t.end();
});

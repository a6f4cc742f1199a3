import t from 'tap';
import {
  bitsOf,
  HuffmanCode,
  noSymbol,
  symbolOf,
} from '../../../../server/net/compression/huffman-code.ts';

/** The bits of a stream, the first one lowest, from text. */
const bits = (text: string): number => Number.parseInt(text.split('').toReversed().join(''), 2);

await t.test('the example of RFC 1951, section 3.2.2', (t) => {
  const code = new HuffmanCode(Uint8Array.of(3, 3, 3, 3, 3, 2, 4, 4));
  const codes = ['010', '011', '100', '101', '110', '00', '1110', '1111'];
  for (const [symbol, text] of codes.entries()) {
    for (const behind of ['', '0'.repeat(12), '1'.repeat(12)]) {
      const found = code.read(bits(text + behind));
      t.same([symbolOf(found), bitsOf(found)], [symbol, text.length], text);
    }
  }
  t.equal(code.isUsable, true);
  t.equal(code.isComplete, true);
  t.end();
});

await t.test('codes of up to 15 bits are read', (t) => {
  // One of each length, and two of the last.
  const lengths = Uint8Array.from({ length: 16 }, (_, symbol) => Math.min(symbol + 1, 15));
  const code = new HuffmanCode(lengths);
  t.equal(code.isUsable, true);
  for (let symbol = 0; symbol < 16; symbol++) {
    const text = symbol < 15 ? `${'1'.repeat(symbol)}0` : '1'.repeat(15);
    const found = code.read(bits(text));
    t.same([symbolOf(found), bitsOf(found)], [symbol, lengths[symbol]]);
  }
  t.end();
});

await t.test('what is no code is told', (t) => {
  t.equal(new HuffmanCode(Uint8Array.of(1, 1, 1)).isUsable, false, 'too many');
  t.equal(new HuffmanCode(Uint8Array.of(2, 2, 2)).isUsable, false, 'too few');
  t.equal(new HuffmanCode(Uint8Array.of(0, 0)).isUsable, true, 'none at all');
  const half = new HuffmanCode(Uint8Array.of(0, 1));
  t.equal(half.isUsable, true, 'one with one bit');
  t.equal(half.isComplete, false);
  t.equal(symbolOf(half.read(bits('0'))), 1);
  t.equal(half.read(bits('1')), noSymbol, 'and its other half is nothing');
  t.equal(new HuffmanCode(Uint8Array.of(0, 2)).isUsable, false, 'one with two');
  t.end();
});

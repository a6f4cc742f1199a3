import { constants, inflateRawSync } from 'node:zlib';
import t from 'tap';
import { Deflater } from '../../../../server/net/compression/deflater.ts';
import { minDeflatedBytes, sentWindowBytes } from '../../../../server/net/compression/limits.ts';
import { SeededRandom } from '../../../fixtures/seeded-random.ts';

const random = new SeededRandom(1);
const inflate = (pieces: readonly Buffer[]): Buffer =>
  inflateRawSync(Buffer.concat(pieces), { finishFlush: constants.Z_SYNC_FLUSH });

function response(): string {
  const number = random.below(1_000_000);
  return `* ${number} FETCH (UID ${number} FLAGS (\\Seen) INTERNALDATE "01-Nov-2026 10:00:00 +0000")\r\n`;
}

await t.test('all pieces are one stream to zlib, whatever is forgotten in between', (t) => {
  const deflater = new Deflater();
  const sent: Buffer[] = [];
  const pieces: Buffer[] = [];
  for (let count = 0; count < 300; count++) {
    const text = response().repeat(1 + random.below(4));
    const noise = Array.from({ length: 3000 }, () => random.below(256));
    const bytes =
      count % 50 === 0
        ? Buffer.from(response().repeat(2000))
        : count % 7 === 0
          ? Buffer.from(noise)
          : Buffer.from(count % 3 === 0 ? 'a OK \xe9\r\n' : text, 'latin1');
    sent.push(bytes);
    pieces.push(deflater.deflate(count % 2 === 0 ? bytes : bytes.toString('latin1')));
    if (!inflate(pieces).equals(Buffer.concat(sent))) t.fail(`piece ${count}`);
    if (count % 11 === 0) deflater.sweep();
    if (count % 13 === 0) deflater.sweep();
  }
  t.ok(inflate(pieces).equals(Buffer.concat(sent)));
  t.end();
});

await t.test('what was said a moment ago is not said again', (t) => {
  const deflater = new Deflater();
  const text = response().repeat(2);
  const first = deflater.deflate(text).length;
  const second = deflater.deflate(text).length;
  t.ok(second < first / 3, `${second} bytes behind ${first}`);
  t.end();
});

await t.test('short answers have five bytes more, nothing else', (t) => {
  const deflater = new Deflater();
  t.equal(deflater.deflate('a OK NOOP completed\r\n').length, 21 + 5);
  t.equal(deflater.deflate('x'.repeat(minDeflatedBytes - 1)).length, minDeflatedBytes - 1 + 5);
  t.ok(deflater.deflate('x'.repeat(minDeflatedBytes)).length < 30);
  t.equal(deflater.deflate('').length, 0);
  t.end();
});

await t.test('base64 becomes a quarter shorter', (t) => {
  const noise = Uint8Array.from({ length: 45_000 }, () => random.below(256));
  const base64 = Buffer.from(Buffer.from(noise).toString('base64'));
  const deflated = new Deflater().deflate(base64);
  t.ok(inflate([deflated]).equals(base64));
  t.ok(deflated.length < base64.length * 0.77, `${deflated.length} of ${base64.length}`);
  t.end();
});

await t.test('an idle client costs nothing', (t) => {
  const deflater = new Deflater();
  t.equal(deflater.heldBytes, 0);
  deflater.deflate(response().repeat(1000));
  t.equal(deflater.heldBytes, sentWindowBytes);
  deflater.sweep();
  t.equal(deflater.heldBytes, sentWindowBytes, 'it was busy');
  deflater.sweep();
  t.equal(deflater.heldBytes, 0);
  t.end();
});

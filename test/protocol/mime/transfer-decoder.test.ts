import * as fc from 'fast-check';
import { deepEqual } from 'node:assert/strict';
import t from 'tap';
import { decodePartBytes } from '../../../protocol/mime/part-text.ts';
import {
  isIdentity,
  isKnownEncoding,
  TransferDecoder,
} from '../../../protocol/mime/transfer-decoder.ts';
import { SeededRandom } from '../../fixtures/seeded-random.ts';

function decode(encoding: string, bytes: Buffer, cuts: readonly number[] = []): Buffer {
  const decoder = new TransferDecoder({ encoding, bodyStart: 10, end: 10 + bytes.length });
  const pieces: Buffer[] = [];
  for (const [index, start] of [0, ...cuts].entries()) {
    for (const piece of decoder.push(bytes.subarray(start, cuts[index] ?? bytes.length))) {
      pieces.push(Buffer.from(piece));
    }
  }
  pieces.push(Buffer.from(decoder.finish()));
  return Buffer.concat(pieces);
}

/** Quoted-printable of bytes: each encoded, in lines of 75 characters. */
function toQuotedPrintable(bytes: Uint8Array): Buffer {
  const words = Array.from(bytes, (byte) => `=${byte.toString(16).padStart(2, '0').toUpperCase()}`);
  const lines: string[] = [];
  for (let at = 0; at < words.length; at += 25) lines.push(words.slice(at, at + 25).join(''));
  return Buffer.from(lines.join('=\r\n'));
}

await t.test('large parts come back whole, in pieces', (t) => {
  const random = new SeededRandom(3);
  for (const size of [0, 1, 49_151, 65_536, 65_537, 300_000]) {
    const bytes = random.bytes(size);
    const lines = Buffer.from(bytes.toString('base64').replace(/.{76}/g, '$&\r\n'));
    t.ok(decode('base64', lines).equals(bytes), `${size} bytes in base64`);
    t.ok(decode('quoted-printable', toQuotedPrintable(bytes)).equals(bytes), `${size} bytes in QP`);
    t.ok(decode('binary', bytes).equals(bytes), `${size} bytes`);
  }
  t.end();
});

await t.test('what it gives does not depend on the pieces that it takes', (t) => {
  const random = new SeededRandom(4);
  const noise = random.bytes(150_000);
  const texts = [
    noise,
    Buffer.from(noise.toString('base64')),
    Buffer.from(noise.toString('base64').replace(/.{9}/g, '$&=\n')),
    Buffer.alloc(140_000, 'no line end = and =4 or =\r\n'),
    Buffer.alloc(140_000, ' '),
  ];
  const encodings = ['base64', 'quoted-printable', '8bit'];
  const cuts = fc.array(fc.integer({ min: 0, max: 140_000 }), { maxLength: 6 });
  fc.assert(
    fc.property(
      fc.constantFrom(...texts),
      fc.constantFrom(...encodings),
      cuts,
      (text, name, at) => {
        const places = at.toSorted((a, b) => a - b);
        deepEqual(decode(name, text, places), decode(name, text));
      },
    ),
    { numRuns: 60 },
  );
  t.end();
});

await t.test('a part of one window is decoded at once, also if its encoding is broken', (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.constantFrom('base64', 'quoted-printable'),
      (bytes, encoding) => {
        const body = Buffer.from(bytes);
        deepEqual(decode(encoding, body), Buffer.from(decodePartBytes({ encoding }, body)));
      },
    ),
  );
  t.end();
});

await t.test('which encodings are known', (t) => {
  for (const encoding of ['7bit', '8bit', 'binary']) t.ok(isIdentity(encoding));
  for (const encoding of ['7bit', 'base64', 'quoted-printable']) t.ok(isKnownEncoding(encoding));
  for (const encoding of ['', 'x-uuencode', 'toString']) t.notOk(isKnownEncoding(encoding));
  t.notOk(isIdentity('base64'));
  t.end();
});

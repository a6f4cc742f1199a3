import { randomBytes } from 'node:crypto';
import t from 'tap';
import {
  callCodec,
  type Codec,
  ContextCodec,
  threadCodec,
} from '../../../../store/sqlite/bodies/compression.ts';
import { generateMessage } from '../../../fixtures/mail-generator.ts';

const samples = [
  ...Array.from({ length: 40 }, (_, seed) => generateMessage(seed).bytes.subarray(0, 65_536)),
  randomBytes(65_536),
  Buffer.alloc(65_536, 'a'),
  Buffer.from('x'),
];

function compress(codec: Codec, bytes: Uint8Array): Uint8Array {
  // The result is valid until the next call.
  return Uint8Array.from(codec.compress(bytes));
}

function decompress(codec: Codec, compressed: Uint8Array, length: number): Buffer {
  const target = Buffer.alloc(length);
  codec.decompress(compressed, target);
  return target;
}

await t.test('this Node has what one context for all calls needs', (t) => {
  t.ok(ContextCodec.isPossible());
  t.ok(threadCodec() instanceof ContextCodec);
  t.equal(threadCodec(), threadCodec(), 'one for the thread');
  t.end();
});

await t.test('what one way has compressed the other reads', (t) => {
  const codecs = { context: new ContextCodec(), call: callCodec };
  for (const [from, compressing] of Object.entries(codecs)) {
    for (const [to, reading] of Object.entries(codecs)) {
      for (const sample of samples) {
        const read = decompress(reading, compress(compressing, sample), sample.length);
        if (!read.equals(sample)) t.fail(`${sample.length} bytes, ${from} to ${to}`);
      }
    }
  }
  t.ok(callCodec.compress(samples[0]!).length > 0);
  t.end();
});

for (const [name, codec] of Object.entries({ context: new ContextCodec(), call: callCodec })) {
  await t.test(`damage is an error, and the next call is none (${name})`, (t) => {
    const [sample] = samples as [Buffer];
    const compressed = compress(codec, sample);
    let errorCount = 0;
    for (let index = 0; index < compressed.length; index++) {
      const damaged = Uint8Array.from(compressed);
      damaged[index]! ^= 0x10;
      try {
        // Few bits of a frame mean nothing.
        t.ok(decompress(codec, damaged, sample.length).equals(sample), `byte ${index}`);
      } catch {
        errorCount++;
      }
    }
    t.ok(errorCount > compressed.length - 5, `${errorCount} of ${compressed.length}`);
    for (const length of [sample.length - 1, sample.length + 1]) {
      t.throws(() => decompress(codec, compressed, length), `${length} bytes`);
    }
    t.ok(decompress(codec, compressed, sample.length).equals(sample));
    t.end();
  });

  await t.test(`bytes that were cut off are an error, and the next call is none (${name})`, (t) => {
    for (const sample of samples) {
      const compressed = compress(codec, sample);
      // The last four are the checksum, which the content does not need.
      for (const missing of [1, 2, 3, 4, 5, 9, compressed.length - 3, compressed.length]) {
        const cut = compressed.subarray(0, compressed.length - missing);
        const what = `${missing} of ${compressed.length} bytes`;
        t.throws(() => decompress(codec, cut, sample.length), what);
        t.ok(decompress(codec, compressed, sample.length).equals(sample), `after ${what}`);
      }
      const longer = Buffer.concat([compressed, Buffer.from([0])]);
      t.throws(() => decompress(codec, longer, sample.length), 'a byte more');
    }
    t.end();
  });
}

await t.test('mail gets shorter, with its common words shorter still', (t) => {
  const header = Buffer.from(
    'Authentication-Results: mx.example; dkim=pass header.d=mailer.example header.s=s1\r\nMIME-Version: 1.0\r\n',
  );
  t.ok(compress(threadCodec(), header).length < header.length * 0.6);
  t.end();
});

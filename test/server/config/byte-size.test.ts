import t from 'tap';
import { formatByteSize, parseByteSize } from '../../../server/config/byte-size.ts';

await t.test('parseByteSize', async (t) => {
  for (const [text, bytes] of [
    ['0', 0],
    ['67108864', 67_108_864],
    ['64MiB', 67_108_864],
    ['64 mib', 67_108_864],
    ['64MB', 64_000_000],
    ['1.5KiB', 1536],
    ['2GiB', 2_147_483_648],
    ['10B', 10],
    ['', undefined],
    ['MiB', undefined],
    ['1.5', undefined],
    ['-1', undefined],
    ['1e6', undefined],
    ['64 TiB', undefined],
    ['64MiBs', undefined],
  ] as const) {
    t.equal(parseByteSize(text), bytes, JSON.stringify(text));
  }
});

await t.test('formatByteSize', async (t) => {
  t.equal(formatByteSize(12), '12 bytes');
  t.equal(formatByteSize(1536), '1.5 KiB');
  t.equal(formatByteSize(67_108_864), '64 MiB');
  t.equal(formatByteSize(3 * 1024 ** 3), '3 GiB');
});

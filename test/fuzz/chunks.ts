import type { SeededRandom } from '../fixtures/seeded-random.ts';

/** Inputs of more bytes are not cut at every place, which would take too long. */
const maxBytesOfEveryPlace = 300;

/** The bytes in pieces: cut at a few places, at each, or not at all. Pieces are copies, which their reader may own. */
export function cut(bytes: Buffer, random: SeededRandom): Buffer[] {
  const way = random.below(4);
  if (way === 0) return [Buffer.from(bytes)];
  const isEveryPlace = way === 1 && bytes.length <= maxBytesOfEveryPlace;
  const places = isEveryPlace
    ? Array.from({ length: bytes.length }, (_, index) => index)
    : Array.from({ length: random.below(8) }, () => random.below(bytes.length + 1));
  const sorted = [0, ...places.toSorted((a, b) => a - b), bytes.length];
  return sorted.slice(1).map((end, index) => Buffer.from(bytes.subarray(sorted[index], end)));
}

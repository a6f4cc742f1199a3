import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { InflateError, Inflater } from '../../server/net/compression/inflater.ts';
import { inflatedPieceBytes, windowBytes } from '../../server/net/compression/limits.ts';
import { SeededRandom } from '../fixtures/seeded-random.ts';
import { cut } from './chunks.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import { Mutator } from './mutator.ts';

/** Of a bomb no more is inflated. */
const maxPlainBytes = 2_000_000;
const longestMatch = 258;
/** What is held beside the window and the bytes that were pushed. */
const paddingBytes = 16;

const flushes = [constants.Z_SYNC_FLUSH, constants.Z_FULL_FLUSH, constants.Z_PARTIAL_FLUSH, constants.Z_FINISH]; // prettier-ignore

/** A stream of a client is inflated as zlib does it, or refused as zlib refuses it; of a bomb no more than a piece is held. */
export class InflateTarget implements FuzzTarget {
  readonly name = 'inflate';
  readonly #sessions: readonly (readonly string[])[];
  readonly #newInflater: () => Inflater;

  /** @param newInflater - absent: the server's own */
  constructor(
    sessions: readonly (readonly string[])[],
    newInflater: () => Inflater = () => new Inflater(),
  ) {
    this.#sessions = sessions;
    this.#newInflater = newInflater;
  }

  makeInput(random: SeededRandom): Buffer {
    const mutator = new Mutator(this.#sessions, ['NOOP'], random);
    const pieces = Array.from({ length: 1 + random.below(4) }, () =>
      deflateRawSync(Buffer.from(mutator.session(), 'latin1'), {
        level: random.below(10),
        strategy: random.below(5),
        memLevel: 1 + random.below(9),
        windowBits: 9 + random.below(7),
        finishFlush: random.pick(flushes),
      }),
    );
    return spoil(Buffer.concat(pieces), random);
  }

  check(input: Buffer, seed: number): string | undefined {
    const expected = inflateByZlib(input);
    const found = this.#inflate(cut(input, new SeededRandom(seed)), new SeededRandom(seed + 1));
    if (typeof found === 'string') return found;
    if (expected === 'too much' || (found === undefined && expected === undefined))
      return undefined;
    if (found === undefined) return faultOfRefusal(input);
    if (expected === undefined) return `Inflated to ${found.length} bytes what zlib refuses`;
    if (found.equals(expected)) return undefined;
    return `Inflated to ${found.length} bytes that differ from the ${expected.length} of zlib`;
  }

  /** The plain bytes; undefined if they are refused; or what is wrong. */
  #inflate(chunks: readonly Buffer[], random: SeededRandom): Buffer | string | undefined {
    const inflater = this.#newInflater();
    const pieces: Buffer[] = [];
    let plainBytes = 0;
    try {
      for (const chunk of chunks) {
        const waiting = inflater.heldBytes;
        inflater.push(chunk);
        for (let piece = inflater.next(); piece !== undefined; piece = inflater.next()) {
          pieces.push(piece);
          plainBytes += piece.length;
          if (plainBytes > maxPlainBytes) return Buffer.concat(pieces);
          if (piece.length > inflatedPieceBytes + longestMatch) return `A piece of ${piece.length}`;
        }
        const most = windowBytes + waiting + chunk.length + paddingBytes;
        if (inflater.heldBytes > most) return `${inflater.heldBytes} bytes are held`;
        // As when the client is idle.
        if (random.chance(0.2)) inflater.pack();
      }
    } catch (error) {
      if (!(error instanceof InflateError)) throw error;
      return undefined;
    }
    return Buffer.concat(pieces);
  }
}

/** Zlib may notice later that nothing good can follow, so some of what could follow is tried. */
function faultOfRefusal(input: Buffer): string | undefined {
  const random = new SeededRandom(input.length);
  const ends = [Buffer.alloc(400), Buffer.alloc(400, 0xff), random.bytes(400)];
  const accepted = ends.map((end) => inflateByZlib(Buffer.concat([input, end])));
  const found = accepted.find((plain) => plain !== undefined);
  return found === undefined ? undefined : `Refused what zlib inflates to ${found.length} bytes`;
}

/** Undefined if it is refused. */
function inflateByZlib(bytes: Buffer): Buffer | 'too much' | undefined {
  try {
    return inflateRawSync(bytes, {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: maxPlainBytes,
    });
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
      ? 'too much'
      : undefined;
  }
}

/** Flips bits, takes bytes out, doubles them and puts others between, mostly near the beginning, where the codes are. */
function spoil(bytes: Buffer, random: SeededRandom): Buffer {
  let spoilt = bytes;
  for (let count = random.below(4); count > 0 && spoilt.length > 0; count--) {
    const at = random.below(random.chance(0.5) ? Math.min(80, spoilt.length) : spoilt.length);
    const [head, tail] = [spoilt.subarray(0, at), Buffer.from(spoilt.subarray(at))];
    const length = 1 + random.below(8);
    const way = random.below(5);
    if (way === 0) tail[0]! ^= 1 << random.below(8);
    if (way === 1) tail[0] = random.below(256);
    const middle =
      way === 2 ? random.bytes(length) : way === 3 ? tail.subarray(0, length * 4) : Buffer.alloc(0);
    spoilt = Buffer.concat([head, middle, way === 4 ? tail.subarray(length) : tail]);
  }
  return random.chance(0.1) ? spoilt.subarray(0, random.below(spoilt.length + 1)) : spoilt;
}

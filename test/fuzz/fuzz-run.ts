import { SeededRandom } from '../fixtures/seeded-random.ts';
import type { FuzzTarget } from './fuzz-target.ts';

/** An input that is not taken as it should be. */
export interface Finding {
  /** With this seed and one mutation the same is found. */
  readonly seed: number;
  readonly reason: string;
  /** As small as it could be made. */
  readonly input: Buffer;
}

/** What is wrong with how the target takes an input; undefined if nothing is. */
export function judge(target: FuzzTarget, input: Buffer, seed: number): string | undefined {
  try {
    return target.check(input, seed);
  } catch (error) {
    return error instanceof Error ? (error.stack ?? String(error)) : `Threw ${String(error)}`;
  }
}

/** Gives the target the input of one seed; returns what is wrong, with the smallest input for it. */
export function fuzzOnce(target: FuzzTarget, seed: number): Finding | undefined {
  const input = target.makeInput(new SeededRandom(seed));
  const reason = judge(target, input, seed);
  if (reason === undefined) return undefined;
  const kind = kindOf(reason);
  const isSame = (smaller: Buffer): boolean => {
    const found = judge(target, smaller, seed);
    return found !== undefined && kindOf(found) === kind;
  };
  const smallest = shrink(input, isSame);
  return { seed, reason: judge(target, smallest, seed) ?? reason, input: smallest };
}

/** Bytes of all inputs that are tried to make one smaller: some seconds. */
const maxShrunkBytes = 20_000_000;

/** Findings of one kind differ in their numbers and in what they quote, and have the same first line otherwise. */
function kindOf(reason: string): string {
  return reason.split('\n', 1)[0]!.slice(0, 30).replace(/\d+/g, 'n');
}

/** Takes out runs of bytes, long ones first, for as long as the input is still bad; returns what is left. */
function shrink(input: Buffer, isBad: (input: Buffer) => boolean): Buffer {
  let best = input;
  let leftBytes = maxShrunkBytes;
  for (let length = Math.ceil(best.length / 2); length >= 1; length = Math.floor(length / 2)) {
    for (let at = best.length - length; at > -length && leftBytes > 0; at -= length) {
      leftBytes -= best.length;
      const start = Math.max(0, at);
      const smaller = Buffer.concat([best.subarray(0, start), best.subarray(at + length)]);
      if (smaller.length < best.length && isBad(smaller)) best = smaller;
    }
  }
  return best;
}

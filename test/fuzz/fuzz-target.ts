import { inspect } from 'node:util';
import type { SeededRandom } from '../fixtures/seeded-random.ts';

/** What is fuzzed: makes inputs, and judges what becomes of them. */
export interface FuzzTarget {
  readonly name: string;
  /** An input. The choices of `random` decide all. */
  makeInput(random: SeededRandom): Buffer;
  /**
   * What is wrong with how the code takes the input; undefined if nothing is. What is thrown is wrong, too.
   *
   * @param seed - of what is chosen beside the bytes: how they are cut, what is turned off
   */
  check(input: Buffer, seed: number): string | undefined;
}

/** Most that a value may weigh for each byte of what it was read from (as a number in SEARCH), and beside that. */
const [weightOfByte, weightOfAll] = [16, 2_000];

/**
 * What is wrong with how much was made of so many bytes; undefined if nothing is. A number, an object and a character each
 * weigh one.
 */
export function checkWeight(value: unknown, inputBytes: number): string | undefined {
  const weight = weigh(value);
  if (weight <= weightOfAll + weightOfByte * inputBytes) return undefined;
  return `${inputBytes} bytes became ${weight} values`;
}

function weigh(value: unknown): number {
  if (typeof value === 'string') return 1 + value.length;
  if (value instanceof Uint8Array) return 1 + value.length;
  if (typeof value !== 'object' || value === null) return 1;
  const members = value instanceof Set || value instanceof Map ? [...value] : Object.values(value);
  return members.reduce((sum: number, member: unknown) => sum + weigh(member), 1);
}

/** What a response may say of an error: no line end, and nothing long that was received. */
const textPattern = /^[A-Z][ -~]{1,250}$/;

/** What is wrong with a text for a client; undefined if nothing is. */
export function checkText(text: string): string | undefined {
  return textPattern.test(text) ? undefined : `A response would say ${show(text)}`;
}

/** A value in one line, for a person. */
export function show(value: unknown): string {
  return inspect(value, { depth: 6, breakLength: Infinity, maxStringLength: 200 });
}

/** Bits of the length of a run, below its first number. */
const lengthBits = 10;

/** Numbers that can be in one run. */
export const maxRunLength = 2 ** lengthBits;

/**
 * The runs of consecutive numbers, as JSON for `json_each(?) run`. To look a run up costs what a single number does, and
 * most of what is asked for is one run.
 *
 * @param numbers - whole, ascending, at least one and at most {@link maxRunLength}; below 2 ** 43
 */
export function toRuns(numbers: Uint32Array | Float64Array): string {
  const runs: number[] = [];
  let first = numbers[0]!;
  let last = first;
  for (let index = 1; index < numbers.length; index++) {
    const number = numbers[index]!;
    if (number !== last + 1) {
      runs.push(first * maxRunLength + last - first);
      first = number;
    }
    last = number;
  }
  runs.push(first * maxRunLength + last - first);
  return `[${runs.join()}]`;
}

/** SQL for the first number of a run. */
export const firstOfRun = `(run.value >> ${lengthBits})`;

/** SQL for the last number of a run. */
export const lastOfRun = `(${firstOfRun} + (run.value & ${maxRunLength - 1}))`;

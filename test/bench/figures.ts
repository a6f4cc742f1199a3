/** What a figure is to be, in its own unit. */
export interface Bound {
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** Prints a figure, and beside it what it is to be. A bench only tells: whether it is met is for the reader. */
export function printFigure(name: string, value: number, unit: string, bound: Bound = {}): void {
  const text = `${round(value)} ${unit}`;
  const { atMost, atLeast } = bound;
  const isMet = !(value > (atMost ?? Infinity)) && !(value < (atLeast ?? -Infinity));
  const words = [
    ...(atMost === undefined ? [] : [`at most ${round(atMost)}`]),
    ...(atLeast === undefined ? [] : [`at least ${round(atLeast)}`]),
  ];
  const verdict =
    words.length === 0 ? '' : `(bound: ${words.join(', ')}; ${isMet ? 'met' : 'NOT MET'})`;
  console.log(`${name.padEnd(60)} ${text.padStart(14)}  ${verdict}`.trimEnd());
}

/** The value below which a share (0 to 1) of the values lies; NaN if there are none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

export const mebibyte = 1024 * 1024;

function round(value: number): string {
  return Number.isInteger(value) || Math.abs(value) >= 1000
    ? value.toFixed(0)
    : value.toPrecision(3);
}

import jStat from 'jstat';

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A straight line through points. */
export interface FittedLine {
  readonly slope: number;
  readonly intercept: number;
  /** The 95 % interval of the slope, by Student's t. */
  readonly slopeInterval: readonly [number, number];
}

/**
 * Fits a line by least squares.
 *
 * @throws RangeError with fewer than three points, through which any line goes
 */
export function fitLine(points: readonly Point[]): FittedLine {
  if (points.length < 3) {
    throw new RangeError(`Cannot fit a line through "${points.length}" points: three are needed`);
  }
  // About their means: bytes are so many more than connections that rounding would show.
  const meanX = mean(points.map(({ x }) => x));
  const meanY = mean(points.map(({ y }) => y));
  const { coef, t } = jStat.models.ols(
    points.map(({ y }) => y - meanY),
    points.map(({ x }) => [1, x - meanX]),
  );
  const slope = coef[1] ?? Number.NaN;
  const [low, high] = t.interval95[1] ?? [Number.NaN, Number.NaN];
  return {
    slope,
    intercept: meanY - slope * meanX,
    slopeInterval: [Math.min(low, high), Math.max(low, high)],
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

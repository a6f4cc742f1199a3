import type { Allocator } from './allocator.ts';
import type { LoadMix } from './load-mix.ts';
import type { SoakCacheKind } from './soak-cache.ts';

export interface SoakOptions {
  readonly cacheKind: SoakCacheKind;
  /** What the server allocates memory with. */
  readonly allocator: Allocator;
  readonly mix: LoadMix;
  /** Connections after the warm-up, in all cycles together. */
  readonly connectionCount: number;
  /** Connections of the warm-up. */
  readonly warmUpCount: number;
  /** Cycles of traffic and quiet after the warm-up. */
  readonly cycleCount: number;
  /** Threads that serve clients; 0: the one that has the cache. */
  readonly workerCount: number;
  /**
   * Lifetime of a session. The server's clock is moved by as much at the end of each cycle; with workers it cannot
   * be, and the soak waits.
   */
  readonly lifetimeSeconds: number;
  /** Connections at one time. */
  readonly concurrency: number;
  /** Rest before resident memory is read, when everything has expired, in milliseconds. */
  readonly settleMs: number;
  /** Between two samples, in milliseconds. */
  readonly sampleIntervalMs: number;
  readonly seed: number;
}

/** The last cycle makes so many times the connections of the first one. Not many: a thread that has done little does not give back what is left. */
const growth = 3;

const warmUpCycles = 5;

export interface SoakCycle {
  readonly connectionCount: number;
  readonly isWarmUp: boolean;
}

/**
 * The cycles of a soak: a warm-up in equal ones, then one larger than the other. Memory that is kept for the
 * most sessions there ever were shows as a leak only while that number grows, as it does on a server that is
 * in use.
 */
export function planCycles(options: SoakOptions): readonly SoakCycle[] {
  const { warmUpCount, connectionCount, cycleCount } = options;
  const weights = Array.from(
    { length: cycleCount },
    (_, index) => 1 + (growth - 1) * (cycleCount === 1 ? 0 : index / (cycleCount - 1)),
  );
  return [
    ...split(warmUpCount, Array<number>(warmUpCount === 0 ? 0 : warmUpCycles).fill(1)).map(
      (count) => ({ connectionCount: count, isWarmUp: true }),
    ),
    ...split(connectionCount, weights).map((count) => ({
      connectionCount: count,
      isWarmUp: false,
    })),
  ];
}

/** The cycle to go on with after the planned ones: larger than the last by as much as each was than the one before it. */
export function nextCycle(cycles: readonly SoakCycle[]): SoakCycle {
  const measured = cycles.filter(({ isWarmUp }) => !isWarmUp).map((cycle) => cycle.connectionCount);
  const [first = 0] = measured;
  const last = measured.at(-1) ?? 0;
  const step = measured.length > 1 ? (last - first) / (measured.length - 1) : 0;
  return { connectionCount: Math.round(last + step), isWarmUp: false };
}

/** Whole parts of a whole in the proportion of the weights; their sum is the whole. */
function split(whole: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  let given = 0;
  let weightGiven = 0;
  return weights.map((weight) => {
    weightGiven += weight;
    const part = Math.round((whole * weightGiven) / sum) - given;
    given += part;
    return part;
  });
}

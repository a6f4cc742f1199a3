import { fitLine, type FittedLine } from './fit-line.ts';
import type { QuietPoint, SoakResult } from './run-soak.ts';
import type { ReachableCounts } from './soak-server.ts';

export interface Verdict {
  /** Resident memory over connections, through the quiet points after the warm-up; bytes. */
  readonly line: FittedLine;
  /** The same where garbage was collected: without what a heap keeps for later. */
  readonly collectedLine: FittedLine;
  /** What is wrong, a sentence each; empty: the soak is passed. */
  readonly faults: readonly string[];
}

export interface JudgeOptions {
  /**
   * The most bytes by which resident memory may grow with each connection, for the upper end of the 95 %
   * interval of both lines; absent: not judged, since a short soak cannot tell.
   */
  readonly maxSlopeBytes?: number;
  /** The most bytes between the slope of each line and the end of its 95 % interval; absent: not judged. */
  readonly maxHalfWidthBytes?: number;
  /** The share (0 to 1) of the clients that come back in time that must resume; default 0.99. */
  readonly minResumedShare?: number;
}

/** One client in a thousand may fail on a machine that is busy with other things. */
const maxFailedShare = 0.001;

/** A server that is busy with other things may forget a session rather than wait for it. */
const defaultMinResumedShare = 0.99;

/** The lines through the quiet points after the warm-up: as they are, and after a forced collection. */
export function linesThrough(points: readonly QuietPoint[]): readonly [FittedLine, FittedLine] {
  const measured = points.filter(({ isWarmUp }) => !isWarmUp);
  const lineOf = (figure: 'residentBytes' | 'collectedResidentBytes') =>
    fitLine(measured.map((point) => ({ x: point.connectionCount, y: point[figure] })));
  return [lineOf('residentBytes'), lineOf('collectedResidentBytes')];
}

/**
 * Whether more quiet points could change the verdict: a line is not known well enough yet, and none grows for certain by more than
 * may be.
 */
export function isUndecided(
  points: readonly QuietPoint[],
  { maxSlopeBytes, maxHalfWidthBytes }: Required<Omit<JudgeOptions, 'minResumedShare'>>,
): boolean {
  const lines = linesThrough(points);
  return (
    lines.every(({ slopeInterval: [low] }) => low < maxSlopeBytes) &&
    lines.some((line) => !(halfWidth(line) <= maxHalfWidthBytes))
  );
}

function halfWidth({ slopeInterval: [low, high] }: FittedLine): number {
  return (high - low) / 2;
}

/** Decides whether a soak is passed. */
export function judgeSoak(
  result: SoakResult,
  { maxSlopeBytes, maxHalfWidthBytes, minResumedShare = defaultMinResumedShare }: JudgeOptions = {},
): Verdict {
  const [line, collectedLine] = linesThrough(result.quietPoints);
  const faults = [...faultsOfLoad(result, minResumedShare), ...faultsOfQuietPoints(result)];
  if (maxSlopeBytes !== undefined) {
    faults.push(
      ...faultsOfSlope('Resident memory', line, maxSlopeBytes),
      ...faultsOfSlope('Resident memory after a collection', collectedLine, maxSlopeBytes),
    );
  }
  if (maxHalfWidthBytes !== undefined) {
    for (const width of [line, collectedLine].map(halfWidth)) {
      if (!(width <= maxHalfWidthBytes)) {
        faults.push(`A slope is known to ${width.toFixed(1)} bytes only`);
      }
    }
  }
  return { line, collectedLine, faults };
}

function faultsOfSlope(
  what: string,
  { slopeInterval: [, high] }: FittedLine,
  maxSlopeBytes: number,
): string[] {
  // Written so that no number at all is a fault too.
  if (high < maxSlopeBytes) return [];
  return [`${what} grows by up to ${high.toFixed(1)} bytes with each connection`];
}

function faultsOfLoad(
  { counts, options, lastError }: SoakResult,
  minResumedShare: number,
): string[] {
  const faults: string[] = [];
  const { connections, failed, returned, resumed, resumedTooLate } = counts;
  if (failed > connections * maxFailedShare) {
    faults.push(`${failed} of ${connections} connections failed, the last one with ${lastError}`);
  }
  if (resumedTooLate > 0) faults.push(`${resumedTooLate} sessions resumed after they had expired`);
  const resumes = options.cacheKind !== 'off';
  if (resumes && !(resumed >= returned * minResumedShare && resumed > 0)) {
    faults.push(`Only ${resumed} of ${returned} clients that came back resumed`);
  }
  if (!resumes && resumed > 0) faults.push(`${resumed} clients resumed, though nothing can`);
  return faults;
}

function faultsOfQuietPoints({ quietPoints, reachableAtStart }: SoakResult): string[] {
  return quietPoints.flatMap((point) => {
    const after = `after ${point.connectionCount} connections`;
    const faults: string[] = [];
    const { entryCount, usedBytes, heldBytes, socketCount } = point;
    if (entryCount + usedBytes + heldBytes > 0) {
      faults.push(
        `${entryCount} sessions have ${usedBytes} bytes and hold ${heldBytes} ${after}, when all have expired`,
      );
    }
    if (socketCount > 0) faults.push(`${socketCount} sockets are open ${after}`);
    return [...faults, ...faultsOfObjects(point, reachableAtStart, after)];
  });
}

function faultsOfObjects(
  { reachableBefore, reachable }: QuietPoint,
  atStart: ReachableCounts,
  after: string,
): string[] {
  const moments = [
    [reachableBefore, 'while its sessions live'],
    [reachable, 'when its sessions have expired'],
  ] as const;
  return moments.flatMap(([counts, moment]) => {
    const names = Object.keys(counts) as (keyof ReachableCounts)[];
    return names
      .filter((name) => counts[name] > atStart[name])
      .map((name) => `${counts[name] - atStart[name]} ${name} are reachable ${after}, ${moment}`);
  });
}

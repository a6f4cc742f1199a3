import { segmentLimits } from './limits.ts';
import { unitBytes } from './segment.ts';

/** How a cache divides its bytes. */
export interface SegmentPlan {
  readonly segmentBytes: number;
  /** Segments for sessions of connections that have logged in. */
  readonly mainSegments: number;
  /** Segments for the others. */
  readonly probationSegments: number;
  /** Bytes for the index. */
  readonly indexBytes: number;
}

/**
 * Divides the bytes of a cache between its two rings and its index.
 *
 * @param maxBytes - all that the cache may hold
 * @param segmentBytes - bytes of a segment; undefined: a 64th of all, at most 256 KiB
 * @throws RangeError where one of the two is out of range, or two segments don't fit
 */
export function planSegments(maxBytes: number, segmentBytes?: number): SegmentPlan {
  if (!Number.isSafeInteger(maxBytes) || maxBytes < 1 || maxBytes > segmentLimits.maxBytes) {
    throw new RangeError(
      `Cannot hold sessions in "${maxBytes}" bytes: allowed are 1 to ${segmentLimits.maxBytes}`,
    );
  }
  const size = segmentBytes ?? defaultSegmentBytes(maxBytes);
  if (!Number.isSafeInteger(size) || size < unitBytes || size > segmentLimits.segmentBytes) {
    throw new RangeError(
      `Cannot make segments of "${size}" bytes: allowed are ${unitBytes} to ${segmentLimits.segmentBytes}`,
    );
  }
  const indexBytes = Math.floor(maxBytes * segmentLimits.indexShare);
  const segmentCount = Math.floor((maxBytes - indexBytes) / roundUp(size));
  const share = Math.floor((maxBytes * segmentLimits.probationShare) / roundUp(size));
  const probationSegments = Math.max(1, share);
  const mainSegments = segmentCount - probationSegments;
  if (mainSegments < 1) {
    throw new RangeError(`Cannot put two segments of "${size}" bytes into "${maxBytes}" bytes`);
  }
  return { segmentBytes: roundUp(size), mainSegments, probationSegments, indexBytes };
}

/** Bytes of a segment where nobody says: a 64th of all or less, a power of two, at most 256 KiB. */
export function defaultSegmentBytes(maxBytes: number): number {
  const share = 2 ** Math.floor(Math.log2(maxBytes / 64));
  return Math.max(unitBytes, Math.min(share, segmentLimits.segmentBytes));
}

function roundUp(size: number): number {
  return Math.ceil(size / unitBytes) * unitBytes;
}

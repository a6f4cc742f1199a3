import type { SessionCacheStats } from '../session-cache.ts';

const figureCount = 19;
// NaN says that what begins here is absent.
const oldestAtIndex = 14;
const failuresIndex = 15;

/** Room for the figures of a cache that two threads see. */
export function makeSharedStats(): Float64Array {
  const figures = new Float64Array(
    new SharedArrayBuffer(figureCount * Float64Array.BYTES_PER_ELEMENT),
  );
  figures[oldestAtIndex] = Number.NaN;
  figures[failuresIndex] = Number.NaN;
  return figures;
}

/** Writes the figures of a cache. */
export function writeSharedStats(figures: Float64Array, stats: SessionCacheStats): void {
  const { removed, refused, lookups, failures } = stats;
  figures[0] = stats.entryCount;
  figures[1] = stats.usedBytes;
  figures[2] = stats.heldBytes;
  figures[3] = removed.expired;
  figures[4] = removed.evicted;
  figures[5] = removed.superseded;
  figures[6] = removed.taken;
  figures[7] = removed.cleared;
  figures[8] = removed.purged;
  figures[9] = refused.tooLarge;
  figures[10] = refused.overShare;
  figures[11] = lookups.hit;
  figures[12] = lookups.unknown;
  figures[13] = lookups.expired;
  figures[oldestAtIndex] = stats.oldestAt ?? Number.NaN;
  figures[failuresIndex] = failures?.error ?? Number.NaN;
  figures[16] = failures?.timeout ?? 0;
  figures[17] = failures?.overloaded ?? 0;
  figures[18] = failures?.unsealed ?? 0;
}

/** The figures that {@link writeSharedStats} wrote last; zeros where it has not yet. */
export function readSharedStats(figures: Float64Array): SessionCacheStats {
  const at = (index: number): number => figures[index] ?? 0;
  return {
    entryCount: at(0),
    usedBytes: at(1),
    heldBytes: at(2),
    removed: {
      expired: at(3),
      evicted: at(4),
      superseded: at(5),
      taken: at(6),
      cleared: at(7),
      purged: at(8),
    },
    refused: { tooLarge: at(9), overShare: at(10) },
    lookups: { hit: at(11), unknown: at(12), expired: at(13) },
    ...(Number.isNaN(at(oldestAtIndex)) ? {} : { oldestAt: at(oldestAtIndex) }),
    ...(Number.isNaN(at(failuresIndex))
      ? {}
      : {
          failures: {
            error: at(failuresIndex),
            timeout: at(16),
            overloaded: at(17),
            unsealed: at(18),
          },
        }),
  };
}

import { defaultMix } from './load-mix.ts';
import type { QuietPoint, SoakResult } from './run-soak.ts';

const nothingReachable = { handshakes: 0, sockets: 2 };

/** Twelve quiet points after one of the warm-up, with resident memory that grows by so much a connection. */
export function growingBy(bytesPerConnection: number): QuietPoint[] {
  return Array.from({ length: 13 }, (_, index) => {
    const connectionCount = (index + 1) * 1000;
    return {
      atMs: index * 60_000,
      connectionCount,
      openCount: 0,
      // The warm-up is not on the line.
      residentBytes: index === 0 ? 50e6 : 150e6 + connectionCount * bytesPerConnection,
      collectedResidentBytes: 140e6,
      collectedThreadCount: 1,
      heapUsedBytes: 20e6,
      arrayBufferBytes: 1e6,
      entryCount: 0,
      usedBytes: 0,
      heldBytes: 0,
      socketCount: 0,
      isWarmUp: index === 0,
      peakUsedBytes: 1e6,
      reachableBefore: nothingReachable,
      reachable: nothingReachable,
    };
  });
}

/** A soak with these quiet points that is passed but for them. */
export function soakResult(quietPoints: readonly QuietPoint[]): SoakResult {
  return {
    options: {
      cacheKind: 'memory',
      allocator: 'jemalloc',
      mix: defaultMix,
      connectionCount: 12_000,
      warmUpCount: 1000,
      cycleCount: 12,
      workerCount: 0,
      lifetimeSeconds: 7200,
      concurrency: 16,
      settleMs: 0,
      sampleIntervalMs: 1000,
      seed: 1,
    },
    samples: quietPoints,
    quietPoints,
    counts: {
      connections: 13_000,
      full: 6500,
      returned: 6000,
      resumed: 6000,
      returnedTooLate: 100,
      resumedTooLate: 0,
      abandoned: 400,
      failed: 0,
    },
    lastError: undefined,
    reachableAtStart: nothingReachable,
  };
}

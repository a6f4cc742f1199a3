import t from 'tap';
import type { SessionCacheStats } from '../../../../tls/index.ts';
import {
  makeSharedStats,
  readSharedStats,
  writeSharedStats,
} from '../../../../tls/sessions/threads/messages.ts';

const least: SessionCacheStats = {
  entryCount: 1,
  usedBytes: 2 ** 40,
  heldBytes: 2 ** 41,
  removed: { expired: 4, evicted: 5, superseded: 6, taken: 7, cleared: 8, purged: 9 },
  refused: { tooLarge: 10, overShare: 11 },
  lookups: { hit: 12, unknown: 13, expired: 14 },
};

void t.test('reads what was written, through the memory that is shared', async (t) => {
  const figures = makeSharedStats();
  const other = new Float64Array(figures.buffer as SharedArrayBuffer);
  const failures = { error: 16, timeout: 17, overloaded: 18, unsealed: 19 };
  for (const stats of [
    least,
    { ...least, oldestAt: 15.5 },
    { ...least, failures },
    { ...least, oldestAt: 0, failures: { ...failures, error: 0 } },
    least,
  ]) {
    writeSharedStats(figures, stats);
    t.strictSame(readSharedStats(other), stats);
  }
});

void t.test('begins with zeros', async (t) => {
  t.strictSame(readSharedStats(makeSharedStats()), {
    entryCount: 0,
    usedBytes: 0,
    heldBytes: 0,
    removed: { expired: 0, evicted: 0, superseded: 0, taken: 0, cleared: 0, purged: 0 },
    refused: { tooLarge: 0, overShare: 0 },
    lookups: { hit: 0, unknown: 0, expired: 0 },
  });
});

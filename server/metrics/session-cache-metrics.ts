import type { Clock, SessionCacheStats } from '../../tls/index.ts';
import { oneReading, type PolledRegistry, readingsOf } from './polled-registry.ts';

/** What the metrics of a session cache are read from. */
export interface SessionCacheMetricsOptions {
  /** Called for each scrape; undefined if there is no cache. */
  readonly read: () => SessionCacheStats | undefined;
  /** The clock of the cache. */
  readonly clock: Clock;
}

/**
 * Adds the statistics of the session cache.
 *
 * @returns a function to call after each step in which the cache gave memory back, with its duration in milliseconds
 */
export function addSessionCacheMetrics(
  registry: PolledRegistry,
  { read, clock }: SessionCacheMetricsOptions,
): (durationMs: number) => void {
  const { gauge, counter } = cacheMetrics(registry, read);
  gauge('entries', 'Sessions in the cache.', ({ entryCount }) => entryCount);
  gauge('bytes_used', 'Bytes of the sessions in the cache.', ({ usedBytes }) => usedBytes);
  gauge(
    'bytes_held',
    'Bytes that the cache holds from the system, its index included.',
    ({ heldBytes }) => heldBytes,
  );
  gauge(
    'oldest_seconds',
    'Age of the oldest session in the cache, in seconds; 0 for an empty cache.',
    ({ entryCount, oldestAt }) =>
      oldestAt === undefined ? emptyAge(entryCount) : Math.max(0, (clock() - oldestAt) / 1000),
  );
  addCounters(counter);
  const observe = registry.addHistogram({
    name: 'reprise_session_cache_reclaim_seconds',
    help: 'Length of the steps in which sessions expire or are purged and their memory goes back.',
    buckets: [0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.01, 0.1],
  });
  return (durationMs) => observe(durationMs / 1000);
}

function addCounters(counter: ReturnType<typeof cacheMetrics>['counter']): void {
  counter(
    'removed',
    'Sessions that have left the cache, by reason.',
    'reason',
    ({ removed }) => removed,
  );
  counter(
    'refused',
    'Sessions that were not stored, by reason.',
    'reason',
    ({ refused: { tooLarge, overShare } }) => ({ too_large: tooLarge, over_share: overShare }),
  );
  counter(
    'table',
    'What became of sessions in the table that workers share: hit: a lookup was answered by it; too_large: a session ' +
      'had no place in it, so that lookups of it go to the main thread. Nothing without workers.',
    'event',
    ({ table }) => table && { hit: table.hit, too_large: table.tooLarge },
  );
  counter(
    'failures',
    'What the server behind the cache did not do, by cause; nothing for a cache in memory.',
    'cause',
    ({ failures }) => failures,
  );
}

/** Makes metrics of what the cache has told last. */
function cacheMetrics(registry: PolledRegistry, read: SessionCacheMetricsOptions['read']) {
  const readWith = <Value>(pick: (stats: SessionCacheStats) => Value): Value | undefined => {
    const stats = read();
    return stats && pick(stats);
  };
  return {
    gauge: (name: string, help: string, pick: (stats: SessionCacheStats) => number | undefined) =>
      registry.addGauge({
        name: `reprise_session_cache_${name}`,
        help,
        read: () => oneReading(readWith(pick)),
      }),
    counter: (
      name: string,
      help: string,
      label: string,
      pick: (stats: SessionCacheStats) => Readonly<Record<string, number>> | undefined,
    ) =>
      registry.addCounter({
        name: `reprise_session_cache_${name}_total`,
        help,
        read: () => readingsOf(label, readWith(pick) ?? {}),
      }),
  };
}

/** A cache with sessions may not know their age. */
function emptyAge(entryCount: number): number | undefined {
  return entryCount === 0 ? 0 : undefined;
}

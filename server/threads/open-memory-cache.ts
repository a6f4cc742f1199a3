import type { Logger } from 'pino';
import { SegmentSessionCache } from '../../tls/segment-session-cache.ts';
import {
  SharedSessionCache,
  type SharedSessionCacheOptions,
} from '../../tls/shared-session-cache.ts';

/** Who uses a cache in the keeper's memory. */
export interface MemoryCacheUsers {
  /** 0: the keeper's thread alone. */
  readonly workerCount: number;
  readonly logger: Logger;
}

/** A cache in the keeper's memory, which workers share where there are any. */
export function openMemoryCache(
  options: SharedSessionCacheOptions,
  { workerCount, logger }: MemoryCacheUsers,
): SegmentSessionCache {
  if (workerCount === 0) return new SegmentSessionCache(options);
  const onError = (error: unknown) => logger.warn({ err: error }, 'session cache failed');
  return new SharedSessionCache({ ...options, onError });
}

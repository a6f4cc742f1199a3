import type { Clock, SessionCache } from '../../tls/index.ts';
import { HoardingSessionCache } from '../fixtures/hoarding-session-cache.ts';
import { NaiveMapSessionCache } from '../fixtures/naive-map-session-cache.ts';

/** `map` and `never-frees` are the controls; the others are the server's own. */
export const soakCacheKinds = ['memory', 'map', 'never-frees', 'tickets', 'off'] as const;

export type SoakCacheKind = (typeof soakCacheKinds)[number];

/** A cache that the server is given instead of its own. */
export interface ControlCache {
  readonly cache: SessionCache;
  /** Drops what has expired, where the cache's timers do not follow a clock that is moved. */
  readonly expire: () => void;
}

/** Room for more sessions than a soak makes between two quiet points: no cache has to evict. */
export const soakCacheBytes = 256 * 1024 * 1024;

/** The cache of a control; undefined for what the server has itself. */
export function makeControlCache(
  kind: SoakCacheKind,
  lifetimeMs: number,
  clock: Clock,
): ControlCache | undefined {
  if (kind === 'map') {
    const cache = new NaiveMapSessionCache({ clock });
    return { cache, expire: () => cache.sweep() };
  }
  if (kind === 'never-frees') {
    const cache = new HoardingSessionCache({ maxBytes: soakCacheBytes, lifetimeMs, clock });
    return { cache, expire: () => {} };
  }
  return undefined;
}

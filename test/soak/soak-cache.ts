import {
  NullSessionCache,
  SegmentSessionCache,
  type Clock,
  type SessionCache,
} from '../../tls/index.ts';
import { HoardingSessionCache } from '../fixtures/hoarding-session-cache.ts';
import { NaiveMapSessionCache } from '../fixtures/naive-map-session-cache.ts';

/** `map` and `never-frees` are the controls. */
export const soakCacheKinds = ['memory', 'map', 'never-frees', 'off'] as const;

export type SoakCacheKind = (typeof soakCacheKinds)[number];

export interface SoakCache {
  readonly cache: SessionCache;
  /** For a cache whose timers do not follow the clock when it is moved: drops what has expired. */
  readonly expire: () => void;
}

/** Room for more sessions than a soak makes between two quiet points: no cache has to evict. */
const maxBytes = 256 * 1024 * 1024;

const makers: Record<SoakCacheKind, (lifetimeMs: number, clock: Clock) => SoakCache> = {
  memory: (lifetimeMs, clock) => ({
    cache: new SegmentSessionCache({ maxBytes, lifetimeMs, clock }),
    expire: () => {},
  }),
  map: (_lifetimeMs, clock) => {
    const cache = new NaiveMapSessionCache({ clock });
    return { cache, expire: () => cache.sweep() };
  },
  'never-frees': (lifetimeMs, clock) => ({
    cache: new HoardingSessionCache({ maxBytes, lifetimeMs, clock }),
    expire: () => {},
  }),
  off: () => ({ cache: new NullSessionCache(), expire: () => {} }),
};

export function makeSoakCache(kind: SoakCacheKind, lifetimeMs: number, clock: Clock): SoakCache {
  return makers[kind](lifetimeMs, clock);
}

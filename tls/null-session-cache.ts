import type { SessionCache, SessionCacheStats } from './session-cache.ts';

/** Keeps nothing: every handshake is a full one. */
export class NullSessionCache implements SessionCache {
  #unknown = 0;

  async get(): Promise<undefined> {
    this.#unknown++;
    return undefined;
  }

  async put(): Promise<void> {}

  async take(): Promise<undefined> {
    this.#unknown++;
    return undefined;
  }

  async promote(): Promise<void> {}

  async delete(): Promise<void> {}

  async purge(): Promise<number> {
    return 0;
  }

  stats(): SessionCacheStats {
    return {
      entryCount: 0,
      usedBytes: 0,
      heldBytes: 0,
      removed: { expired: 0, evicted: 0, superseded: 0, taken: 0, cleared: 0, purged: 0 },
      refused: { tooLarge: 0, overShare: 0 },
      lookups: { hit: 0, unknown: this.#unknown, expired: 0 },
    };
  }

  async close(): Promise<void> {}
}

/** How many parts a lifetime has; entries are counted by the part in which they expire. */
const partCount = 64;

interface Part {
  /** All entries that are counted here have expired at this time. */
  readonly endMs: number;
  entryCount: number;
  bytes: number;
}

/** How many entries there are, and how many bytes they have. */
export interface ExpiredCount {
  readonly entryCount: number;
  readonly bytes: number;
}

/**
 * Counts entries that another server has and lets expire by itself; it stores nothing for each of them. An
 * entry is counted until its deadline, or up to a 64th of the lifetime longer.
 */
export class ExpiringCount {
  readonly #partMs: number;
  /** By the number of the part. */
  readonly #parts = new Map<number, Part>();

  /** @param lifetimeMs - the longest life of an entry */
  constructor(lifetimeMs: number) {
    this.#partMs = lifetimeMs / partCount;
  }

  /** What is counted now. A part can be below zero, if an entry was taken off another part than it was counted in. */
  get current(): ExpiredCount {
    let entryCount = 0;
    let bytes = 0;
    for (const part of this.#parts.values()) {
      entryCount += part.entryCount;
      bytes += part.bytes;
    }
    return { entryCount: Math.max(0, entryCount), bytes: Math.max(0, bytes) };
  }

  /** Counts entries; negative numbers take them off. */
  add(expiresAt: number, entryCount: number, bytes: number): void {
    const number = Math.ceil(expiresAt / this.#partMs);
    const part = this.#parts.get(number) ?? {
      endMs: number * this.#partMs,
      entryCount: 0,
      bytes: 0,
    };
    part.entryCount += entryCount;
    part.bytes += bytes;
    this.#parts.set(number, part);
  }

  /** Drops the parts that have expired; returns how many entries they had. */
  expire(nowMs: number): number {
    let expired = 0;
    for (const [number, part] of this.#parts) {
      if (part.endMs > nowMs) continue;
      expired += part.entryCount;
      this.#parts.delete(number);
    }
    return Math.max(0, expired);
  }

  clear(): void {
    this.#parts.clear();
  }
}

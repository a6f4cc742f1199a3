/** Parts of a lifetime that entries are counted in. */
const partCount = 64;

interface Part {
  /** From this instant on all that is counted here has expired. */
  readonly endMs: number;
  entryCount: number;
  bytes: number;
}

/** How many entries, and their bytes. */
export interface ExpiredCount {
  readonly entryCount: number;
  readonly bytes: number;
}

/**
 * Counts entries that lie elsewhere and expire there by themselves, without keeping anything for each. An
 * entry counts until its deadline at the least, and for a 64th of the lifetime longer at the most.
 */
export class ExpiringCount {
  readonly #partMs: number;
  // By their end, in whole parts.
  readonly #parts = new Map<number, Part>();

  /** @param lifetimeMs - the longest life of an entry */
  constructor(lifetimeMs: number) {
    this.#partMs = lifetimeMs / partCount;
  }

  /** What counts now; parts may be below zero where others removed what was counted elsewhere, the sum not. */
  get current(): ExpiredCount {
    let entryCount = 0;
    let bytes = 0;
    for (const part of this.#parts.values()) {
      entryCount += part.entryCount;
      bytes += part.bytes;
    }
    return { entryCount: Math.max(0, entryCount), bytes: Math.max(0, bytes) };
  }

  /** Counts entries, or with negative figures takes them off the count. */
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

  /** Drops what has expired; how many entries that were. */
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

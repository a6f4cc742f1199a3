import { redisLimits } from '../../limits.ts';
import { idName } from './redis-layout.ts';

/** Sessions whose account Redis may not have been told. */
export interface OwedRemoval {
  /** The {@link idName} of the session. */
  readonly name: string;
  /** The tag of the account that logged in: a session that has it already need not go. */
  readonly tag: Buffer;
  /** Why it goes: a purge may have passed it, or another reason. */
  readonly reason: 'cleared' | 'purged';
  /** From when on the session has expired, in milliseconds of the cache's clock. */
  readonly untilMs: number;
}

/**
 * The sessions that must go from Redis, since it was away when their clients logged in: a purge of the account would
 * not find them. Until they are gone the cache does not return them.
 *
 * While Redis is away no session reaches it, so nothing is owed for one that was never sent there. Ids of those are
 * remembered for the time from handshake to login.
 */
export class OwedRemovals {
  readonly #owed = new Map<string, OwedRemoval>();
  /** Name of each session that was not stored, and until when that is remembered. The oldest first. */
  readonly #unsent = new Map<string, number>();

  /** Whether it has nothing to remember. */
  get isEmpty(): boolean {
    return this.#owed.size === 0 && this.#unsent.size === 0;
  }

  /** The session with this id is surely not in Redis. */
  noteUnsent(id: Uint8Array, nowMs: number): void {
    const [oldest] = this.#unsent.size < redisLimits.unsentSessions ? [] : this.#unsent.keys();
    if (oldest !== undefined) this.#unsent.delete(oldest);
    this.#unsent.set(idName(id), nowMs + redisLimits.unsentMs);
  }

  /**
   * Adds sessions of an account, but for those that are not in Redis.
   *
   * @returns what Redis has to remove now; undefined if more than {@link redisLimits.owedRemovals} would be owed, and
   *   nothing was added
   */
  add(
    ids: readonly Uint8Array[],
    details: Omit<OwedRemoval, 'name'>,
  ): readonly OwedRemoval[] | undefined {
    const names = ids.map(idName).filter((name) => !this.#unsent.delete(name));
    if (this.#owed.size + names.length > redisLimits.owedRemovals) return undefined;
    const removals = names.map((name) => ({ name, ...details }));
    for (const removal of removals) this.#owed.set(removal.name, removal);
    return removals;
  }

  /** The removal that is owed of a session, if one is. */
  find(id: Uint8Array): OwedRemoval | undefined {
    return this.#owed.size === 0 ? undefined : this.#owed.get(idName(id));
  }

  /** Up to so many of them; the oldest first. */
  first(count: number): readonly OwedRemoval[] {
    const removals: OwedRemoval[] = [];
    for (const removal of this.#owed.values()) {
      if (removals.length >= count) break;
      removals.push(removal);
    }
    return removals;
  }

  /** Drops a removal that Redis has done. Does nothing if it has been replaced by a later one. */
  settle(removal: OwedRemoval): void {
    if (this.#owed.get(removal.name) === removal) this.#owed.delete(removal.name);
  }

  /** Drops what has expired. */
  expire(nowMs: number): void {
    for (const [name, { untilMs }] of this.#owed) if (untilMs <= nowMs) this.#owed.delete(name);
    for (const [name, untilMs] of this.#unsent) {
      if (untilMs > nowMs) break;
      this.#unsent.delete(name);
    }
  }

  clear(): void {
    this.#owed.clear();
    this.#unsent.clear();
  }
}

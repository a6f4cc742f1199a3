import { redisLimits } from '../../limits.ts';
import type { PurgeOwner } from '../session-cache.ts';
import type { OwnerTags } from './redis-layout.ts';

/** A purge that Redis has not completed. */
export interface OwedPurge {
  readonly owner: PurgeOwner;
  /** When it was last called, in milliseconds of the cache's clock. */
  readonly calledAt: number;
  /** Tags of the owner, in hexadecimal digits; empty for all. */
  readonly tags: readonly string[];
}

/** The part of a session in Redis that decides whether a purge covers it. */
export interface PurgeableSession extends OwnerTags {
  /** In milliseconds of the cache's clock. */
  readonly expiresAt: number;
}

/**
 * The purges that were called and that Redis has not done yet, which may take long if Redis is away. Until then the
 * cache does not return sessions that they cover.
 *
 * A session does not tell when it was stored. But those that were stored before a purge expire at most a lifetime
 * after it, so these count as covered. A session that was stored after the purge and lives shorter than others may be
 * covered too; its client makes a full handshake.
 */
export class OwedPurges {
  readonly #lifetimeMs: number;
  /** Oldest call first. */
  #purges: readonly OwedPurge[] = [];

  /** @param lifetimeMs - the longest life of a session, plus what the clocks of machines may differ by */
  constructor(lifetimeMs: number) {
    this.#lifetimeMs = lifetimeMs;
  }

  /** The oldest call first. */
  get purges(): readonly OwedPurge[] {
    return this.#purges;
  }

  /**
   * Adds a purge, which replaces an earlier one of the same owner. If there are {@link redisLimits.owedPurges} already,
   * it becomes a purge of all, since a cache may always forget sessions.
   *
   * @returns the purge that Redis has to do; call {@link settle} with it when it is done
   */
  add(owner: PurgeOwner, tags: readonly Buffer[], nowMs: number): OwedPurge {
    const isFull = this.#purges.length >= redisLimits.owedPurges;
    const purge: OwedPurge = isFull
      ? { owner: 'all', calledAt: nowMs, tags: [] }
      : { owner, calledAt: nowMs, tags: tags.map((tag) => tag.toString('hex')) };
    const name = nameOf(purge.owner);
    const others = this.#purges.filter((other) => nameOf(other.owner) !== name);
    // A purge of all covers every earlier one.
    this.#purges = purge.owner === 'all' ? [purge] : [...others, purge];
    return purge;
  }

  /** Drops a purge that Redis has done. Does nothing if it has been replaced by a later one. */
  settle(purge: OwedPurge): void {
    this.#purges = this.#purges.filter((other) => other !== purge);
  }

  /** Whether a session that was found must be treated as purged. */
  covers({ expiresAt, account, certificate }: PurgeableSession): boolean {
    if (this.#purges.length === 0) return false;
    const tags = [account, certificate].map((tag) => tag?.toString('hex'));
    return this.#purges.some(
      (purge) =>
        expiresAt <= purge.calledAt + this.#lifetimeMs &&
        (purge.owner === 'all' ||
          tags.some((tag) => tag !== undefined && purge.tags.includes(tag))),
    );
  }

  /** Drops the purges whose sessions have all expired. */
  expire(nowMs: number): void {
    this.#purges = this.#purges.filter(({ calledAt }) => nowMs < calledAt + this.#lifetimeMs);
  }

  clear(): void {
    this.#purges = [];
  }
}

function nameOf(owner: PurgeOwner): string {
  return JSON.stringify(owner);
}

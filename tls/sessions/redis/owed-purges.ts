import { redisLimits } from '../../limits.ts';
import type { PurgeOwner } from '../session-cache.ts';
import type { OwnerTags } from './redis-layout.ts';

/** A purge that Redis has not done whole. */
export interface OwedPurge {
  readonly owner: PurgeOwner;
  /** When it was last called, in milliseconds of the cache's clock. */
  readonly calledAt: number;
  /** Tags of the owner, in hexadecimal digits; empty for all. */
  readonly tags: readonly string[];
}

/** What a session in Redis tells that counts for a purge. */
export interface PurgeableSession extends OwnerTags {
  /** In milliseconds of the cache's clock. */
  readonly expiresAt: number;
}

/**
 * Purges from their call until Redis has done them, which may be long after if Redis is away. Until then the cache
 * judges by this list what it finds.
 *
 * A session does not say when it was stored, but none that came before a purge expires later than a lifetime after
 * it. One that came after the purge and lives shorter than others may be taken for an old one: its client makes a
 * full handshake.
 */
export class OwedPurges {
  readonly #lifetimeMs: number;
  /** Oldest call first. */
  #purges: readonly OwedPurge[] = [];

  /** @param lifetimeMs - the longest life of a session, with what clocks of machines differ by */
  constructor(lifetimeMs: number) {
    this.#lifetimeMs = lifetimeMs;
  }

  /** The oldest call first. */
  get purges(): readonly OwedPurge[] {
    return this.#purges;
  }

  /**
   * Adds a purge in the place of an earlier one of the same owner. If there are {@link redisLimits.owedPurges}
   * already it becomes one of all, since forgetting is always allowed.
   *
   * @returns what Redis is to do; {@link settle} it then
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

  /** Redis has done it; nothing changes if it was called for again since. */
  settle(purge: OwedPurge): void {
    this.#purges = this.#purges.filter((other) => other !== purge);
  }

  /** Whether a session that was found is to be gone. */
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

  /** Forgets those of which every session has expired. */
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

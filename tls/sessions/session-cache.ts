import { cacheLimits } from '../limits.ts';

/**
 * Keeps the sessions of a TLS server, so that a client can come back with a short handshake. Implement this to bring
 * a cache of your own, and test it with the conformance suite.
 *
 * The arguments:
 * - `id` is random, made by OpenSSL (32 bytes). In a lookup it comes from the client and can be any bytes.
 * - `session` is secret: it holds the keys of a connection. Overwrite it when you drop it; never log it.
 *
 * A cache may forget any session at any time; the client then makes a full handshake. It must not return a session
 * after its `expiresAt`, or after `delete`, `take` or `purge`; nor return another session's bytes; nor reject if there
 * is no room, or if a server behind it is away (except for `purge`); nor hold the memory of a session that has
 * expired, whether there is traffic or not.
 *
 * A cache that need not wait may answer with the value itself instead of a promise, which is cheaper for each client.
 */
export interface SessionCache {
  /** Returns the session, in a copy that the caller owns; undefined if it is unknown, expired or cannot be reached. */
  get(id: Uint8Array): Answer<Uint8Array | undefined>;
  /** Stores a copy of the session. May evict others, or not store it at all. */
  put(id: Uint8Array, session: Uint8Array, options: PutOptions): Answer<void>;
  /** Returns the session as {@link get} does, and deletes it in the same step: of two callers only one gets it. */
  take(id: Uint8Array): Answer<Uint8Array | undefined>;
  /** The connection that was given these sessions has logged in as `account`. Unknown ids are ignored. */
  promote(ids: readonly Uint8Array[], account: string): Answer<void>;
  /**
   * Deletes one session, if it is there.
   *
   * @param reason - `superseded` if its successor has been used; default: `cleared`, for any other reason
   */
  delete(id: Uint8Array, reason?: 'superseded' | 'cleared'): Answer<void>;
  /**
   * Forgets the sessions of an owner, or all: those that were stored before the call are not found from the
   * call on. Returns how many there were. Takes long if there are many, but no single step of it does.
   *
   * @throws PurgeError (or another error that says why) if sessions may be left, since a server behind the
   *   cache is away. This cache does not return those either, and purges them once the server is back; but
   *   other machines may resume them until then, and so may this one after it was restarted.
   */
  purge(owner: PurgeOwner): Promise<number>;
  stats(): SessionCacheStats;
  /** Deletes everything, gives all memory back, stops timers. Later calls find nothing and do nothing. */
  close(): Promise<void>;
}

/** What a cache answers: at once, or later. */
export type Answer<Value> = Value | Promise<Value>;

/** Bytes of the ids that OpenSSL makes. In TLS 1.3 such an id is the PSK identity. */
export const sessionIdBytes = 32;

/** What is stored with a session. */
export interface PutOptions {
  /** From this time on the session is expired, in milliseconds of the cache's clock. */
  readonly expiresAt: number;
  /** SHA-256 fingerprint of the client's certificate; absent if it had none. */
  readonly certificate?: string;
  /** The address that the handshake came from. What one address stores without logging in is bounded. */
  readonly address?: string;
  /** The account, if it is known already; the session needs no {@link SessionCache.promote} then. */
  readonly account?: string;
}

/** Whose sessions are purged. */
export type PurgeOwner = { readonly account: string } | { readonly certificate: string } | 'all';

/** Why a session was removed. Each removal has exactly one reason. */
export type RemovalReason = 'expired' | 'evicted' | 'superseded' | 'taken' | 'cleared' | 'purged';

/** A purge that could not reach all sessions; the message says why, and is for the operator. */
export class PurgeError extends Error {
  override readonly name = 'PurgeError';
  /** Sessions that it has removed nevertheless. */
  readonly purgedCount: number;

  constructor(message: string, purgedCount: number, options?: ErrorOptions) {
    super(message, options);
    this.purgedCount = purgedCount;
  }
}

/** What a cache holds now, and what it has done. */
export interface SessionCacheStats {
  readonly entryCount: number;
  /** Bytes of the sessions that it has. */
  readonly usedBytes: number;
  /** Bytes of memory held for them, index included; 0 once the last session is gone and its memory given back. */
  readonly heldBytes: number;
  /**
   * When the oldest session was stored, in milliseconds of the cache's clock; absent if there is none, or if the
   * cache does not know.
   */
  readonly oldestAt?: number;
  readonly removed: Readonly<Record<RemovalReason, number>>;
  /** Sessions that were not stored: too large for this cache, or above the share of their address. */
  readonly refused: { readonly tooLarge: number; readonly overShare: number };
  readonly lookups: {
    readonly hit: number;
    readonly unknown: number;
    readonly expired: number;
  };
  /**
   * Of the table in which threads find recent sessions: lookups that it answered, and sessions that it had no place
   * for, which threads ask another for. Absent if there is none.
   */
  readonly table?: { readonly hit: number; readonly tooLarge: number };
  /**
   * Commands that a server behind the cache did not do. `error`: it answered with an error, or was away; `timeout`: it
   * took too long; `overloaded`: too many commands waited for it; `unsealed`: what it had was sealed by another
   * secret, or changed. Absent if there is no such server.
   */
  readonly failures?: {
    readonly error: number;
    readonly timeout: number;
    readonly overloaded: number;
    readonly unsealed: number;
  };
}

/** Keeps nothing: every handshake is a full one. */
export class NullSessionCache implements SessionCache {
  #unknown = 0;

  get(): Answer<Uint8Array | undefined> {
    this.#unknown++;
    return undefined;
  }

  put(): Answer<void> {}

  take(): Answer<Uint8Array | undefined> {
    this.#unknown++;
    return undefined;
  }

  promote(): Answer<void> {}

  delete(): Answer<void> {}

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

/** How long the sessions of a cache live. */
export class SessionLife {
  readonly lifetimeMs: number;

  /** @param lifetimeMs - the longest life of a session */
  constructor(lifetimeMs: number) {
    this.lifetimeMs = lifetimeMs;
  }

  /** Returns when a session that comes now expires, in whole milliseconds: not later than the longest life allows. */
  end(expiresAt: number, nowMs: number): number {
    return Math.floor(Math.min(expiresAt, nowMs + this.lifetimeMs));
  }

  /**
   * Whether a session has expired, or seems to live longer than one that came just now could: the clock was set back
   * since it came.
   */
  isOver(expiresAt: number, nowMs: number): boolean {
    return expiresAt <= nowMs || expiresAt > nowMs + this.lifetimeMs + cacheLimits.clockToleranceMs;
  }
}

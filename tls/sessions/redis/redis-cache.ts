import { setTimeout as wait } from 'node:timers/promises';
import { cacheLimits, redisLimits, tlsLimits } from '../../limits.ts';
import { type Clock, steadyClock } from '../../time.ts';
import type {
  PurgeOwner,
  PutOptions,
  RemovalReason,
  SessionCache,
  SessionCacheStats,
} from '../session-cache.ts';
import { ExpiringCount } from './expiring-count.ts';
import { RedisCommands } from './redis-commands.ts';
import { RedisConnection, RedisFailure } from './redis-connection.ts';
import { decodeRecord, encodeRecord, RedisKeys } from './redis-layout.ts';
import { parseRedisUrl } from './redis-url.ts';
import { SessionOwners } from './session-owners.ts';
import { SessionSealer } from './session-sealer.ts';

/** Which Redis has the sessions, and what they are sealed with. */
export interface RedisSessionCacheOptions {
  /** The URL of a Redis or Valkey, at least version 6.2; {@link parseRedisUrl} tells its forms. */
  readonly url: string;
  /**
   * Secrets that sessions are sealed with: at least 32 random bytes each, the same on all machines. The first one
   * seals, each of them opens. To change it, give all machines old and new, then new and old, then only the new one.
   */
  readonly secrets: readonly Uint8Array[];
  /** The longest life of a session, in milliseconds; a later `expiresAt` is replaced by its end. */
  readonly lifetimeMs: number;
  /** What the keys in Redis begin with; default: `reprise:`. At most 128 bytes. */
  readonly prefix?: string;
  /** PEM: certificates to trust instead of those that Node trusts, for `rediss:`. */
  readonly ca?: string;
  /** Time for a command, in milliseconds; default: 100. */
  readonly deadlineMs?: number;
  /**
   * A client may come to another machine before the first one has stored its session in Redis. So a `get` that finds
   * nothing looks again after this time, in milliseconds; 0: it does not. Default: 10.
   */
  readonly secondLookMs?: number;
  /** Default: a clock that nobody can set, from the time at which the process began. */
  readonly clock?: Clock;
  /** Called when Redis is reached; and with the reason when it is lost, or cannot be reached at first. */
  readonly onConnectionChange?: (isConnected: boolean, error: Error | undefined) => void;
  /** Called with each purge that had failed, when Redis has done it, or when the cache is closed before. */
  readonly onLatePurge?: (owner: PurgeOwner, isDone: boolean) => void;
}

/**
 * Keeps sessions in a Redis or Valkey that several machines share, and that goes on when they restart.
 *
 * Sessions are sealed, and accounts and certificates are stored as tags that can only be made with the secret, so
 * that someone who can read Redis learns nothing. A session that cannot be opened counts as a failure and is not
 * found. Redis itself removes a session when it expires. Let it evict by `maxmemory-policy volatile-ttl`, which evicts
 * the oldest first. If it refuses instead (`noeviction`), sessions are not stored, and no client notices.
 *
 * No call waits longer than the deadline for each step, and none but a purge is rejected: if Redis is away, lookups
 * find nothing, and {@link SessionCacheStats.failures} counts them. A purge that Redis has not completed is rejected;
 * lookups respect it nevertheless, and it is tried again until Redis has done it. A session that Redis does not give
 * to its account is removed in the same way. The clocks of the machines should agree within a minute: a session has
 * expired as soon as one of them says so.
 *
 * The statistics count what this process has stored and has not seen go. What Redis evicts or other machines remove
 * is counted until it would have expired. There is no share for each address.
 */
export class RedisSessionCache implements SessionCache {
  readonly #lifetimeMs: number;
  readonly #secondLookMs: number;
  readonly #keys: RedisKeys;
  readonly #clock: Clock;
  readonly #sealer: SessionSealer;
  readonly #commands: RedisCommands;
  readonly #stored: ExpiringCount;
  readonly #removed = { expired: 0, evicted: 0, superseded: 0, taken: 0, cleared: 0, purged: 0 };
  readonly #lookups = { hit: 0, unknown: 0, expired: 0 };
  readonly #owners: SessionOwners;
  #tooLarge = 0;
  #unsealed = 0;
  #isClosed = false;

  /**
   * Connects in the background, and again when the connection is lost.
   *
   * @throws TypeError if the URL has none of the forms; RangeError if a bound is out of range or a secret is too short
   */
  constructor(options: RedisSessionCacheOptions) {
    const { lifetimeMs, prefix = 'reprise:', deadlineMs = redisLimits.deadlineMs } = options;
    expectWithin('keep sessions for', lifetimeMs, tlsLimits.lifetimeMs);
    expectWithin('wait for Redis for', deadlineMs, redisLimits.stallMs);
    if (Buffer.byteLength(prefix) > redisLimits.prefixBytes) {
      throw new RangeError(
        `Cannot use key prefix "${prefix}": at most ${redisLimits.prefixBytes} bytes are allowed`,
      );
    }
    this.#lifetimeMs = lifetimeMs;
    this.#secondLookMs = options.secondLookMs ?? redisLimits.secondLookMs;
    this.#keys = new RedisKeys(prefix);
    this.#clock = options.clock ?? steadyClock;
    this.#stored = new ExpiringCount(lifetimeMs);
    this.#sealer = new SessionSealer(options.secrets, prefix);
    const connection = new RedisConnection({
      target: parseRedisUrl(options.url),
      ca: options.ca,
      deadlineMs,
      onChange: options.onConnectionChange ?? (() => {}),
    });
    this.#commands = new RedisCommands(connection);
    this.#owners = new SessionOwners({
      commands: this.#commands,
      keys: this.#keys,
      sealer: this.#sealer,
      clock: this.#clock,
      lifetimeMs,
      onRemoved: (record, reason) => this.#forget(record, reason),
      onLatePurge: options.onLatePurge ?? (() => {}),
    });
  }

  /** Whether Redis was reached when it was last needed. */
  get isConnected(): boolean {
    return this.#commands.isConnected;
  }

  async get(id: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#lookUp(id, 'GET');
  }

  async take(id: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#lookUp(id, 'GETDEL');
  }

  async put(id: Uint8Array, session: Uint8Array, options: PutOptions): Promise<void> {
    if (this.#isClosed) return;
    const nowMs = this.#clock();
    const expiresAt = Math.floor(Math.min(options.expiresAt, nowMs + this.#lifetimeMs));
    if (!(expiresAt > nowMs)) return;
    const key = this.#keys.session(id);
    if (key === undefined || session.length > cacheLimits.sessionBytes) {
      this.#tooLarge++;
      return;
    }
    const tags = this.#owners.tagsOf(options);
    const sealed = this.#sealer.seal(id, session, expiresAt);
    const record = encodeRecord({ expiresAt, sealed }, tags);
    // The index comes first, so that a purge finds every session. A session without an owner is sent at once,
    // before any lookup that is called after this.
    if (tags.account !== undefined || tags.certificate !== undefined) {
      if (!(await this.#owners.index(id, tags, expiresAt))) return this.#owners.noteUnsent(id);
    }
    const px = String(Math.ceil(expiresAt - nowMs));
    const previous = await this.#commands.send(key, ['SET', key, record, 'PX', px, 'GET']);
    if (previous instanceof RedisFailure) {
      if (previous.isUndone) this.#owners.noteUnsent(id);
      return;
    }
    if (Buffer.isBuffer(previous)) this.#forget(previous, 'superseded');
    this.#stored.add(expiresAt, 1, record.length);
  }

  promote(ids: readonly Uint8Array[], account: string): Promise<void> {
    return this.#owners.promote(ids, account);
  }

  async delete(id: Uint8Array, reason: 'superseded' | 'cleared' = 'cleared'): Promise<void> {
    const key = this.#keys.session(id);
    if (key !== undefined) await this.#remove(key, reason);
  }

  async purge(owner: PurgeOwner): Promise<number> {
    return this.#isClosed ? 0 : this.#owners.purge(owner);
  }

  stats(): SessionCacheStats {
    this.#removed.expired += this.#stored.expire(this.#clock());
    const { entryCount, bytes } = this.#stored.current;
    return {
      entryCount,
      usedBytes: bytes,
      heldBytes: bytes,
      removed: { ...this.#removed },
      refused: { tooLarge: this.#tooLarge, overShare: 0 },
      lookups: { ...this.#lookups },
      failures: { ...this.#commands.failures, unsealed: this.#unsealed },
    };
  }

  /** Closes the connection. The sessions stay in Redis for others, and for the next start. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#owners.close();
    this.#commands.close();
    this.#stored.clear();
  }

  async #lookUp(id: Uint8Array, verb: 'GET' | 'GETDEL'): Promise<Uint8Array | undefined> {
    if (this.#isClosed) return undefined;
    const key = this.#keys.session(id);
    let answer = key === undefined ? null : await this.#commands.send(key, [verb, key]);
    if (key !== undefined && answer === null && verb === 'GET' && this.#secondLookMs > 0) {
      await wait(this.#secondLookMs, undefined, { ref: false });
      answer = await this.#commands.send(key, [verb, key]);
    }
    if (answer instanceof RedisFailure || this.#isClosed) return undefined;
    const record = Buffer.isBuffer(answer) ? decodeRecord(answer) : undefined;
    if (key === undefined || record === undefined) {
      this.#lookups.unknown++;
      return undefined;
    }
    const isOver = record.expiresAt <= this.#clock();
    const removal = this.#owners.removalOf(id, answer as Buffer);
    const reason = removal ?? (isOver ? 'expired' : undefined);
    if (verb === 'GETDEL') this.#forget(answer as Buffer, reason ?? 'taken');
    else if (reason !== undefined) void this.#remove(key, reason);
    if (removal !== undefined) {
      this.#lookups.unknown++;
      return undefined;
    }
    if (isOver) {
      this.#lookups.expired++;
      return undefined;
    }
    const session = this.#sealer.open(id, record.sealed, record.expiresAt);
    if (session === undefined) this.#unsealed++;
    else this.#lookups.hit++;
    return session;
  }

  async #remove(key: string, reason: RemovalReason): Promise<void> {
    const record = await this.#commands.send(key, ['GETDEL', key]);
    if (Buffer.isBuffer(record)) this.#forget(record, reason);
  }

  #forget(bytes: Buffer, reason: RemovalReason): void {
    this.#removed[reason]++;
    const expiresAt = decodeRecord(bytes)?.expiresAt;
    if (expiresAt !== undefined) this.#stored.add(expiresAt, -1, -bytes.length);
  }
}

function expectWithin(action: string, ms: number, mostMs: number): void {
  if (!(ms > 0) || ms > mostMs) {
    throw new RangeError(`Cannot ${action} "${ms}" ms: allowed are 1 to ${mostMs}`);
  }
}

import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import { cacheLimits, redisLimits, tlsLimits } from '../../limits.ts';
import { type Clock, DetachedTimer, steadyClock } from '../../time.ts';
import {
  PurgeError,
  type PurgeOwner,
  type PutOptions,
  type RemovalReason,
  type SessionCache,
  type SessionCacheStats,
} from '../session-cache.ts';
import { ExpiringCount } from './expiring-count.ts';
import { OwedPurges } from './owed-purges.ts';
import { RedisConnection, RedisFailure } from './redis-connection.ts';
import type { RedisCommand } from './redis-link.ts';
import {
  describePurgeFailure,
  indexScript,
  promoteScript,
  purgeIndexed,
  purgeServer,
  type PurgeTools,
} from './redis-purge.ts';
import {
  decodeRecord,
  decodeTags,
  encodeRecord,
  idName,
  type OwnerKind,
  RedisKeys,
  tagOffsets,
} from './redis-layout.ts';
import { parseRedisUrl } from './redis-url.ts';
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
 * lookups respect it nevertheless, and it is tried again until Redis has done it. The clocks of the machines should
 * agree within a minute: a session has expired as soon as one of them says so.
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
  readonly #connection: RedisConnection;
  readonly #stored: ExpiringCount;
  readonly #removed = { expired: 0, evicted: 0, superseded: 0, taken: 0, cleared: 0, purged: 0 };
  readonly #lookups = { hit: 0, unknown: 0, expired: 0 };
  readonly #failures = { error: 0, timeout: 0, overloaded: 0, unsealed: 0 };
  readonly #owed: OwedPurges;
  readonly #onLatePurge: (owner: PurgeOwner, isDone: boolean) => void;
  readonly #purgeTimer = new DetachedTimer(() => void this.#purgeOwed());
  /** How many purges were called; a call that has waited compares it to see whether one came meanwhile. */
  #purgeCount = 0;
  #tooLarge = 0;
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
    this.#onLatePurge = options.onLatePurge ?? (() => {});
    this.#owed = new OwedPurges(lifetimeMs + redisLimits.clockSlackMs);
    this.#sealer = new SessionSealer(options.secrets, prefix);
    this.#connection = new RedisConnection({
      target: parseRedisUrl(options.url),
      ca: options.ca,
      deadlineMs,
      onChange: options.onConnectionChange ?? (() => {}),
    });
  }

  /** Whether Redis was reached when it was last needed. */
  get isConnected(): boolean {
    return this.#connection.isConnected;
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
    const account = this.#tag('account', options.account);
    const certificate = this.#tag('certificate', options.certificate);
    const sealed = this.#sealer.seal(id, session, expiresAt);
    const record = encodeRecord({ expiresAt, sealed }, { account, certificate });
    // The index comes first, so that a purge finds every session. A session without an owner is sent at once,
    // before any lookup that is called after this.
    if (account !== undefined || certificate !== undefined) {
      const purgeCount = this.#purgeCount;
      const indexed = await Promise.all([
        this.#index('account', account, [id], expiresAt),
        this.#index('certificate', certificate, [id], expiresAt),
      ]);
      // A purge that was called meanwhile may have passed it already.
      if (indexed.includes(false) || purgeCount !== this.#purgeCount) return;
    }
    const px = String(Math.ceil(expiresAt - nowMs));
    const previous = await this.#do(key, ['SET', key, record, 'PX', px, 'GET']);
    if (previous === undefined) return;
    if (Buffer.isBuffer(previous)) this.#forget(previous, 'superseded');
    this.#stored.add(expiresAt, 1, record.length);
  }

  async promote(ids: readonly Uint8Array[], account: string): Promise<void> {
    const tag = this.#tag('account', account)!;
    const purgeCount = this.#purgeCount;
    if (!(await this.#index('account', tag, ids, this.#clock() + this.#lifetimeMs))) return;
    // A put that was called before may have waited for its index too, and sends its session only in this turn.
    await nextTurn();
    const isPurged = purgeCount !== this.#purgeCount;
    await Promise.all(
      ids.map(async (id) => {
        const key = this.#keys.session(id);
        if (key === undefined) return;
        // A purge that was called meanwhile may have passed it already.
        if (isPurged) await this.#remove(key, 'purged');
        else await this.#do(key, ['EVAL', promoteScript, '1', key, tag]);
      }),
    );
  }

  async delete(id: Uint8Array, reason: 'superseded' | 'cleared' = 'cleared'): Promise<void> {
    const key = this.#keys.session(id);
    if (key !== undefined) await this.#remove(key, reason);
  }

  /** For `'all'` it walks through all of Redis, a little at a time. */
  async purge(owner: PurgeOwner): Promise<number> {
    if (this.#isClosed) return 0;
    this.#purgeCount++;
    const purge = this.#owed.add(owner, this.#tagsOf(owner), this.#clock());
    let count = 0;
    try {
      await this.#purgeNow(purge.owner, () => count++);
    } catch (error) {
      if (!(error instanceof RedisFailure)) throw error;
      if (this.#isClosed) return count;
      this.#purgeTimer.arm(redisLimits.purgeRetryMs);
      throw new PurgeError(describePurgeFailure(error, this.isConnected), count, { cause: error });
    }
    this.#owed.settle(purge);
    return count;
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
      failures: { ...this.#failures },
    };
  }

  /** Closes the connection. The sessions stay in Redis for others, and for the next start. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#purgeTimer.clear();
    for (const { owner } of this.#owed.purges) this.#onLatePurge(owner, false);
    this.#connection.close();
    this.#stored.clear();
    this.#owed.clear();
  }

  async #lookUp(id: Uint8Array, verb: 'GET' | 'GETDEL'): Promise<Uint8Array | undefined> {
    if (this.#isClosed) return undefined;
    const key = this.#keys.session(id);
    let answer = key === undefined ? null : await this.#do(key, [verb, key]);
    if (key !== undefined && answer === null && verb === 'GET' && this.#secondLookMs > 0) {
      await wait(this.#secondLookMs, undefined, { ref: false });
      answer = await this.#do(key, [verb, key]);
    }
    // It is undefined if there was no answer, which is counted already.
    if (answer === undefined || this.#isClosed) return undefined;
    const record = Buffer.isBuffer(answer) ? decodeRecord(answer) : undefined;
    if (key === undefined || record === undefined) {
      this.#lookups.unknown++;
      return undefined;
    }
    const isOver = record.expiresAt <= this.#clock();
    const isPurged = this.#owed.covers({ ...record, ...decodeTags(answer as Buffer) });
    const reason = removalOf(isPurged, isOver);
    if (verb === 'GETDEL') this.#forget(answer as Buffer, reason ?? 'taken');
    else if (reason !== undefined) void this.#remove(key, reason);
    if (isPurged) {
      this.#lookups.unknown++;
      return undefined;
    }
    if (isOver) {
      this.#lookups.expired++;
      return undefined;
    }
    const session = this.#sealer.open(id, record.sealed, record.expiresAt);
    if (session === undefined) this.#failures.unsealed++;
    else this.#lookups.hit++;
    return session;
  }

  /** Purges once. Rejects with a {@link RedisFailure} if Redis does not do it, and counts that. */
  async #purgeNow(owner: PurgeOwner, onPurged: () => void): Promise<void> {
    const tools: PurgeTools = {
      send: (key, command) => this.#counted(this.#connection.sendPatiently(key, command)),
      onRemoved: (record) => {
        this.#forget(record, 'purged');
        onPurged();
      },
    };
    if (owner === 'all') {
      for (const master of await this.#counted(this.#connection.masters())) {
        const send = (command: RedisCommand) => this.#counted(master(command));
        await purgeServer(tools, send, this.#keys);
      }
      return;
    }
    const kind = 'account' in owner ? 'account' : 'certificate';
    for (const tag of this.#tagsOf(owner)) {
      const index = this.#keys.index(kind, tag);
      const toKey = (member: string): string => this.#keys.sessionNamed(member);
      await purgeIndexed(tools, { index, tag, tagOffset: tagOffsets[kind] }, toKey);
    }
  }

  /** Tries purges that Redis has not done, and comes back later if some are left. */
  async #purgeOwed(): Promise<void> {
    this.#owed.expire(this.#clock());
    try {
      for (const purge of this.#owed.purges) {
        // While Redis is known to be away nothing is sent, so that nothing is counted as a failure.
        if (!this.isConnected) break;
        await this.#purgeNow(purge.owner, () => {});
        if (this.#isClosed) return;
        this.#owed.settle(purge);
        this.#onLatePurge(purge.owner, true);
      }
    } catch (error) {
      if (!(error instanceof RedisFailure)) throw error;
    }
    if (!this.#isClosed && this.#owed.purges.length > 0) {
      this.#purgeTimer.arm(redisLimits.purgeRetryMs);
    }
  }

  async #remove(key: string, reason: RemovalReason): Promise<void> {
    const record = await this.#do(key, ['GETDEL', key]);
    if (Buffer.isBuffer(record)) this.#forget(record, reason);
  }

  #forget(bytes: Buffer, reason: RemovalReason): void {
    this.#removed[reason]++;
    const expiresAt = decodeRecord(bytes)?.expiresAt;
    if (expiresAt !== undefined) this.#stored.add(expiresAt, -1, -bytes.length);
  }

  /** Adds sessions to the index of their owner; returns false if Redis did not do it. */
  async #index(
    kind: OwnerKind,
    tag: Buffer | undefined,
    ids: readonly Uint8Array[],
    expiresAt: number,
  ): Promise<boolean> {
    if (tag === undefined || ids.length === 0) return true;
    const key = this.#keys.index(kind, tag);
    const cutoff = String(Math.floor(this.#clock()) - redisLimits.clockSlackMs);
    const members = ids.flatMap((id) => [String(Math.ceil(expiresAt)), idName(id)]);
    const lifetime = String(Math.ceil(this.#lifetimeMs));
    const command = ['EVAL', indexScript, '1', key, cutoff, lifetime, ...members];
    return (await this.#do(key, command)) !== undefined;
  }

  /** Returns what Redis answers; undefined if it does not, which is counted. */
  #do(key: string, command: RedisCommand): Promise<unknown> {
    return this.#attempt(this.#connection.send(key, command));
  }

  /** As {@link #counted}, but returns undefined instead of rejecting. */
  async #attempt<T>(answer: Promise<T>): Promise<T | undefined> {
    try {
      return await this.#counted(answer);
    } catch (error) {
      if (!(error instanceof RedisFailure)) throw error;
      return undefined;
    }
  }

  /** Counts an answer that does not come as a failure. */
  async #counted<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof RedisFailure && !this.#isClosed) this.#failures[error.kind]++;
      throw error;
    }
  }

  /** The tags of an owner, one for each secret; none for `'all'`. */
  #tagsOf(owner: PurgeOwner): readonly Buffer[] {
    if (owner === 'all') return [];
    return 'account' in owner
      ? this.#sealer.ownerTags('account', owner.account)
      : this.#sealer.ownerTags('certificate', owner.certificate);
  }

  #tag(kind: OwnerKind, name: string | undefined): Buffer | undefined {
    return name === undefined ? undefined : this.#sealer.ownerTags(kind, name)[0];
  }
}

function expectWithin(action: string, ms: number, mostMs: number): void {
  if (!(ms > 0) || ms > mostMs) {
    throw new RangeError(`Cannot ${action} "${ms}" ms: allowed are 1 to ${mostMs}`);
  }
}

function removalOf(isPurged: boolean, isOver: boolean): 'purged' | 'expired' | undefined {
  if (isPurged) return 'purged';
  return isOver ? 'expired' : undefined;
}

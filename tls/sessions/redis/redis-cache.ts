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

/** Which Redis keeps the sessions, and what they are sealed with. */
export interface RedisSessionCacheOptions {
  /** Where Redis or Valkey is; {@link parseRedisUrl} tells the forms. At least version 6.2. */
  readonly url: string;
  /**
   * What sessions are sealed with: at least 32 random bytes each, the same on all machines. The first one
   * seals, all of them open. To change it, give all machines old and new, then new and old, then the new one.
   */
  readonly secrets: readonly Uint8Array[];
  /** The longest life of a session, in milliseconds; a later `expiresAt` is brought forward to it. */
  readonly lifetimeMs: number;
  /** What the keys in Redis begin with; default: `reprise:`. At most 128 bytes. */
  readonly prefix?: string;
  /** PEM: certificates that a server is trusted by for `rediss:`; default: those that Node trusts. */
  readonly ca?: string;
  /** Time that Redis has for a command, in milliseconds; default: 100. */
  readonly deadlineMs?: number;
  /**
   * A client may come to another machine before the session is in Redis that it was given by the first: a `get`
   * that finds nothing looks again after so long, in milliseconds; 0: it does not. Default: 10.
   */
  readonly secondLookMs?: number;
  /** Default: a clock that nobody can set, from the time at which the process began. */
  readonly clock?: Clock;
  /** Called when Redis is reached, and when it is not any more or at first, with the reason. */
  readonly onConnectionChange?: (isConnected: boolean, error: Error | undefined) => void;
}

/**
 * Keeps sessions on a Redis or Valkey that several machines share, and that outlives them.
 *
 * What lies there is sealed, and accounts and certificates are tags that only the secret makes, so that
 * reading Redis gives nothing away. A session that can't be opened counts as a failure and is not found.
 * Redis itself forgets a session when it expires; let it evict by `maxmemory-policy volatile-ttl`, which is
 * the oldest first. Where it has to refuse (`noeviction`), sessions are not stored, and no client notices.
 *
 * A call never waits longer than the deadline for each step, nor rejects, but for a purge: with Redis away
 * lookups find nothing; {@link SessionCacheStats.failures} counts them. A purge that Redis has not done whole
 * rejects, is kept in mind for lookups and tried again until Redis has done it. Clocks of the machines should
 * agree within a minute: a session lives as long as the shortest of the clocks says.
 *
 * Figures of entries and bytes are of what this process has stored and not seen go; what Redis evicts or
 * other machines remove counts until it would have expired. Addresses have no share here.
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
  readonly #purgeTimer = new DetachedTimer(() => void this.#purgeOwed());
  /** Purges that were called for, so that what waits meanwhile can tell. */
  #purgeCount = 0;
  #tooLarge = 0;
  #isClosed = false;

  /**
   * Connects in the background, and again whenever it has to.
   *
   * @throws TypeError where the URL is none; RangeError where a bound is out of range or a secret is short
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
    // First, so that no session is there that a purge could not find; but where it has no owner it is sent at
    // once, before the lookups that come behind it.
    if (account !== undefined || certificate !== undefined) {
      const purgeCount = this.#purgeCount;
      const indexed = await Promise.all([
        this.#index('account', account, [id], expiresAt),
        this.#index('certificate', certificate, [id], expiresAt),
      ]);
      // A purge that was called for meanwhile may have looked for it already.
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
    // A session that was stored before may have waited for an answer that has come together with ours.
    await nextTurn();
    const isPurged = purgeCount !== this.#purgeCount;
    await Promise.all(
      ids.map(async (id) => {
        const key = this.#keys.session(id);
        if (key === undefined) return;
        // A purge that was called for meanwhile may have looked for it already.
        if (isPurged) await this.#remove(key, 'purged');
        else await this.#do(key, ['EVAL', promoteScript, '1', key, tag]);
      }),
    );
  }

  async delete(id: Uint8Array, reason: 'superseded' | 'cleared' = 'cleared'): Promise<void> {
    const key = this.#keys.session(id);
    if (key !== undefined) await this.#remove(key, reason);
  }

  /** Walks through all of Redis if it is to forget `'all'`, a little at a time. */
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
      throw new PurgeError(describeFailure(error, this.isConnected), count, { cause: error });
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

  /** Closes the connection; what lies in Redis stays there for others, and for the next start. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#purgeTimer.clear();
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
    // Undefined: there was no answer, which is counted already.
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

  /** Rejects with a {@link RedisFailure}, which is counted. */
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

  /** Does again what Redis has not done, for as long as it does not. */
  async #purgeOwed(): Promise<void> {
    this.#owed.expire(this.#clock());
    try {
      for (const purge of this.#owed.purges) {
        // While it is known to be away nothing is sent, and so nothing counted as a failure.
        if (!this.isConnected) break;
        await this.#purgeNow(purge.owner, () => {});
        this.#owed.settle(purge);
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

  /** False where Redis did not do it. */
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

  /** What Redis answers; undefined where it does not, which is counted. */
  #do(key: string, command: RedisCommand): Promise<unknown> {
    return this.#attempt(this.#connection.send(key, command));
  }

  async #attempt<T>(answer: Promise<T>): Promise<T | undefined> {
    try {
      return await this.#counted(answer);
    } catch (error) {
      if (!(error instanceof RedisFailure)) throw error;
      return undefined;
    }
  }

  async #counted<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof RedisFailure && !this.#isClosed) this.#failures[error.kind]++;
      throw error;
    }
  }

  /** One for each secret; none for all. */
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

function describeFailure(failure: RedisFailure, isConnected: boolean): string {
  const { cause } = failure;
  const reason = cause instanceof Error ? `${failure.message}: ${cause.message}` : failure.message;
  return (
    `Redis ${isConnected ? 'has failed' : 'is away'} (${reason}), so sessions may be left in it. ` +
    'This server resumes none of them and purges them when Redis is back. Until then other servers may resume ' +
    'them, and so may this one once it has been restarted: purge again then'
  );
}

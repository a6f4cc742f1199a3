import { setImmediate as nextTurn } from 'node:timers/promises';
import { redisLimits } from '../../limits.ts';
import { type Clock, DetachedTimer } from '../../time.ts';
import { PurgeError, type PurgeOwner, type PutOptions } from '../session-cache.ts';
import { type OwedPurge, OwedPurges } from './owed-purges.ts';
import { type OwedRemoval, OwedRemovals } from './owed-removals.ts';
import type { RedisCommands } from './redis-commands.ts';
import { RedisFailure } from './redis-connection.ts';
import {
  decodeRecord,
  decodeTags,
  idName,
  type OwnerKind,
  type OwnerTags,
  type RedisKeys,
  tagOffsets,
} from './redis-layout.ts';
import {
  describePurgeFailure,
  indexScript,
  promoteScript,
  purgeIndexed,
  purgeServer,
  type PurgeTools,
  removeUnlessOwnedScript,
} from './redis-purge.ts';
import type { SessionSealer } from './session-sealer.ts';

/** The parts of a cache on Redis that {@link SessionOwners} works with. */
export interface SessionOwnersOptions {
  readonly commands: Pick<RedisCommands, 'isConnected' | 'send' | 'sendPatiently' | 'masters'>;
  readonly keys: RedisKeys;
  readonly sealer: Pick<SessionSealer, 'ownerTags'>;
  readonly clock: Clock;
  /** The longest life of a session, in milliseconds. */
  readonly lifetimeMs: number;
  /** Called with each record that was removed from Redis. */
  readonly onRemoved: (record: Buffer, reason: 'cleared' | 'purged') => void;
  /** Called with each purge that had failed, when Redis has done it, or when this is closed before. */
  readonly onLatePurge: (owner: PurgeOwner, isDone: boolean) => void;
}

/**
 * Whose the sessions in Redis are: gives them to accounts, and purges those of an owner.
 *
 * A purge finds sessions by an index of their owner. So a session that has no owner must not stay if it should have
 * one: if Redis does not do what a login or a purge needs, sessions are removed instead, and not returned until then.
 * What Redis does not do at once is owed, and tried again until it is done.
 */
export class SessionOwners {
  readonly #commands: SessionOwnersOptions['commands'];
  readonly #keys: RedisKeys;
  readonly #sealer: SessionOwnersOptions['sealer'];
  readonly #clock: Clock;
  readonly #lifetimeMs: number;
  readonly #onRemoved: SessionOwnersOptions['onRemoved'];
  readonly #onLatePurge: SessionOwnersOptions['onLatePurge'];
  readonly #purges: OwedPurges;
  readonly #removals = new OwedRemovals();
  /** Purges that are being done. */
  readonly #underWay = new Set<OwedPurge>();
  readonly #timer = new DetachedTimer(() => void this.#doOwed());
  #isDoingOwed = false;
  /** How many purges were called; a call that has waited compares it to see whether one came meanwhile. */
  #purgeCount = 0;
  #isClosed = false;

  constructor(options: SessionOwnersOptions) {
    this.#commands = options.commands;
    this.#keys = options.keys;
    this.#sealer = options.sealer;
    this.#clock = options.clock;
    this.#lifetimeMs = options.lifetimeMs;
    this.#onRemoved = options.onRemoved;
    this.#onLatePurge = options.onLatePurge;
    this.#purges = new OwedPurges(this.#owedMs);
  }

  /** The tags of a session that is to be stored. */
  tagsOf({ account, certificate }: Pick<PutOptions, 'account' | 'certificate'>): OwnerTags {
    const tag = (kind: OwnerKind, name: string | undefined): Buffer | undefined =>
      name === undefined ? undefined : this.#sealer.ownerTags(kind, name)[0];
    return { account: tag('account', account), certificate: tag('certificate', certificate) };
  }

  /**
   * Adds a session that is to be stored to the indexes of its owners, so that a purge finds it.
   *
   * @returns whether it may be stored: Redis has done it, and nothing came meanwhile that removes the session
   */
  async index(id: Uint8Array, tags: OwnerTags, expiresAt: number): Promise<boolean> {
    const purgeCount = this.#purgeCount;
    const indexed = await Promise.all([
      this.#addToIndex('account', tags.account, [id], expiresAt),
      this.#addToIndex('certificate', tags.certificate, [id], expiresAt),
    ]);
    // A purge that was called meanwhile may have passed it already.
    return (
      !indexed.includes(false) &&
      purgeCount === this.#purgeCount &&
      this.#removals.find(id) === undefined
    );
  }

  /** Tells that the session with this id was not stored, and will not be. */
  noteUnsent(id: Uint8Array): void {
    if (this.#isClosed) return;
    this.#removals.noteUnsent(id, this.#clock());
    this.#tryLater();
  }

  /** Gives sessions to an account, or removes those that Redis does not give to it. */
  async promote(allIds: readonly Uint8Array[], account: string): Promise<void> {
    const ids = allIds.filter((id) => this.#keys.session(id) !== undefined);
    const tag = this.tagsOf({ account }).account!;
    const purgeCount = this.#purgeCount;
    const isIndexed = await this.#addToIndex('account', tag, ids, this.#clock() + this.#lifetimeMs);
    // A put that was called before may have waited for its index too, and sends its session only in this turn.
    await nextTurn();
    if (!isIndexed) return this.#disown(ids, tag, 'cleared');
    // A purge that was called meanwhile may have passed them already.
    if (purgeCount !== this.#purgeCount) return this.#disown(ids, tag, 'purged');
    const answers = ids.map((id) => {
      const key = this.#keys.session(id)!;
      return this.#commands.send(key, ['EVAL', promoteScript, '1', key, tag]);
    });
    const given = await Promise.all(answers);
    const others = ids.filter((_, i) => given[i] instanceof RedisFailure);
    return this.#disown(others, tag, 'cleared');
  }

  /**
   * Removes the sessions of an owner, or all; for `'all'` it walks through all of Redis, a little at a time. Returns
   * how many there were.
   *
   * @throws PurgeError if Redis has not done it; it is owed then
   */
  async purge(owner: PurgeOwner): Promise<number> {
    this.#purgeCount++;
    const purge = this.#purges.add(owner, this.#tagsOfOwner(owner), this.#clock());
    let count = 0;
    try {
      await this.#purgeNow(purge, () => count++);
    } catch (error) {
      if (!(error instanceof RedisFailure)) throw error;
      if (this.#isClosed) return count;
      this.#tryLater();
      const reason = describePurgeFailure(error, this.#commands.isConnected);
      throw new PurgeError(reason, count, { cause: error });
    }
    this.#purges.settle(purge);
    return count;
  }

  /** Why a session that was found must not be returned; undefined if it may be. */
  removalOf(id: Uint8Array, record: Buffer): 'purged' | 'cleared' | undefined {
    const expiresAt = decodeRecord(record)?.expiresAt;
    if (expiresAt === undefined) return undefined;
    const tags = decodeTags(record);
    if (this.#purges.covers({ expiresAt, ...tags })) return 'purged';
    const removal = this.#removals.find(id);
    return removal?.tag.equals(tags.account!) === false ? removal.reason : undefined;
  }

  /** Stops trying. What is owed stays in Redis until it expires. */
  close(): void {
    this.#isClosed = true;
    this.#timer.clear();
    for (const { owner } of this.#purges.purges) this.#onLatePurge(owner, false);
    this.#purges.clear();
    this.#removals.clear();
  }

  /** How long something is owed at most: the sessions that it is about have expired then, on all machines. */
  get #owedMs(): number {
    return this.#lifetimeMs + redisLimits.clockSlackMs;
  }

  /** Removes sessions that must not stay without an owner, at once if Redis does it. */
  async #disown(
    ids: readonly Uint8Array[],
    tag: Buffer,
    reason: OwedRemoval['reason'],
  ): Promise<void> {
    if (this.#isClosed || ids.length === 0) return;
    const untilMs = this.#clock() + this.#owedMs;
    const removals = this.#removals.add(ids, { tag, reason, untilMs });
    if (removals === undefined) {
      this.#purgeCount++;
      this.#purges.add('all', [], this.#clock());
      this.#removals.clear();
    } else if (this.#commands.isConnected) {
      const send: RemovalSend = (key, command) => this.#commands.send(key, command);
      await Promise.all(removals.map((removal) => this.#remove(removal, send)));
    }
    this.#tryLater();
  }

  /** Removes a session unless its account has it. Returns whether Redis has answered. */
  async #remove(removal: OwedRemoval, send: RemovalSend): Promise<boolean> {
    const key = this.#keys.sessionNamed(removal.name);
    const offset = String(tagOffsets.account);
    const command = ['EVAL', removeUnlessOwnedScript, '1', key, offset, removal.tag];
    const record = await send(key, command);
    if (record instanceof RedisFailure) return false;
    if (Buffer.isBuffer(record)) this.#onRemoved(record, removal.reason);
    this.#removals.settle(removal);
    return true;
  }

  #tryLater(): void {
    const isOwed = this.#purges.purges.length > 0 || !this.#removals.isEmpty;
    if (isOwed && !this.#isClosed && !this.#timer.isArmed) {
      this.#timer.arm(redisLimits.purgeRetryMs);
    }
  }

  /** Tries what Redis has not done, and comes back later if some is left. */
  async #doOwed(): Promise<void> {
    // It may take longer than the timer, which others arm too.
    if (this.#isDoingOwed) return;
    this.#isDoingOwed = true;
    try {
      this.#purges.expire(this.#clock());
      this.#removals.expire(this.#clock());
      await this.#removeOwed();
      await this.#purgeOwed();
    } finally {
      this.#isDoingOwed = false;
    }
    this.#tryLater();
  }

  async #removeOwed(): Promise<void> {
    const send: RemovalSend = async (key, command) => {
      try {
        return await this.#commands.sendPatiently(key, command);
      } catch (error) {
        if (!(error instanceof RedisFailure)) throw error;
        return error;
      }
    };
    // It stops: each turn settles some, or is the last.
    while (this.#commands.isConnected) {
      const removals = this.#removals.first(redisLimits.purgeBatch);
      const isDone = await Promise.all(removals.map((removal) => this.#remove(removal, send)));
      if (removals.length === 0 || isDone.includes(false)) return;
    }
  }

  async #purgeOwed(): Promise<void> {
    for (const purge of this.#purges.purges) {
      // While Redis is known to be away nothing is sent, so that nothing is counted as a failure.
      if (!this.#commands.isConnected || this.#isClosed) return;
      // The caller is doing it, or one that came meanwhile has replaced it.
      if (this.#underWay.has(purge) || !this.#purges.purges.includes(purge)) continue;
      try {
        await this.#purgeNow(purge, () => {});
      } catch (error) {
        if (!(error instanceof RedisFailure)) throw error;
        continue;
      }
      if (this.#isClosed) return;
      this.#purges.settle(purge);
      this.#onLatePurge(purge.owner, true);
    }
  }

  /** Purges once. Rejects with a {@link RedisFailure} if Redis does not do it. */
  async #purgeNow(purge: OwedPurge, onPurged: () => void): Promise<void> {
    const tools: PurgeTools = {
      send: (key, command) => this.#commands.sendPatiently(key, command),
      onRemoved: (record) => {
        this.#onRemoved(record, 'purged');
        onPurged();
      },
    };
    this.#underWay.add(purge);
    try {
      await this.#purgeOwner(purge.owner, tools);
    } finally {
      this.#underWay.delete(purge);
    }
  }

  async #purgeOwner(owner: PurgeOwner, tools: PurgeTools): Promise<void> {
    if (owner === 'all') {
      for (const send of await this.#commands.masters()) await purgeServer(tools, send, this.#keys);
      return;
    }
    const kind = 'account' in owner ? 'account' : 'certificate';
    for (const tag of this.#tagsOfOwner(owner)) {
      const index = this.#keys.index(kind, tag);
      const toKey = (member: string): string => this.#keys.sessionNamed(member);
      await purgeIndexed(tools, { index, tag, tagOffset: tagOffsets[kind] }, toKey);
    }
  }

  /** Adds sessions to the index of their owner; returns false if Redis did not do it. */
  async #addToIndex(
    kind: OwnerKind,
    tag: Buffer | undefined,
    ids: readonly Uint8Array[],
    expiresAt: number,
  ): Promise<boolean> {
    if (tag === undefined || ids.length === 0) return true;
    const key = this.#keys.index(kind, tag);
    const cutoff = String(Math.floor(this.#clock()) - redisLimits.clockSlackMs);
    const lifetime = String(Math.ceil(this.#lifetimeMs));
    const members = ids.flatMap((id) => [String(Math.ceil(expiresAt)), idName(id)]);
    const command = ['EVAL', indexScript, '1', key, cutoff, lifetime, ...members];
    return !((await this.#commands.send(key, command)) instanceof RedisFailure);
  }

  /** The tags of an owner, one for each secret; none for `'all'`. */
  #tagsOfOwner(owner: PurgeOwner): readonly Buffer[] {
    if (owner === 'all') return [];
    return 'account' in owner
      ? this.#sealer.ownerTags('account', owner.account)
      : this.#sealer.ownerTags('certificate', owner.certificate);
  }
}

/** Sends a command; returns a failure instead of throwing it. */
type RemovalSend = (key: string, command: readonly (string | Buffer)[]) => Promise<unknown>;

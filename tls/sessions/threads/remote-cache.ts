import type { MessagePort } from 'node:worker_threads';
import { remoteLimits, sharedLimits } from '../../limits.ts';
import { type Clock, DetachedTimer, steadyClock } from '../../time.ts';
import type {
  Answer,
  PurgeOwner,
  PutOptions,
  SessionCache,
  SessionCacheStats,
} from '../session-cache.ts';
import {
  ByteQueue,
  encodeChange,
  type SessionChange,
  type SharedSessionMemory,
  SharedCacheState,
  tableCounts,
} from './change-queue.ts';
import {
  type AnswerMessage,
  type CallMessage,
  idText,
  MessageBatch,
  makeSharedStats,
  ownCopy,
  readSharedStats,
  type ServingMessage,
} from './messages.ts';
import { RecentSessions } from './recent-sessions.ts';

interface PendingCall {
  readonly resolve: (value: Uint8Array | number | undefined) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A cache that another thread has and serves with {@link serveSessionCache}. A lookup is a small message there and
 * one back. Changes that the other end need not know at once, and answers that nobody waits for, are sent together
 * with others. If the other end serves a {@link SharedSessionCache}, most calls need no message.
 *
 * If the other end is gone, lookups find nothing and the other calls do nothing. If a call there is rejected, the
 * call here is rejected too. If the other end does not answer, calls wait; above a bound they are not sent.
 */
export class RemoteSessionCache implements SessionCache {
  readonly #port: MessagePort;
  readonly #batch: MessageBatch<CallMessage>;
  /** Present from the first message on if threads share the cache. */
  #shared: SharedSessionAccess | undefined;
  #stats = makeSharedStats();
  readonly #pending = new Map<number, PendingCall>();
  #lastCall = 0;
  /** How many changes went as messages and are not answered. */
  #changeCount = 0;
  #isClosed = false;

  /**
   * @param port - owned by the cache from here on; it keeps the process alive only while calls are pending
   * @param clock - that of the cache at the other end
   */
  constructor(port: MessagePort, clock: Clock = steadyClock) {
    this.#port = port;
    this.#batch = new MessageBatch(port);
    port.on('message', (message: ServingMessage) => {
      if ('recent' in message) this.#shared = this.#shareWith(message, clock);
      else for (const answer of message) this.#settle(answer);
    });
    port.on('close', () => this.#detach());
    port.unref();
    port.postMessage(this.#stats);
  }

  get(id: Uint8Array): Answer<Uint8Array | undefined> {
    return this.#shared?.get(id) ?? this.#lookUp('get', id);
  }

  take(id: Uint8Array): Answer<Uint8Array | undefined> {
    return this.#lookUp('take', id);
  }

  put(id: Uint8Array, session: Uint8Array, options: PutOptions): Answer<void> {
    if (this.#isClosed || this.#write((shared) => shared.put(id, session, options))) return;
    this.#shared?.forget(id);
    if (this.#isOverloaded) return;
    const copy = ownCopy(session);
    return this.#change((call) => [call, 'put', idText(id), copy, options], copy.buffer);
  }

  promote(ids: readonly Uint8Array[], account: string): Answer<void> {
    if (this.#write((shared) => shared.promote(ids, account))) return;
    if (this.#pending.size >= remoteLimits.pendingCallsWithLogins) return;
    return this.#change((call) => [call, 'promote', ids.map(idText), account]);
  }

  delete(id: Uint8Array, reason: 'superseded' | 'cleared' = 'cleared'): Answer<void> {
    if (this.#write((shared) => shared.delete(id, reason))) return;
    if (this.#isOverloaded) {
      // It may overtake a put that went as a message. But it would never be made otherwise.
      this.#shared?.delete(id, reason);
      return;
    }
    this.#shared?.forget(id);
    // Not urgent: no client waits for it or comes back with it.
    return this.#change((call) => [call, 'delete', idText(id), reason], undefined, false);
  }

  async purge(owner: PurgeOwner): Promise<number> {
    const count = await this.#call((call) => [call, 'purge', owner]);
    return typeof count === 'number' ? count : 0;
  }

  /** The statistics of the other end's cache when it last sent or read a message; zeros after {@link close}. */
  stats(): SessionCacheStats {
    return readSharedStats(this.#stats);
  }

  /** Closes this end only; the other end's cache stays open for others. */
  async close(): Promise<void> {
    this.#shared?.close();
    this.#batch.send();
    this.#detach();
    this.#port.close();
  }

  get #isOverloaded(): boolean {
    return this.#pending.size >= remoteLimits.pendingCalls;
  }

  async #lookUp(kind: 'get' | 'take', id: Uint8Array): Promise<Uint8Array | undefined> {
    if (this.#isOverloaded) return undefined;
    const session = await this.#call((call) => [call, kind, idText(id)]);
    return session instanceof Uint8Array ? session : undefined;
  }

  /**
   * Writes a change into the queue of a shared cache; returns whether it could. The owner applies queues before
   * messages, so after a change that went as a message this is not done until that is answered.
   */
  #write(write: (shared: SharedSessionAccess) => boolean): boolean {
    return this.#changeCount === 0 && this.#shared !== undefined && write(this.#shared);
  }

  async #change(
    message: (call: number) => CallMessage,
    transfer?: ArrayBuffer,
    isUrgent = true,
  ): Promise<void> {
    this.#changeCount++;
    try {
      await this.#call(message, transfer, isUrgent);
    } finally {
      this.#changeCount--;
    }
  }

  #call(
    message: (call: number) => CallMessage,
    transfer?: ArrayBuffer,
    isUrgent = true,
  ): Promise<Uint8Array | number | undefined> {
    if (this.#isClosed) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const call = ++this.#lastCall;
      if (this.#pending.size === 0) this.#port.ref();
      this.#pending.set(call, { resolve, reject });
      this.#batch.post(message(call), isUrgent, transfer);
    });
  }

  #shareWith(memory: SharedSessionMemory, clock: Clock): SharedSessionAccess {
    const wakeOwner = () => this.#port.postMessage([], []);
    return new SharedSessionAccess({ memory, clock, wakeOwner });
  }

  #settle([call, value, error]: AnswerMessage): void {
    const pending = this.#pending.get(call);
    if (pending === undefined) {
      if (value instanceof Uint8Array) value.fill(0);
      return;
    }
    this.#pending.delete(call);
    if (this.#pending.size === 0) this.#port.unref();
    if (error === undefined) pending.resolve(value);
    else pending.reject(new Error(error));
  }

  #detach(): void {
    this.#isClosed = true;
    this.#shared = undefined;
    this.#batch.close();
    for (const { resolve } of this.#pending.values()) resolve(undefined);
    this.#pending.clear();
    // The other end may still write into the old memory.
    this.#stats = makeSharedStats();
  }
}

/** What a {@link SharedSessionAccess} is made of. */
interface SharedSessionAccessOptions {
  readonly memory: SharedSessionMemory;
  readonly clock: Clock;
  /** Makes the owner read the queue. */
  readonly wakeOwner: () => void;
}

/**
 * A thread's access to the memory of a {@link SharedSessionCache}: the table of recent sessions, and its own queue of
 * changes. The rules are at the top of `shared-cache.ts`.
 */
class SharedSessionAccess {
  readonly #recent: RecentSessions;
  readonly #queue: ByteQueue;
  readonly #state: SharedCacheState;
  readonly #tableCounts: Float64Array;
  readonly #clock: Clock;
  readonly #wakeOwner: () => void;
  /** Whether the queue was more than half full after the last change; the owner has been told then. */
  #wasHalfFull = false;
  readonly #timer = new DetachedTimer(() => this.#wakeOwner());

  constructor({ memory, clock, wakeOwner }: SharedSessionAccessOptions) {
    this.#recent = new RecentSessions(memory.recent);
    this.#queue = new ByteQueue(memory.queue);
    this.#state = new SharedCacheState(memory.state);
    this.#tableCounts = memory.tableCounts;
    this.#clock = clock;
    this.#wakeOwner = wakeOwner;
  }

  /** The session, in a copy that the caller owns; undefined if the owner must be asked. */
  get(id: Uint8Array): Uint8Array | undefined {
    if (this.#state.isClosed || this.#state.isPurging) return undefined;
    const session = this.#recent.get(id, this.#clock());
    if (session !== undefined) this.#tableCounts[tableCounts.hit]!++;
    return session;
  }

  /**
   * Stores a session. Returns false if the queue has no room: the caller sends the change as a message. So do
   * {@link promote} and {@link delete}.
   */
  put(id: Uint8Array, session: Uint8Array, options: PutOptions): boolean {
    if (this.#state.isClosed) return true;
    // Before the queue: what a purge finds in neither was stored after the purge.
    this.#recent.put(id, session, options.expiresAt, this.#clock());
    if (session.length > this.#recent.memory.sessionBytes) {
      this.#tableCounts[tableCounts.tooLarge]!++;
    }
    const isWritten = this.#write({ kind: 'put', id, session, options });
    // The owner may have closed the cache meanwhile.
    if (!isWritten || this.#state.isClosed) this.#recent.delete(id);
    return isWritten;
  }

  promote(ids: readonly Uint8Array[], account: string): boolean {
    return this.#write({ kind: 'promote', ids, account });
  }

  delete(id: Uint8Array, reason: 'superseded' | 'cleared'): boolean {
    this.forget(id);
    return this.#write({ kind: 'delete', id, reason });
  }

  /** Deletes a session from the table only, so that the owner is asked for this id. */
  forget(id: Uint8Array): void {
    this.#recent.delete(id);
  }

  /** Wakes the owner if it has not been told of the last changes. */
  close(): void {
    if (!this.#timer.isArmed) return;
    this.#timer.clear();
    this.#wakeOwner();
  }

  #write(change: SessionChange): boolean {
    if (this.#state.isClosed) return true;
    const bytes = encodeChange({ number: this.#state.takeNumber(), change });
    const isWritten = this.#queue.write(bytes);
    bytes.fill(0);
    const isHalfFull = this.#queue.waitingBytes > this.#queue.capacityBytes / 2;
    if (isHalfFull && !this.#wasHalfFull) this.#wakeOwner();
    this.#wasHalfFull = isHalfFull;
    // Also if it was just woken: it may have read the queue before this was written.
    if (isWritten && !this.#timer.isArmed) this.#timer.arm(sharedLimits.queueDelayMs);
    return isWritten;
  }
}

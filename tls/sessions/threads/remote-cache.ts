import type { MessagePort } from 'node:worker_threads';
import { remoteLimits, sharedLimits } from '../../limits.ts';
import { type Clock, DetachedTimer, steadyClock } from '../../time.ts';
import type { PurgeOwner, PutOptions, SessionCache, SessionCacheStats } from '../session-cache.ts';
import {
  ByteQueue,
  encodeLetter,
  type SessionLetter,
  type SharedSessionMemory,
  SharedState,
} from './change-queue.ts';
import {
  type AnswerMessage,
  type CallMessage,
  idText,
  LetterBox,
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
 * A cache that another thread keeps and serves with {@link serveSessionCache}: a lookup is a small message
 * there and one back. Of the other calls only the one that must be known before its client comes back is a
 * message of its own; the rest, and their answers, go along with others. With a {@link SharedSessionCache} at the
 * other end most calls are no message at all.
 *
 * Where the other end is gone, lookups find nothing and the rest does nothing. Where the cache there rejects,
 * so does the call here. Where it has stopped answering, calls wait, and past a bound they are not sent at all.
 */
export class RemoteSessionCache implements SessionCache {
  readonly #port: MessagePort;
  readonly #letterBox: LetterBox<CallMessage>;
  /** From the first message on, where threads share the cache. */
  #shared: SharedSessionEnd | undefined;
  #figures = makeSharedStats();
  readonly #pending = new Map<number, PendingCall>();
  #lastCall = 0;
  /** Changes that went as messages and are not answered. */
  #changeCount = 0;
  #isClosed = false;

  /**
   * @param port - belongs to the cache from here on; it keeps the process alive only while calls are pending
   * @param clock - that of the cache at the other end
   */
  constructor(port: MessagePort, clock: Clock = steadyClock) {
    this.#port = port;
    this.#letterBox = new LetterBox(port);
    port.on('message', (message: ServingMessage) => {
      if ('recent' in message) this.#shared = this.#shareWith(message, clock);
      else for (const answer of message) this.#settle(answer);
    });
    port.on('close', () => this.#detach());
    port.unref();
    port.postMessage(this.#figures);
  }

  async get(id: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#shared?.get(id) ?? this.#lookUp('get', id);
  }

  async take(id: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#lookUp('take', id);
  }

  async put(id: Uint8Array, session: Uint8Array, options: PutOptions): Promise<void> {
    if (this.#isClosed || this.#writes((shared) => shared.put(id, session, options))) return;
    this.#shared?.forget(id);
    if (this.#isOverloaded) return;
    const copy = ownCopy(session);
    await this.#change((call) => [call, 'put', idText(id), copy, options], copy.buffer);
  }

  async promote(ids: readonly Uint8Array[], account: string): Promise<void> {
    if (this.#writes((shared) => shared.promote(ids, account)) || this.#isOverloaded) return;
    await this.#change((call) => [call, 'promote', ids.map(idText), account]);
  }

  async delete(id: Uint8Array, reason: 'superseded' | 'cleared' = 'cleared'): Promise<void> {
    if (this.#writes((shared) => shared.delete(id, reason))) return;
    if (this.#isOverloaded) {
      // Better too early than never.
      this.#shared?.delete(id, reason);
      return;
    }
    this.#shared?.forget(id);
    // No client waits for it, nor comes back with it.
    await this.#change((call) => [call, 'delete', idText(id), reason], undefined, false);
  }

  async purge(owner: PurgeOwner): Promise<number> {
    const count = await this.#call((call) => [call, 'purge', owner]);
    return typeof count === 'number' ? count : 0;
  }

  /** Those of the cache at the other end when it last heard of this one; zeros after {@link close}. */
  stats(): SessionCacheStats {
    return readSharedStats(this.#figures);
  }

  /** Closes this end only: the cache at the other end and its other users go on. */
  async close(): Promise<void> {
    this.#shared?.close();
    this.#letterBox.send();
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
   * Whether a change was written into the queue of a shared cache. The keeper reads queues before messages, so what
   * comes after a change that went as a message goes as one too until that is answered.
   */
  #writes(write: (shared: SharedSessionEnd) => boolean): boolean {
    return this.#changeCount === 0 && this.#shared !== undefined && write(this.#shared);
  }

  async #change(
    message: (call: number) => CallMessage,
    handOver?: ArrayBuffer,
    isUrgent = true,
  ): Promise<void> {
    this.#changeCount++;
    try {
      await this.#call(message, handOver, isUrgent);
    } finally {
      this.#changeCount--;
    }
  }

  #call(
    message: (call: number) => CallMessage,
    handOver?: ArrayBuffer,
    isUrgent = true,
  ): Promise<Uint8Array | number | undefined> {
    if (this.#isClosed) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const call = ++this.#lastCall;
      if (this.#pending.size === 0) this.#port.ref();
      this.#pending.set(call, { resolve, reject });
      this.#letterBox.post(message(call), isUrgent, handOver);
    });
  }

  #shareWith(memory: SharedSessionMemory, clock: Clock): SharedSessionEnd {
    const wakeKeeper = () => this.#port.postMessage([], []);
    return new SharedSessionEnd({ memory, clock, wakeKeeper });
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
    this.#letterBox.close();
    for (const { resolve } of this.#pending.values()) resolve(undefined);
    this.#pending.clear();
    // The other end may write into the old ones once more.
    this.#figures = makeSharedStats();
  }
}

/** What the end of a thread shares with the keeper. */
export interface SharedSessionEndOptions {
  readonly memory: SharedSessionMemory;
  readonly clock: Clock;
  /** Has the keeper read the queue; called a moment after something was written to it. */
  readonly wakeKeeper: () => void;
}

/**
 * One thread's end of a {@link SharedSessionCache}: what it stores all threads find at once, and the keeper is told
 * in a queue that it reads before it answers anybody. A message for each would wake the keeper's thread, which
 * costs more than the rest.
 */
export class SharedSessionEnd {
  readonly #recent: RecentSessions;
  readonly #queue: ByteQueue;
  readonly #state: SharedState;
  readonly #hitCount: Float64Array;
  readonly #clock: Clock;
  readonly #wakeKeeper: () => void;
  /** The keeper was told that the queue is half full, which it has been since. */
  #isHurried = false;
  readonly #timer = new DetachedTimer(() => this.#wakeKeeper());

  constructor({ memory, clock, wakeKeeper }: SharedSessionEndOptions) {
    this.#recent = new RecentSessions(memory.recent);
    this.#queue = new ByteQueue(memory.queue);
    this.#state = new SharedState(memory.state);
    this.#hitCount = memory.hitCount;
    this.#clock = clock;
    this.#wakeKeeper = wakeKeeper;
  }

  /** A copy that the caller owns; undefined where only the keeper can tell. */
  get(id: Uint8Array): Uint8Array | undefined {
    if (this.#state.isClosed) return undefined;
    const session = this.#recent.get(id, this.#clock());
    if (session !== undefined) this.#hitCount[0]!++;
    return session;
  }

  /** False where there is no room, and the keeper must be told by a message, as with the other calls. */
  put(id: Uint8Array, session: Uint8Array, options: PutOptions): boolean {
    if (this.#state.isClosed) return true;
    // Before the letter: what a purge finds in neither was put after it.
    this.#recent.put(id, session, options.expiresAt, this.#clock());
    const isWritten = this.#write({ kind: 'put', id, session, options });
    // It may have been closed meanwhile.
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

  /** Only the keeper can tell from now on what is under this id. */
  forget(id: Uint8Array): void {
    this.#recent.delete(id);
  }

  /** The keeper is to read what it has not been told to read yet. */
  close(): void {
    if (!this.#timer.isArmed) return;
    this.#timer.clear();
    this.#wakeKeeper();
  }

  #write(letter: SessionLetter): boolean {
    if (this.#state.isClosed) return true;
    const bytes = encodeLetter({ number: this.#state.numberLetter(), letter });
    const isWritten = this.#queue.write(bytes);
    bytes.fill(0);
    const isHalfFull = this.#queue.waitingBytes > this.#queue.capacityBytes / 2;
    if (isHalfFull && !this.#isHurried) this.#wakeKeeper();
    this.#isHurried = isHalfFull;
    // Also then: the keeper may have looked before this was written.
    if (isWritten && !this.#timer.isArmed) this.#timer.arm(sharedLimits.queueDelayMs);
    return isWritten;
  }
}

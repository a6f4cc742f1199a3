import type { MessagePort } from 'node:worker_threads';
import { type Clock, steadyClock } from '../../time.ts';
import { LetterBox } from './messages.ts';
import { remoteLimits } from '../../limits.ts';
import {
  type AnswerMessage,
  type CallMessage,
  idText,
  ownCopy,
  type ServingMessage,
} from './messages.ts';
import type { PurgeOwner, PutOptions, SessionCache, SessionCacheStats } from '../session-cache.ts';
import { SharedSessionEnd } from './thread-end.ts';
import type { SharedSessionMemory } from './thread-end.ts';
import { makeSharedStats, readSharedStats } from './shared-stats.ts';

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

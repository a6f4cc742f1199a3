import type { MessagePort, Transferable } from 'node:worker_threads';
import type { MailboxKey, MailboxListener } from '../mail-store.ts';
import { MailboxWatches } from './mailbox-watches.ts';
import type { OperationArgument, OperationName, OperationResult } from './write-operations.ts';
import {
  fromFailure,
  type WriteAnswer,
  type WriteRequest,
  type WriterReport,
} from './writer-messages.ts';
import type { WriterLink } from './writer.ts';

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** How a request differs from one without bytes. */
export interface WriteOptions {
  /** Bytes of messages in the argument. */
  readonly payloadBytes?: number;
  /** Buffers that move to the writer and are empty here from then on. */
  readonly transfer?: readonly Transferable[];
}

/**
 * One thread's end of the writer: sends requests, hands out answers, tells watchers what changed. It keeps
 * the process running only while an answer is awaited.
 */
export class WriterClient {
  readonly #port: MessagePort;
  readonly #now: () => number;
  readonly #pending = new Map<number, Pending>();
  readonly #watches: MailboxWatches;
  /** Settles when the writer has answered once, and so knows the client. */
  #greeting: Promise<void> | undefined;
  #lastId = 0;
  #isClosed = false;
  #onIdle: (() => void) | undefined;

  constructor({ port, watchCounters }: WriterLink, now: () => number) {
    this.#port = port;
    this.#watches = new MailboxWatches(watchCounters);
    this.#now = now;
    port.on('message', (report: WriterReport) => this.#receive(report));
    port.once('close', () => this.#end());
    port.unref();
  }

  /** Asks for a change; settles when it is durable, or rejects and nothing of it is left. */
  request<Name extends OperationName>(
    operation: Name,
    argument: OperationArgument<Name>,
    { payloadBytes = 0, transfer = [] }: WriteOptions = {},
  ): Promise<OperationResult<Name>> {
    if (this.#isClosed) return Promise.reject(storeClosed());
    const id = ++this.#lastId;
    const request: WriteRequest = { id, operation, argument, nowMs: this.#now(), payloadBytes };
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#port.ref();
      this.#port.postMessage(request, [...transfer]);
    });
  }

  /**
   * Begins to watch, then reads, so that no commit is missed that `read` does not see. `close` ends the watch.
   *
   * @see MailStore.open
   */
  async open<T>(
    mailboxId: number,
    listener: MailboxListener,
    read: () => T,
  ): Promise<{ readonly value: T; readonly close: () => void }> {
    // Once for each client: a commit before the writer knows the client would be told to nobody.
    this.#greeting ??= this.request('greet', undefined);
    await this.#greeting;
    if (this.#isClosed) throw storeClosed();
    return this.#watches.open(mailboxId, listener, read);
  }

  /** Watches that have not ended. */
  get watchCount(): number {
    return this.#watches.count;
  }

  /** Waits for the answers that are due, then closes the port. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#pending.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    this.#watches.clear();
    this.#port.close();
  }

  #receive({ answers, events }: WriterReport): void {
    for (const { mailboxId, event } of events) this.#watches.tell(mailboxId, event);
    for (const answer of answers) this.#settle(answer);
    this.#noteIdle();
  }

  #settle(answer: WriteAnswer): void {
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if ('failure' in answer) pending?.reject(fromFailure(answer.failure));
    else pending?.resolve(answer.value);
  }

  #noteIdle(): void {
    if (this.#pending.size > 0) return;
    this.#port.unref();
    this.#onIdle?.();
  }

  /** The writer is gone: nothing that is awaited will be answered. */
  #end(): void {
    this.#isClosed = true;
    for (const { reject } of this.#pending.values()) reject(storeClosed());
    this.#pending.clear();
    this.#watches.clear();
    this.#onIdle?.();
  }
}

/** What a call is refused with after `close`, or when the writer thread has died. */
export function storeClosed(): Error {
  return new Error('The store is closed');
}

/** Only what names the mailbox: the caller's object may have more in it, which would be copied. */
export function toKey({ accountId, mailboxId }: MailboxKey): MailboxKey {
  return { accountId, mailboxId };
}

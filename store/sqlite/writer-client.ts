import type { MessagePort, Transferable } from 'node:worker_threads';
import type { MailboxListener } from '../mail-store.ts';
import type { OperationArgument, OperationName, OperationResult } from './write-operations.ts';
import {
  fromFailure,
  type WriteAnswer,
  type WriteRequest,
  type WriterReport,
} from './writer-messages.ts';

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** How a request differs from one without octets. */
export interface WriteOptions {
  /** Octets of messages in the argument. */
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
  /** By mailbox; an object for each watch, so that a listener may watch twice. */
  readonly #watches = new Map<number, Set<{ readonly listener: MailboxListener }>>();
  #lastId = 0;
  #isClosed = false;
  #onIdle: (() => void) | undefined;

  constructor(port: MessagePort, now: () => number) {
    this.#port = port;
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

  /** @see MailStore.watch */
  watch(mailboxId: number, listener: MailboxListener): () => void {
    const watch = { listener };
    const watches = this.#watches.get(mailboxId) ?? new Set();
    this.#watches.set(mailboxId, watches.add(watch));
    return () => {
      watches.delete(watch);
      if (watches.size === 0 && this.#watches.get(mailboxId) === watches) {
        this.#watches.delete(mailboxId);
      }
    };
  }

  /** Watches that have not ended. */
  get watchCount(): number {
    return [...this.#watches.values()].reduce((count, watches) => count + watches.size, 0);
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

  #receive({ answers, changes }: WriterReport): void {
    for (const { mailboxId, modseq, gone } of changes) {
      for (const { listener } of this.#watches.get(mailboxId) ?? []) listener({ modseq, gone });
    }
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

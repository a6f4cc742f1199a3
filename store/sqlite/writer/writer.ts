import { nextTick } from 'node:process';
import { MessageChannel, type MessagePort, type Transferable, Worker } from 'node:worker_threads';
import {
  type AccountEvent,
  type AccountListener,
  type MailboxKey,
  type PartlyDone,
  StoreError,
  type StoreErrorCode,
} from '../../mail-store.ts';
import type { MailboxEvent, MailboxListener } from '../../mailbox-changes.ts';
import type { StoreProblem } from '../../opened-store.ts';
import type { OperationArgument, OperationName, OperationResult } from './operations.ts';
import { makeWatchCounters, toWatchCounters, Watches } from './watches.ts';
import type { Commit } from './write-context.ts';
import type { WriterOptions } from './writer-thread.ts';

/** A client asks the writer for a change. */
export interface WriteRequest {
  /** The client's number for it, which the answer repeats. */
  readonly id: number;
  readonly operation: OperationName;
  readonly argument: unknown;
  /** The client's clock; the writer has none of its own. */
  readonly nowMs: number;
  /** Bytes of messages in the argument, for the bound of a group. */
  readonly payloadBytes: number;
}

/**
 * After a commit: the answers to the client's own requests, and what changed in mailboxes and accounts that it watches,
 * whoever asked. One message for both, so that a client hears of a change before the answer to it.
 */
interface WriterReport {
  readonly answers: readonly WriteAnswer[];
  readonly events: readonly Commit[];
}

export type WriteAnswer =
  | { readonly id: number; readonly value: unknown }
  | {
      readonly id: number;
      readonly failure: Failure;
      /** What slices before the failure have done, as the value would tell it; absent if nothing is changed. */
      readonly done?: object;
    };

/** An error as it crosses between threads; with `code` it is a {@link StoreError}. */
export interface Failure {
  readonly code: StoreErrorCode | undefined;
  readonly text: string;
  /** For the log; absent if the text says all. */
  readonly cause?: string;
}

/** From the thread that opened the store to the writer thread. */
export type WriterControl =
  | {
      readonly kind: 'connect';
      readonly port: MessagePort;
      /** What the client watches. */
      readonly watchCounters: SharedArrayBuffer;
    }
  | { readonly kind: 'close' };

/** From the writer thread: once, that it is ready or why it is not; and whether it can write, whenever that changes. */
export type WriterNews =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly text: string }
  | { readonly kind: 'problem'; readonly problem: StoreProblem | undefined };

export function toFailure(error: unknown): Failure {
  return error instanceof StoreError
    ? { code: error.code, text: error.message, ...causeOf(error) }
    : { code: undefined, text: error instanceof Error ? error.message : String(error) };
}

function causeOf({ cause }: StoreError): Pick<Failure, 'cause'> {
  return cause instanceof Error ? { cause: cause.message } : {};
}

/** The error of a failure, in the thread that asked. */
export function fromFailure({ code, text, cause }: Failure): Error {
  if (code === undefined) return new Error(`Store failed: ${text}`);
  return new StoreError(code, text, cause === undefined ? undefined : { cause: new Error(cause) });
}

/** A client's way to the writer. */
export interface WriterLink {
  /** To transfer with the message if the client is in another thread. */
  readonly port: MessagePort;
  /** What the client watches; shared with the writer. */
  readonly watchCounters: SharedArrayBuffer;
}

/** A running writer thread, and what starts and ends it. */
export class Writer {
  readonly #worker: Worker;
  readonly #ended: Promise<void>;

  private constructor(worker: Worker) {
    this.#worker = worker;
    this.#ended = new Promise((resolve) => {
      worker.once('exit', () => resolve());
    });
  }

  /**
   * Starts a writer on a file of the newest schema. Rejects if that fails. `onFailure` is told if the
   * thread dies later: its clients' ports close then, and every request is refused.
   *
   * @param listeners.onProblem told if nothing can be stored, why, and when it can again
   */
  static async start(
    options: WriterOptions,
    listeners: {
      readonly onFailure: (error: Error) => void;
      readonly onProblem: (problem: StoreProblem | undefined) => void;
    },
  ): Promise<Writer> {
    const { onFailure, onProblem } = listeners;
    const worker = startThread(new URL('./writer-thread', import.meta.url), options);
    const writer = new Writer(worker);
    const failure = await new Promise<string | undefined>((resolve, reject) => {
      worker.once('error', reject);
      worker.on('message', (news: WriterNews) => {
        if (news.kind === 'problem') onProblem(news.problem);
        else resolve(news.kind === 'failed' ? news.text : undefined);
      });
    });
    if (failure !== undefined) {
      await writer.#ended;
      throw new Error(failure);
    }
    worker.removeAllListeners('error');
    worker.on('error', onFailure);
    // A client keeps the process running while it awaits an answer; the thread alone does not.
    worker.unref();
    return writer;
  }

  /** What one more client needs, in this thread or another. */
  connect(): WriterLink {
    const { port1, port2 } = new MessageChannel();
    const watchCounters = makeWatchCounters();
    this.#send({ kind: 'connect', port: port1, watchCounters }, [port1]);
    return { port: port2, watchCounters };
  }

  /** Lets the thread finish what is queued and waits for its end. */
  async close(): Promise<void> {
    this.#worker.ref();
    this.#send({ kind: 'close' });
    await this.#ended;
  }

  #send(control: WriterControl, transfer: readonly MessagePort[] = []): void {
    this.#worker.postMessage(control, transfer);
  }
}

/** Starts a thread whose file is told without its ending: `.ts` in a clone, `.js` in the package. */
export function startThread(file: URL, workerData: unknown, name?: string): Worker {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const url = new URL(`${file.href}.${extension}`);
  // Not the flags of the process: some of them, like --input-type, make a thread of a file fail.
  return new Worker(url, { workerData, execArgv: [], ...(name !== undefined && { name }) });
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** How a request differs from one without bytes. */
interface WriteOptions {
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
  readonly #mailboxes: Watches<MailboxEvent>;
  readonly #accounts: Watches<AccountEvent>;
  /** Settles when the writer has answered once, and so knows the client. */
  #greeting: Promise<void> | undefined;
  #lastId = 0;
  /** What is asked in this turn, and moves to the writer with it. */
  #outbox: { readonly requests: WriteRequest[]; readonly transfer: Transferable[] } = {
    requests: [],
    transfer: [],
  };
  #isClosed = false;
  #onIdle: (() => void) | undefined;

  constructor({ port, watchCounters }: WriterLink, now: () => number) {
    this.#port = port;
    const counters = toWatchCounters(watchCounters);
    this.#mailboxes = new Watches(counters.mailboxes);
    this.#accounts = new Watches(counters.accounts);
    this.#now = now;
    port.on('message', (report: WriterReport) => this.#receive(report));
    port.once('close', () => this.#end());
    port.unref();
  }

  /**
   * Asks for a change; settles when it is durable, or rejects and nothing of it is left. If some slices of it are durable when
   * it fails, it resolves to what they did, with the failure.
   */
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
      this.#outbox.transfer.push(...transfer);
      // Those of one turn go together: each message that wakes the writer costs both threads some microseconds.
      if (this.#outbox.requests.push(request) === 1) nextTick(this.#post);
    });
  }

  readonly #post = (): void => {
    const { requests, transfer } = this.#outbox;
    this.#outbox = { requests: [], transfer: [] };
    try {
      this.#port.postMessage(requests, transfer);
    } catch (error) {
      // A fault of the program: an argument that cannot be sent.
      const failure = toFailure(error);
      for (const { id } of requests) this.#settle({ id, failure });
      this.#noteIdle();
    }
  };

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
    await this.#greet();
    return this.#mailboxes.open(mailboxId, listener, read);
  }

  /** As {@link open}, for an account; returns what ends the watch. `read` may throw. */
  async watchAccount(
    accountId: number,
    listener: AccountListener,
    read: () => void,
  ): Promise<() => void> {
    await this.#greet();
    return this.#accounts.open(accountId, listener, read).close;
  }

  /** Watches that have not ended. */
  get watchCount(): number {
    return this.#mailboxes.count + this.#accounts.count;
  }

  /** Waits for the answers that are due, then closes the port. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#pending.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    this.#mailboxes.clear();
    this.#accounts.clear();
    this.#port.close();
  }

  #receive({ answers, events }: WriterReport): void {
    for (const commit of events) {
      if ('mailboxId' in commit) this.#mailboxes.tell(commit.mailboxId, commit.event);
      else this.#accounts.tell(commit.accountId, commit.event);
    }
    for (const answer of answers) this.#settle(answer);
    this.#noteIdle();
  }

  /** Once for each client: a commit before the writer knows the client would be told to nobody. */
  async #greet(): Promise<void> {
    this.#greeting ??= this.request('greet', undefined);
    await this.#greeting;
    if (this.#isClosed) throw storeClosed();
  }

  #settle(answer: WriteAnswer): void {
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if (!('failure' in answer)) return pending?.resolve(answer.value);
    const failure = fromFailure(answer.failure);
    if (answer.done === undefined) pending?.reject(failure);
    else pending?.resolve({ ...answer.done, failure } satisfies PartlyDone);
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
    this.#mailboxes.clear();
    this.#accounts.clear();
    this.#onIdle?.();
  }
}

/** What a call is refused with after `close`, or when the writer thread has died. */
function storeClosed(): Error {
  return new Error('The store is closed');
}

/** Only what names the mailbox: the caller's object may have more in it, which would be copied. */
export function toKey({ accountId, mailboxId }: MailboxKey): MailboxKey {
  return { accountId, mailboxId };
}

import { MessageChannel, Worker } from 'node:worker_threads';
import type { StoreLink } from '../../store/opened-store.ts';
import { serveSessionCache, type SessionCache, type TicketKeySource } from '../../tls/index.ts';
import { linkPasswordChecks } from '../authentication/password-check-link.ts';
import type { PasswordCheckQueue } from '../authentication/password-check-queue.ts';
import type { ConnectionOwner } from '../imap/imap-service.ts';
import type { LogLevel } from '../config/configuration.ts';
import type { MailServerSettings } from './mail-server.ts';
import type { MessageFromWorker, MessageToWorker, WorkerStart } from './messages.ts';

/** What a worker begins with, and who is told of it. */
export interface WorkerHandleOptions {
  /** From 1. */
  readonly workerNumber: number;
  readonly settings: MailServerSettings;
  readonly logLevel: LogLevel;
  readonly storeLink: StoreLink;
  /** Where the worker counts; see `makeMetricValues`. */
  readonly metricValues: Float64Array;
  readonly sessionCache: SessionCache;
  readonly verifiedLogins: SessionCache;
  readonly passwordChecks: PasswordCheckQueue;
  readonly ticketKeys: TicketKeySource;
  /** Called with the lines of the worker's log, one or more. */
  readonly writeLog: (lines: string) => void;
}

/** After this long beyond its deadline a worker that does not close is ended, in milliseconds. */
const endGraceMs = 1_000;

/** A worker thread as the main thread sees it. */
export class WorkerHandle {
  /** Settles when the thread has ended: with the reason, if nobody asked for it. */
  readonly ended: Promise<Error | undefined>;
  readonly #worker: Worker;
  readonly #prepared: Promise<void>;
  readonly #listening: Promise<void>;
  /** Calls of {@link disconnect} that are not answered. */
  readonly #disconnects = new Map<number, (count: number) => void>();
  #lastCall = 0;
  #isListening = false;
  #isClosing = false;

  constructor(options: WorkerHandleOptions) {
    const start = startOf(options);
    this.#worker = new Worker(threadUrl(), {
      name: `reprise-worker-${options.workerNumber}`,
      workerData: start,
      transferList: [
        ...start.storeLink.transfer,
        start.sessionPort,
        start.verifiedLoginsPort,
        start.passwordChecks.port,
      ],
    });
    const prepared = Promise.withResolvers<void>();
    const listening = Promise.withResolvers<void>();
    this.#prepared = prepared.promise;
    this.#listening = listening.promise;
    this.#worker.on('message', (message: MessageFromWorker) => {
      if (message.kind === 'log') options.writeLog(message.lines);
      else if (message.kind === 'prepared') prepared.resolve();
      else if (message.kind === 'listening') listening.resolve();
      else this.#settleDisconnect(message.call, message.count);
    });
    this.ended = this.#end();
    const { ticketKeys } = options;
    const unsubscribe = ticketKeys.subscribe(() =>
      this.send({ kind: 'replaceTicketKeys', ticketKeys: ticketKeys.keys }),
    );
    void this.ended.then((reason = new Error('The worker has been closed')) => {
      prepared.reject(reason);
      listening.reject(reason);
      unsubscribe();
    });
    // Whoever waits is told; it is no error that nobody does.
    for (const { promise } of [prepared, listening]) promise.catch(() => undefined);
  }

  /** Settles when the worker can listen; rejects with what ended it before. */
  prepare(): Promise<void> {
    return this.#prepared;
  }

  /** Rejects where a port cannot be bound; the worker has ended then. */
  listen(): Promise<void> {
    this.#isListening = true;
    this.send({ kind: 'listen' });
    return this.#listening;
  }

  send(message: MessageToWorker): void {
    this.#worker.postMessage(message, []);
  }

  /** Sends clients away; settles with how many, which is 0 if the worker has ended. */
  disconnect(owner: ConnectionOwner, text: string): Promise<number> {
    if (!this.#isListening) return Promise.resolve(0);
    const call = ++this.#lastCall;
    const answer = new Promise<number>((resolve) => this.#disconnects.set(call, resolve));
    this.send({ kind: 'disconnect', call, owner, text });
    return Promise.race([answer, this.ended.then(() => 0)]);
  }

  /** Lets the worker close by itself, and ends it where it does not. */
  async close(deadlineMs: number): Promise<void> {
    this.#isClosing = true;
    this.send({ kind: 'close', deadlineMs });
    const timer = setTimeout(() => void this.#worker.terminate(), deadlineMs + endGraceMs);
    await this.ended;
    clearTimeout(timer);
  }

  #settleDisconnect(call: number, count: number): void {
    this.#disconnects.get(call)?.(count);
    this.#disconnects.delete(call);
  }

  #end(): Promise<Error | undefined> {
    return new Promise((resolve) => {
      let reason: Error | undefined;
      this.#worker.once('error', (error: unknown) => {
        reason = error instanceof Error ? error : new Error(String(error));
      });
      this.#worker.once('exit', (code) => {
        reason ??= new Error(`The worker has ended with ${code}`);
        resolve(this.#isClosing ? undefined : reason);
      });
    });
  }
}

function startOf(options: WorkerHandleOptions): WorkerStart {
  const { workerNumber, settings, logLevel, storeLink } = options;
  return {
    workerNumber,
    settings,
    logLevel,
    ticketKeys: options.ticketKeys.keys,
    metricValues: options.metricValues,
    storeLink,
    sessionPort: portTo(options.sessionCache),
    verifiedLoginsPort: portTo(options.verifiedLogins),
    passwordChecks: linkPasswordChecks(options.passwordChecks),
  };
}

function portTo(cache: SessionCache) {
  const { port1, port2 } = new MessageChannel();
  serveSessionCache(cache, port1);
  return port2;
}

/** `.ts` in a clone, `.js` in the package. */
function threadUrl(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./worker-thread.${extension}`, import.meta.url);
}

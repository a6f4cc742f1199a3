import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { ClientCertificatePolicy, Clock, Credential } from '../../tls/index.ts';
import type { ConnectionOwner } from '../imap/imap-service.ts';
import type { ListenerSettings } from '../net/listener.ts';
import type { DisconnectReport, MailServer, MailServerSettings } from './mail-server.ts';
import { type MessageToWorker, settingsAfter } from './messages.ts';
import { PortReservation } from './port-reservation.ts';
import type { WorkerHandle } from './worker-handle.ts';

/** A worker as the pool needs it. */
export type PoolWorker = Pick<
  WorkerHandle,
  'ended' | 'prepare' | 'listen' | 'send' | 'disconnect' | 'close'
>;

/** How many workers a {@link WorkerPool} has, and how they start. */
export interface WorkerPoolOptions {
  /** At least 1. */
  readonly workerCount: number;
  /** A port of 0 becomes the same one for all workers. */
  readonly settings: MailServerSettings;
  /** Starts the worker of a number, from 1. */
  readonly startWorker: (workerNumber: number, settings: MailServerSettings) => PoolWorker;
  readonly logger: Logger;
  /** The steady clock. */
  readonly clock: Clock;
  /** Called once, if workers crash again and again. */
  readonly onFailure: (error: Error) => void;
  /** A worker that does not answer for so long hangs, in milliseconds; default: 5,000. */
  readonly answerDeadlineMs?: number;
}

/** A worker that lives this long was not broken from the start, in milliseconds. */
const soundAfterMs = 10_000;

/** Crashes in a row of the worker of one number, after which it is not replaced any more. */
const maxCrashes = 5;

/** Before the second and later replacements in a row; the first comes at once. In milliseconds. */
const replacementPauseMs = 500;

/** Undefined if there is no answer in time. */
async function answerWithin(
  deadlineMs: number,
  answer: Promise<number>,
): Promise<number | undefined> {
  const given = new AbortController();
  const { signal } = given;
  const silence = delay(deadlineMs, undefined, { signal }).catch(() => undefined);
  try {
    return await Promise.race([answer, silence]);
  } finally {
    given.abort();
  }
}

/** Workers that listen on the same ports. One that crashes is replaced. */
export class WorkerPool implements MailServer {
  readonly #options: WorkerPoolOptions;
  /** By number, which is one more than the index. */
  readonly #workers: PoolWorker[] = [];
  readonly #closing = new AbortController();
  readonly #watches: Promise<void>[] = [];
  /** For the workers to come: as given, and changed by what the workers were told since. */
  #settings: MailServerSettings;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#settings = options.settings;
  }

  async listen(): Promise<readonly ListenerSettings[]> {
    const reservation = await PortReservation.take(this.#settings.listeners);
    try {
      this.#settings = { ...this.#settings, listeners: reservation.listeners };
      for (let number = 1; number <= this.#options.workerCount; number++) this.#start(number);
      await Promise.all(this.#workers.map((worker) => worker.prepare()));
    } finally {
      // As late as can be: until the workers listen, the ports are anybody's.
      await reservation.release();
    }
    await Promise.all(this.#workers.map((worker) => worker.listen()));
    for (const index of this.#workers.keys()) this.#watches.push(this.#watch(index + 1));
    return reservation.listeners;
  }

  async disconnect(owner: ConnectionOwner, text: string): Promise<DisconnectReport> {
    const { answerDeadlineMs = 5_000 } = this.#options;
    const answers = this.#workers.map((worker) => worker.disconnect(owner, text));
    const counts = await Promise.all(
      answers.map((answer) => answerWithin(answerDeadlineMs, answer)),
    );
    return {
      count: counts.reduce<number>((sum, count) => sum + (count ?? 0), 0),
      silentCount: counts.filter((count) => count === undefined).length,
    };
  }

  replaceCredentials(credentials: readonly Credential[]): void {
    this.#sendAll({ kind: 'replaceCredentials', credentials });
  }

  replaceClientCertificates(policy: ClientCertificatePolicy): void {
    this.#sendAll({ kind: 'replaceClientCertificates', policy });
  }

  forgetCertificate(fingerprint256: string, purgedAt: number): void {
    this.#sendAll({ kind: 'forgetCertificate', fingerprint256, purgedAt });
  }

  async close(deadlineMs: number): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#workers.map((worker) => worker.close(deadlineMs)));
    await Promise.all(this.#watches);
  }

  /** Tells the workers, and those that will replace them. */
  #sendAll(message: MessageToWorker): void {
    this.#settings = settingsAfter(this.#settings, message, this.#options.clock());
    for (const worker of this.#workers) worker.send(message);
  }

  #start(number: number): PoolWorker {
    const worker = this.#options.startWorker(number, this.#settings);
    this.#workers[number - 1] = worker;
    return worker;
  }

  /** Replaces the worker of a number whenever it ends, until the pool closes or gives up. */
  async #watch(number: number): Promise<void> {
    const { logger, onFailure } = this.#options;
    for (let crashCount = 0; ;) {
      const startedAt = performance.now();
      const reason = await this.#workers[number - 1]?.ended;
      if (this.#isClosing || reason === undefined) return;
      if (performance.now() - startedAt >= soundAfterMs) crashCount = 0;
      crashCount += 1;
      logger.error({ err: reason, worker: number, crashCount }, 'worker crashed');
      if (crashCount >= maxCrashes) {
        return onFailure(new Error(`Worker ${number} has crashed ${crashCount} times in a row`));
      }
      if (crashCount > 1) await this.#pause();
      if (this.#isClosing) return;
      await this.#replace(number);
    }
  }

  /** A worker that cannot start has ended, and is replaced again. */
  async #replace(number: number): Promise<void> {
    const worker = this.#start(number);
    try {
      await worker.prepare();
      await worker.listen();
      this.#options.logger.info({ worker: number }, 'worker replaced');
    } catch {
      await worker.ended;
    }
  }

  get #isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Ends early if the pool closes. */
  async #pause(): Promise<void> {
    await delay(replacementPauseMs, undefined, { signal: this.#closing.signal }).catch(
      () => undefined,
    );
  }
}

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { type Clock, DetachedTimer, steadyClock } from '../../tls/index.ts';
import { FailedLogins, type FailedLoginsMemory, type LoginAttempt } from './failed-logins.ts';
import { checkDeadlineMs } from './limits.ts';
import {
  LoginBusyError,
  type PasswordCheckQueue,
  type PasswordCheckQueueOptions,
  type PasswordChecks,
  checkInTurn,
} from './password-check-queue.ts';

/** What a thread needs to reach the queue of another one. Plain data; the port is to be transferred. */
export interface PasswordCheckLink {
  readonly port: MessagePort;
  readonly failedLogins: FailedLoginsMemory;
}

/**
 * From a thread that serves clients: an attempt wants its turn; it wants none any more; its check has ended
 * (`isRight` absent: it failed).
 */
type AttemptMessage =
  | { readonly kind: 'join'; readonly id: number; readonly attempt: LoginAttempt }
  | { readonly kind: 'leave'; readonly id: number }
  | { readonly kind: 'end'; readonly id: number; readonly isRight?: boolean };

/** From the thread of the queue: the check of an attempt may run, or the attempt is refused. */
interface TurnMessage {
  readonly kind: 'start' | 'refuse';
  readonly id: number;
}

/** The clock and the timer of a link; each has the default of the queue's. */
export type LinkOptions = Pick<PasswordCheckQueueOptions, 'clock' | 'makeTimer'>;

/**
 * Makes a link to a queue for one thread. When that thread ends, however it does, what it was running and what
 * it had waiting leaves the queue. A check that it does not end within {@link checkDeadlineMs} gives up its place.
 */
export function linkPasswordChecks(
  queue: PasswordCheckQueue,
  options: LinkOptions = {},
): PasswordCheckLink {
  const { port1, port2 } = new MessageChannel();
  const thread = new RemoteThread(queue, port1, options);
  port1.on('message', (message: AttemptMessage) => thread.receive(message));
  port1.on('close', () => thread.end());
  port1.unref();
  return { port: port2, failedLogins: queue.failedLogins.memory };
}

/** A check that runs in another thread. */
interface RunningCheck {
  readonly result: PromiseWithResolvers<boolean>;
  readonly deadlineMs: number;
}

/** A thread at the other end of a link, as the thread of the queue sees it. */
class RemoteThread {
  readonly #queue: PasswordCheckQueue;
  readonly #port: MessagePort;
  readonly #clock: Clock;
  readonly #timer: Pick<DetachedTimer, 'arm' | 'clear'>;
  readonly #waiting = new Map<number, AbortController>();
  /** In the order of their deadlines. */
  readonly #running = new Map<number, RunningCheck>();
  #hasEnded = false;
  /** True from a missed deadline until the thread says something. */
  #isStalled = false;

  constructor(
    queue: PasswordCheckQueue,
    port: MessagePort,
    { clock = steadyClock, makeTimer = (task) => new DetachedTimer(task) }: LinkOptions,
  ) {
    this.#queue = queue;
    this.#port = port;
    this.#clock = clock;
    this.#timer = makeTimer(() => this.#endLate());
  }

  receive(message: AttemptMessage): void {
    this.#isStalled = false;
    if (message.kind === 'join') void this.#join(message.id, message.attempt);
    else if (message.kind === 'leave') this.#leave(message.id);
    else this.#settle(message.id, message.isRight);
  }

  /** The thread has ended. */
  end(): void {
    this.#hasEnded = true;
    this.#timer.clear();
    for (const waiting of this.#waiting.values()) waiting.abort();
    for (const { result } of this.#running.values()) result.reject(new ThreadEndedError());
    this.#running.clear();
  }

  async #join(id: number, attempt: LoginAttempt): Promise<void> {
    const waiting = new AbortController();
    this.#waiting.set(id, waiting);
    try {
      await this.#queue.run(attempt, () => this.#start(id), waiting.signal);
    } catch (error) {
      if (error instanceof LoginBusyError) this.#tell({ kind: 'refuse', id });
    } finally {
      this.#waiting.delete(id);
    }
  }

  /** The client of an attempt has gone. If its turn was told meanwhile, nobody runs its check. */
  #leave(id: number): void {
    this.#waiting.get(id)?.abort();
    this.#settle(id, undefined);
  }

  /** The turn of an attempt has come. Resolves to what its check says. */
  #start(id: number): Promise<boolean> {
    this.#waiting.delete(id);
    if (this.#hasEnded) return Promise.reject(new ThreadEndedError());
    // Otherwise each login that a thread left behind when it stalled would take a place up to the deadline.
    if (this.#isStalled) return Promise.reject(new LoginBusyError());
    const result = Promise.withResolvers<boolean>();
    if (this.#running.size === 0) this.#timer.arm(checkDeadlineMs);
    this.#running.set(id, { result, deadlineMs: this.#clock() + checkDeadlineMs });
    this.#tell({ kind: 'start', id });
    return result.promise;
  }

  /** A check has ended, unless its deadline had passed: then this is of no use any more. */
  #settle(id: number, isRight: boolean | undefined): void {
    const check = this.#running.get(id);
    this.#running.delete(id);
    if (this.#running.size === 0) this.#timer.clear();
    if (isRight === undefined) check?.result.reject(new CheckFailedError());
    else check?.result.resolve(isRight);
  }

  /** Gives up the places of checks whose deadline has passed. */
  #endLate(): void {
    const nowMs = this.#clock();
    for (const [id, { result, deadlineMs }] of this.#running) {
      if (deadlineMs > nowMs) {
        this.#timer.arm(Math.ceil(deadlineMs - nowMs));
        return;
      }
      this.#running.delete(id);
      this.#isStalled = true;
      result.reject(new CheckLateError());
    }
  }

  #tell(message: TurnMessage): void {
    this.#port.postMessage(message, []);
  }
}

/** The thread that was to run a check has ended. */
class ThreadEndedError extends Error {
  override readonly name = 'ThreadEndedError';
}

/** The check rejected in its thread, which knows why. */
class CheckFailedError extends Error {
  override readonly name = 'CheckFailedError';
}

/** The check has not ended in time. */
class CheckLateError extends Error {
  override readonly name = 'CheckLateError';
}

/** Password checks of this thread, whose turns a queue in another thread decides. */
export class LinkedPasswordChecks implements PasswordChecks {
  readonly failedLogins: Pick<FailedLogins, 'isGuessing'>;
  readonly #port: MessagePort;
  readonly #turns = new Map<number, PromiseWithResolvers<void>>();
  #lastId = 0;
  #isClosed = false;

  constructor({ port, failedLogins }: PasswordCheckLink) {
    this.failedLogins = new FailedLogins(failedLogins);
    this.#port = port;
    port.on('message', ({ kind, id }: TurnMessage) => {
      const turn = this.#turns.get(id);
      this.#turns.delete(id);
      if (kind === 'start') turn?.resolve();
      else turn?.reject(new LoginBusyError());
    });
    port.on('close', () => this.#refuseAll());
    port.unref();
  }

  async run(
    attempt: LoginAttempt,
    check: () => Promise<boolean>,
    gone?: AbortSignal,
  ): Promise<boolean> {
    gone?.throwIfAborted();
    if (this.#isClosed) throw new LoginBusyError();
    const id = ++this.#lastId;
    const turn = Promise.withResolvers<void>();
    this.#turns.set(id, turn);
    this.#tell({ kind: 'join', id, attempt });
    const onGone = (): void => {
      // Otherwise its turn has come, in this very step perhaps.
      if (!this.#turns.delete(id)) return;
      this.#tell({ kind: 'leave', id });
      turn.reject(gone?.reason);
    };
    const onEnd = (isRight: boolean | undefined): void =>
      this.#tell({ kind: 'end', id, ...(isRight !== undefined && { isRight }) });
    return checkInTurn({ turn: turn.promise, gone, onGone, check, onEnd });
  }

  close(): void {
    this.#refuseAll();
    this.#port.close();
  }

  #refuseAll(): void {
    this.#isClosed = true;
    for (const turn of this.#turns.values()) turn.reject(new LoginBusyError());
    this.#turns.clear();
  }

  #tell(message: AttemptMessage): void {
    this.#port.postMessage(message, []);
  }
}

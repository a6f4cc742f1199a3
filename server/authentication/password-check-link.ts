import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { FailedLogins, type FailedLoginsMemory, type LoginAttempt } from './failed-logins.ts';
import {
  LoginBusyError,
  type PasswordCheckQueue,
  type PasswordChecks,
} from './password-check-queue.ts';

/** What a thread needs to reach the queue of another one. Plain data; the port is to be transferred. */
export interface PasswordCheckLink {
  readonly port: MessagePort;
  readonly failedLogins: FailedLoginsMemory;
}

/** From a thread that serves clients: an attempt wants its turn; its check has ended (`isRight` absent: it failed). */
type AttemptMessage =
  | { readonly kind: 'join'; readonly id: number; readonly attempt: LoginAttempt }
  | { readonly kind: 'end'; readonly id: number; readonly isRight?: boolean };

/** From the thread of the queue: the check of an attempt may run, or the attempt is refused. */
interface TurnMessage {
  readonly kind: 'start' | 'refuse';
  readonly id: number;
}

/**
 * Makes a link to a queue for one thread. When that thread ends, however it does, what it was running and what
 * it had waiting leaves the queue.
 */
export function linkPasswordChecks(queue: PasswordCheckQueue): PasswordCheckLink {
  const { port1: port, port2 } = new MessageChannel();
  const running = new Map<number, PromiseWithResolvers<boolean>>();
  let isOpen = true;
  const tell = (message: TurnMessage) => port.postMessage(message, []);
  const join = async (id: number, attempt: LoginAttempt) => {
    try {
      await queue.run(attempt, () => {
        if (!isOpen) return Promise.reject(new ThreadEndedError());
        const check = Promise.withResolvers<boolean>();
        running.set(id, check);
        tell({ kind: 'start', id });
        return check.promise;
      });
    } catch (error) {
      if (error instanceof LoginBusyError) tell({ kind: 'refuse', id });
    }
  };
  port.on('message', (message: AttemptMessage) => {
    if (message.kind === 'join') {
      void join(message.id, message.attempt);
      return;
    }
    const check = running.get(message.id);
    running.delete(message.id);
    if (message.isRight === undefined) check?.reject(new CheckFailedError());
    else check?.resolve(message.isRight);
  });
  port.on('close', () => {
    isOpen = false;
    for (const check of running.values()) check.reject(new ThreadEndedError());
    running.clear();
  });
  port.unref();
  return { port: port2, failedLogins: queue.failedLogins.memory };
}

/** The thread that was to run a check has ended. */
class ThreadEndedError extends Error {
  override readonly name = 'ThreadEndedError';
}

/** The check rejected in its thread, which knows why. */
class CheckFailedError extends Error {
  override readonly name = 'CheckFailedError';
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

  async run(attempt: LoginAttempt, check: () => Promise<boolean>): Promise<boolean> {
    if (this.#isClosed) throw new LoginBusyError();
    const id = ++this.#lastId;
    const turn = Promise.withResolvers<void>();
    this.#turns.set(id, turn);
    this.#tell({ kind: 'join', id, attempt });
    await turn.promise;
    let isRight: boolean | undefined;
    try {
      isRight = await check();
      return isRight;
    } finally {
      this.#tell({ kind: 'end', id, ...(isRight !== undefined && { isRight }) });
    }
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

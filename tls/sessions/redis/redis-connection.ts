import { Deadlines, DetachedTimer } from '../../time.ts';
import { redisLimits } from '../../limits.ts';
import { isRefusal, openRedisLink, type RedisCommand, type RedisLink } from './redis-link.ts';
import type { RedisTarget } from './redis-url.ts';

/** Why a command got no answer. */
export type RedisFailureKind = 'error' | 'timeout' | 'overloaded';

/** A command got no answer. */
export class RedisFailure extends Error {
  override readonly name = 'RedisFailure';
  readonly kind: RedisFailureKind;
  /** Whether Redis has surely not done it, and will not do it later. */
  readonly isUndone: boolean;

  constructor(
    kind: RedisFailureKind,
    message: string,
    { isUndone = false, ...options }: ErrorOptions & { readonly isUndone?: boolean } = {},
  ) {
    super(message, options);
    this.kind = kind;
    this.isUndone = isUndone;
  }
}

/** Which Redis to connect to, and how long it may take to answer. */
export interface RedisConnectionOptions {
  readonly target: RedisTarget;
  /** PEM: certificates to trust instead of those that Node trusts, for TLS. */
  readonly ca: string | undefined;
  /** Time for a command, in milliseconds. */
  readonly deadlineMs: number;
  /** Called when Redis is reached; and with the reason when it is lost, or cannot be reached at first. */
  readonly onChange: (isConnected: boolean, error: Error | undefined) => void;
}

/**
 * Keeps a link to Redis, and opens a new one when it is lost or has stopped answering. A command is answered, or
 * rejected at its deadline, or rejected at once if there is no link or if too many commands wait for answers. None is
 * kept for later.
 */
export class RedisConnection {
  readonly #options: RedisConnectionOptions;
  readonly #deadlines: Deadlines;
  readonly #stalls = new Deadlines(redisLimits.stallMs);
  readonly #retry = new DetachedTimer(() => void this.#open());
  readonly #closing = new AbortController();
  #link: RedisLink | undefined;
  #inFlightCount = 0;
  #failedAttempts = 0;

  constructor(options: RedisConnectionOptions) {
    this.#options = options;
    this.#deadlines = new Deadlines(options.deadlineMs);
    // By the timer, so that it does not belong to the async context of what makes the cache.
    this.#retry.arm(1);
  }

  /** Whether there is a link. */
  get isConnected(): boolean {
    return this.#link !== undefined;
  }

  /**
   * Sends a command.
   *
   * @throws RedisFailure if there is no answer within the deadline
   */
  send(key: string, command: RedisCommand): Promise<unknown> {
    return this.#run((link) => link.send(key, command), this.#deadlines);
  }

  /**
   * Sends a command without its own deadline: it may take as long as Redis answers other commands.
   *
   * @throws RedisFailure if there is no answer
   */
  sendPatiently(key: string, command: RedisCommand): Promise<unknown> {
    return this.#run((link) => link.send(key, command));
  }

  /**
   * Returns a function for each master that sends a command to it.
   *
   * @throws RedisFailure if there is no link
   */
  async masters(): Promise<((command: RedisCommand) => Promise<unknown>)[]> {
    const masters = (await this.#run((link) => link.masters())) as Awaited<
      ReturnType<RedisLink['masters']>
    >;
    return masters.map((master) => (command) => this.#run(() => master(command)));
  }

  close(): void {
    this.#closing.abort();
    this.#retry.clear();
    this.#link?.destroy();
    this.#link = undefined;
    this.#deadlines.clear();
    this.#stalls.clear();
  }

  #run(action: (link: RedisLink) => Promise<unknown>, deadlines?: Deadlines): Promise<unknown> {
    const link = this.#link;
    if (link === undefined) {
      return Promise.reject(
        new RedisFailure('error', 'There is no connection to Redis', { isUndone: true }),
      );
    }
    if (this.#inFlightCount >= redisLimits.commandsInFlight) {
      return Promise.reject(
        new RedisFailure('overloaded', 'Redis has too much to answer', { isUndone: true }),
      );
    }
    this.#inFlightCount++;
    return new Promise((resolve, reject) => {
      const cancel = deadlines?.set(() => {
        reject(new RedisFailure('timeout', 'Redis has not answered in time'));
      });
      const cancelStall = this.#stalls.set(() => {
        this.#drop(link, new Error('Redis has stopped answering'));
      });
      const settle = (): void => {
        this.#inFlightCount--;
        cancel?.();
        cancelStall();
      };
      action(link).then(
        (answer) => {
          settle();
          resolve(answer);
        },
        (error: unknown) => {
          settle();
          const options = { cause: error, isUndone: isRefusal(error) };
          reject(new RedisFailure('error', 'Redis has not done a command', options));
        },
      );
    });
  }

  async #open(): Promise<void> {
    try {
      let link: RedisLink | undefined;
      const onLost = (error: Error): void => this.#drop(link, error);
      const { signal } = this.#closing;
      link = await openRedisLink({ ...this.#options, onLost, signal });
      if (this.#closing.signal.aborted) {
        link.destroy();
        return;
      }
      this.#link = link;
      this.#failedAttempts = 0;
      this.#options.onChange(true, undefined);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      if (this.#failedAttempts === 0) this.#options.onChange(false, error as Error);
      this.#retryLater();
    }
  }

  #drop(link: RedisLink | undefined, error: Error): void {
    if (link === undefined || this.#link !== link) return;
    this.#link = undefined;
    link.destroy();
    this.#options.onChange(false, error);
    this.#retryLater();
  }

  #retryLater(): void {
    const delayMs = Math.min(
      redisLimits.firstRetryMs * 2 ** this.#failedAttempts,
      redisLimits.retryMs,
    );
    this.#failedAttempts++;
    // Machines that lost the same Redis don't come back all at once.
    this.#retry.arm(Math.ceil(delayMs * (0.5 + Math.random() / 2)));
  }
}

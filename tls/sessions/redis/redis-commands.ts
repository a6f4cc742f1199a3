import { type RedisConnection, RedisFailure } from './redis-connection.ts';
import type { RedisCommand } from './redis-link.ts';

/** Sends commands to Redis, and counts those that it does not answer. */
export class RedisCommands {
  readonly #connection: RedisConnection;
  readonly #failures = { error: 0, timeout: 0, overloaded: 0 };
  #isClosed = false;

  /** @param connection - it is closed with this */
  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  /** Whether Redis was reached when it was last needed. */
  get isConnected(): boolean {
    return this.#connection.isConnected;
  }

  /** Commands that got no answer, by why; a copy. */
  get failures(): Record<RedisFailure['kind'], number> {
    return { ...this.#failures };
  }

  /** Sends a command. Returns what Redis answers; a {@link RedisFailure} if it does not. */
  async send(key: string, command: RedisCommand): Promise<unknown> {
    try {
      return await this.#counted(this.#connection.send(key, command));
    } catch (error) {
      if (!(error instanceof RedisFailure)) throw error;
      return error;
    }
  }

  /**
   * Sends a command without a deadline of its own.
   *
   * @throws RedisFailure if Redis does not answer
   */
  sendPatiently(key: string, command: RedisCommand): Promise<unknown> {
    return this.#counted(this.#connection.sendPatiently(key, command));
  }

  /**
   * Returns a function for each master that sends a command to it, as {@link sendPatiently} does.
   *
   * @throws RedisFailure if Redis does not answer
   */
  async masters(): Promise<((command: RedisCommand) => Promise<unknown>)[]> {
    const masters = await this.#counted(this.#connection.masters());
    return masters.map((send) => (command) => this.#counted(send(command)));
  }

  /** Closes the connection. What fails from now on is not counted. */
  close(): void {
    this.#isClosed = true;
    this.#connection.close();
  }

  async #counted<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof RedisFailure && !this.#isClosed) this.#failures[error.kind]++;
      throw error;
    }
  }
}

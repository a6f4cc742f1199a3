import type { ServerResponse } from './server-responses.ts';

/** A connection that has logged in and can pipeline. */
export interface ModelClient {
  /** True once the connection has ended. */
  readonly isClosed: boolean;
  /** Sends one command under a new tag, which is returned. */
  send(command: string): string;
  /** Sends several commands in one write; `DONE` has no tag, and an empty one stands for it. */
  sendAll(commands: readonly string[]): string[];
  /**
   * Settles when one of these tags is answered (`+`: a continuation request) or the connection has ended.
   * Rejects with a NoAnswerError past a deadline.
   */
  answered(...tags: readonly string[]): Promise<void>;
  /** Settles when something comes, the connection ends, or so many milliseconds have passed. */
  arrival(withinMs: number): Promise<void>;
  /** All that has come since the last call, in order. */
  take(): ServerResponse[];
  /** Ends the connection without a word. */
  drop(): void;
}

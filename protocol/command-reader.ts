import type { AppendCommand, Command } from './command.ts';

/**
 * What a {@link CommandReader} found next in the bytes of a client.
 *
 * - `command`: a whole command but APPEND
 * - `continue`: the client waits for a command continuation request before it sends a literal; the
 *   connection writes `+ …` and goes on
 * - `append`: an APPEND whose message begins; `append-data` events follow until `append-end`.
 *   The data is a view on the chunk that was pushed: whoever keeps it copies it. The connection answers
 *   `isWaiting` (a synchronizing literal) with a continuation request, or rejects the message with
 *   {@link CommandReader.rejectLiteral} before it is sent
 * - `line`: a line that was asked for with {@link CommandReader.expectLine} (`DONE`, a SASL response),
 *   without its CRLF
 * - `bad`: a command that cannot be read; the connection answers `tag BAD text` (`* BAD text` where tag is
 *   undefined) and goes on with the next one
 * - `bye`: a bound was broken in a way that leaves no next command; the connection answers `* BYE text`
 *   and closes
 */
export type ReaderEvent =
  | { readonly kind: 'command'; readonly tag: string; readonly command: Command }
  | { readonly kind: 'continue' }
  | {
      readonly kind: 'append';
      readonly tag: string;
      readonly command: AppendCommand;
      readonly isWaiting: boolean;
    }
  | { readonly kind: 'append-data'; readonly data: Uint8Array }
  | { readonly kind: 'append-end' }
  | { readonly kind: 'line'; readonly line: Uint8Array }
  | {
      readonly kind: 'bad';
      readonly tag: string | undefined;
      readonly text: string;
      readonly code?: string;
    }
  | { readonly kind: 'bye'; readonly text: string; readonly code?: string };

export interface CommandReaderOptions {
  /** Bounds before and after login differ; the connection calls `setAuthenticated`. */
  readonly maxAppendBytes?: number;
}

/**
 * Reads the bytes of a client as commands: push bytes in, take events out one at a time. Bytes that were
 * pushed and not yet taken wait inside, so the connection stops reading from the socket while it is busy.
 *
 * @see RFC 3501, section 9
 */
export declare class CommandReader {
  constructor(options?: CommandReaderOptions);
  /** Octets that were pushed and not yet consumed by {@link next}. */
  readonly pendingBytes: number;
  /** Adds bytes; the reader owns the chunk from here on. */
  push(chunk: Uint8Array): void;
  /** The next event, or undefined until more bytes come. */
  next(): ReaderEvent | undefined;
  /** From now on the bounds for clients that have logged in apply. */
  setAuthenticated(): void;
  /** The next line is not a command but a line of its own (`DONE`, a SASL response). */
  expectLine(): void;
  /**
   * Gives up the literal that the last `continue` or `append` event announced. A client that waits never
   * sends it: the rest of the command line is dropped. A non-synchronizing literal is read and dropped.
   */
  rejectLiteral(): void;
  /** Drops what was pushed and not consumed (STARTTLS with pipelined plaintext); the octets dropped. */
  clear(): number;
}

import type { ReaderEvent } from '../../protocol/command-reader.ts';
import type { CommandName, CommandNamed } from '../../protocol/grammar/commands.ts';
import type { ResponseCode } from '../../protocol/response-code.ts';
import { ConnectionLostError } from '../net/transport.ts';
import type { Session } from './session.ts';

/** What a command that worked is answered with: `tag OK [code] text`. */
export interface Completion {
  readonly text: string;
  /** Response code without brackets. */
  readonly code?: ResponseCode;
  /** True if the connection ends after the answer. */
  readonly isEnd?: boolean;
  /** True if the command has written its tagged response itself. */
  readonly isAnswered?: boolean;
}

/** How a command came. */
export interface CommandRequest {
  /** For a command that answers before it ends (STARTTLS). */
  readonly tag: string;
  /** True if the client waits for a continuation request before it sends its message (APPEND). */
  readonly isWaiting: boolean;
}

/**
 * Carries out one command and resolves to how it is answered; rejects with a {@link CommandRefusedError} or a StoreError
 * for a refusal.
 */
export type CommandHandler<Name extends CommandName> = (
  session: Session,
  command: CommandNamed<Name>,
  request: CommandRequest,
) => Promise<Completion>;

/** A command is refused: dispatch turns this into the tagged response. The text goes to the client. */
export class CommandRefusedError extends Error {
  readonly status: 'NO' | 'BAD';
  /** Response code without brackets, with its arguments (RFC 5530). */
  readonly code: ResponseCode | undefined;

  constructor(status: 'NO' | 'BAD', text: string, code?: ResponseCode) {
    super(text);
    this.name = 'CommandRefusedError';
    this.status = status;
    this.code = code;
  }
}

/** The connection ends with `* BYE text`: the client broke a bound, or what it used is gone. */
export class ByeError extends Error {
  /** Response code without brackets. */
  readonly code: ResponseCode | undefined;

  constructor(text: string, code?: ResponseCode) {
    super(text);
    this.name = 'ByeError';
    this.code = code;
  }
}

/** The text of a line that was asked for, one character a byte, without spaces around it. */
export function decodeLine(event: ReaderEvent | undefined): string {
  if (event === undefined) throw new ConnectionLostError();
  if (event.kind !== 'line') throw new Error(`Unexpected ${event.kind} event`);
  return Buffer.from(event.line).toString('latin1').trim();
}

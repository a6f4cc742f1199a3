import { expectCommand, expectCommandName } from './command-decoder.ts';
import { CommandError, MissingLiteralError } from './command-error.ts';
import type { AppendCommand } from './command.ts';
import { Decoder } from './decoder.ts';
import { expectAppendArguments } from './mailbox-arguments.ts';
import type { ReaderEvent } from './reader-event.ts';

/** The command in its octets (lines and literals, without the last line end), or why it is none. */
export function readCommand(octets: Uint8Array): ReaderEvent {
  let tag: string | undefined;
  try {
    const decoder = new Decoder(octets);
    tag = decoder.expectTag();
    decoder.expectSpace();
    return { kind: 'command', tag, command: expectCommand(decoder) };
  } catch (error) {
    return badEvent(tag, toCommandError(error));
  }
}

/** What the beginning of a command says when it announces a literal. */
export interface CommandBeginning {
  /** Undefined where there is no tag; then there is an error. */
  readonly tag: string | undefined;
  /** Why there is no such command, so that its literal need not be sent. */
  readonly error?: CommandError;
  /** Present where the literal is the message of an APPEND. */
  readonly append?: AppendCommand;
}

/**
 * Reads a command up to a literal that it announces: `octets` end with the line end behind `{size}`. Of all commands
 * but APPEND only the name is read, because the rest is read when it is whole.
 */
export function readCommandBeginning(octets: Uint8Array): CommandBeginning {
  let tag: string | undefined;
  try {
    const decoder = new Decoder(octets);
    tag = decoder.expectTag();
    decoder.expectSpace();
    const { name } = expectCommandName(decoder);
    return name === 'APPEND' ? { tag, append: expectAppendArguments(decoder).command } : { tag };
  } catch (error) {
    // A literal before the message: the mailbox name
    if (error instanceof MissingLiteralError) return { tag };
    return { tag, error: toCommandError(error) };
  }
}

/** The tag at the beginning of a line that is not whole; undefined where there is none. */
export function readTag(octets: Uint8Array): string | undefined {
  try {
    return new Decoder(octets).expectTag();
  } catch (error) {
    toCommandError(error);
    return undefined;
  }
}

/** The event that tells the connection to refuse a command. */
export function badEvent(tag: string | undefined, error: CommandError): ReaderEvent {
  return {
    kind: 'bad',
    tag,
    text: error.message,
    ...(error.code && { code: error.code }),
    ...(error.isNo && { isNo: true }),
  };
}

/** The error where it is the client's, else throws it on. */
function toCommandError(error: unknown): CommandError {
  if (error instanceof CommandError) return error;
  throw error;
}

import { CommandError, Decoder, MissingLiteralError, quoteReceived } from './decoder.ts';
import type { Capability } from './capability.ts';
import type { CommandGrammar } from './grammar/command-grammar.ts';
import { commandGrammar, type Command, type StreamingCommand } from './grammar/commands.ts';
import type { ReaderEvent } from './reader-event.ts';

const grammarByName = new Map<string, CommandGrammar>(Object.entries(commandGrammar));

/** There is no command of this name. */
class UnknownCommandError extends CommandError {
  constructor(name: string) {
    super(`Unknown command ${quoteReceived(name)}`);
    this.name = 'UnknownCommandError';
  }
}

/** A command's name, and how its arguments are read. */
interface CommandStart {
  readonly name: string;
  readonly isUid: boolean;
  readonly grammar: CommandGrammar;
}

/** The name of a command, behind its tag and the space. */
function expectCommandName(decoder: Decoder): CommandStart {
  const first = decoder.expectAtom('command').toUpperCase();
  const isUid = first === 'UID';
  if (isUid) decoder.expectSpace();
  const name = isUid ? decoder.expectAtom('command').toUpperCase() : first;
  const grammar = grammarByName.get(name);
  if (!grammar || !isKnown(decoder, grammar, isUid)) {
    throw new UnknownCommandError(isUid ? `UID ${name}` : name);
  }
  return { name, isUid, grammar };
}

/** True unless the command has no such form, or what announces it is turned off. */
function isKnown(decoder: Decoder, grammar: CommandGrammar, isUid: boolean): boolean {
  const { capability, uidCapability, hasUid } = grammar;
  if (isUid && hasUid !== true) return false;
  const needed = isUid ? (uidCapability ?? capability) : capability;
  return needed === undefined || !decoder.isOff(needed);
}

function expectCommand(decoder: Decoder, { name, isUid, grammar }: CommandStart): Command {
  const read = grammar.expectArguments(decoder, isUid);
  // The table pairs each name with the arguments of that command; the compiler cannot follow the pairing
  return { name, ...(grammar.hasUid && { isUid }), ...read } as unknown as Command;
}

/**
 * The command in its bytes (lines and literals, without the last line end), or why it is none.
 *
 * @param off - the capabilities that are turned off
 */
export function readCommand(bytes: Uint8Array, off?: ReadonlySet<Capability>): ReaderEvent {
  let tag: string | undefined;
  try {
    const decoder = new Decoder(bytes, off);
    tag = decoder.expectTag();
    decoder.expectSpace();
    const start = expectCommandName(decoder);
    const command = expectCommand(decoder, start);
    // A command whose literal streams is taken apart when the literal is announced
    if (start.grammar.hasStream) throw decoder.expected('literal as the last argument');
    decoder.expectEnd();
    return { kind: 'command', tag, command };
  } catch (error) {
    return badEvent(tag, toCommandError(error));
  }
}

/** What the beginning of a command says when it announces a literal. */
export interface CommandBeginning {
  /** Undefined if there is no tag; then there is an error. */
  readonly tag: string | undefined;
  /** Why there is no such command, so that its literal need not be sent. */
  readonly error?: CommandError;
  /** Present if the literal streams. */
  readonly streaming?: StreamingCommand;
}

/**
 * Reads a command up to a literal that it announces: `bytes` end with the line end behind `{size}`. Only the name is
 * read of commands whose literals do not stream, because the rest is read when it is whole.
 */
export function readCommandBeginning(
  bytes: Uint8Array,
  off?: ReadonlySet<Capability>,
): CommandBeginning {
  let tag: string | undefined;
  try {
    const decoder = new Decoder(bytes, off);
    tag = decoder.expectTag();
    decoder.expectSpace();
    const start = expectCommandName(decoder);
    if (!start.grammar.hasStream) return { tag };
    return { tag, streaming: expectCommand(decoder, start) as StreamingCommand };
  } catch (error) {
    // A literal before the one that streams, such as a mailbox name
    if (error instanceof MissingLiteralError) return { tag };
    return { tag, error: toCommandError(error) };
  }
}

/** The tag at the beginning of a line that is not whole; undefined if there is none. */
export function readTag(bytes: Uint8Array): string | undefined {
  try {
    return new Decoder(bytes).expectTag();
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
    ...(error instanceof UnknownCommandError && { isUnknown: true }),
  };
}

/** The error if it is the client's, else throws it on. */
function toCommandError(error: unknown): CommandError {
  if (error instanceof CommandError) return error;
  throw error;
}

import { CommandError, Decoder, MissingLiteralError, quoteReceived } from './decoder.ts';
import type { Capability, EnabledExtension } from './capability.ts';
import type { CommandGrammar } from './grammar/command-grammar.ts';
import { commandGrammar, type Command, type StreamingCommand } from './grammar/commands.ts';
import type { ReaderEvent } from './reader-event.ts';

/** Every command of the server, by its name. */
export const knownCommands: ReadonlyMap<string, CommandGrammar> = new Map(
  Object.entries<CommandGrammar>(commandGrammar),
);

/** What a client may write. */
export interface CommandSyntax {
  readonly commands: ReadonlyMap<string, CommandGrammar>;
  /** The capabilities that are turned off: what they bring is unknown. */
  readonly off: ReadonlySet<Capability>;
  /** What the client has turned on; it may grow. */
  readonly enabled: ReadonlySet<EnabledExtension>;
}

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
function expectCommandName(decoder: Decoder, { commands }: CommandSyntax): CommandStart {
  const first = decoder.expectAtom('command').toUpperCase();
  const isUid = first === 'UID';
  if (isUid) decoder.expectSpace();
  const name = isUid ? decoder.expectAtom('command').toUpperCase() : first;
  const grammar = commands.get(name);
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

/** The command in its bytes (lines and literals, without the last line end), or why it is none. */
export function readCommand(bytes: Uint8Array, syntax: CommandSyntax): ReaderEvent {
  let tag: string | undefined;
  let start: CommandStart | undefined;
  try {
    const decoder = new Decoder(bytes, syntax.off, syntax.enabled);
    tag = decoder.expectTag();
    decoder.expectSpace();
    start = expectCommandName(decoder, syntax);
    const command = expectCommand(decoder, start);
    // A command whose literal streams is taken apart when the literal is announced
    if (start.grammar.hasStream && 'sizeBytes' in command)
      throw decoder.expected('literal as the last argument');
    decoder.expectEnd();
    return { kind: 'command', tag, command };
  } catch (error) {
    return badEvent(tag, toCommandError(error), tag !== undefined && start === undefined);
  }
}

/** What the beginning of a command says when it announces a literal. */
export interface CommandBeginning {
  /** Undefined if there is no tag; then there is an error. */
  readonly tag: string | undefined;
  /** Why there is no such command, so that its literal need not be sent. */
  readonly error?: CommandError;
  readonly grammar?: CommandGrammar;
  /** Present if the literal streams. */
  readonly command?: StreamingCommand;
}

/**
 * Reads a command up to a literal that it announces: `bytes` end with the line end behind `{size}`. Only the name is
 * read of commands whose literals do not stream, because the rest is read when it is whole.
 */
export function readBeginning(bytes: Uint8Array, syntax: CommandSyntax): CommandBeginning {
  let tag: string | undefined;
  let grammar: CommandGrammar | undefined;
  try {
    const decoder = new Decoder(bytes, syntax.off, syntax.enabled);
    tag = decoder.expectTag();
    decoder.expectSpace();
    const start = expectCommandName(decoder, syntax);
    ({ grammar } = start);
    if (!grammar.hasStream) return { tag, grammar };
    const command = expectCommand(decoder, start) as StreamingCommand;
    decoder.expectEnd();
    return { tag, grammar, command };
  } catch (error) {
    // A literal before the one that streams, such as a mailbox name
    if (error instanceof MissingLiteralError) return { tag, ...(grammar && { grammar }) };
    return { tag, error: toCommandError(error) };
  }
}

/** How a command goes on behind a literal that has streamed, and what its grammar has read before that. */
export interface Streaming {
  readonly grammar: CommandGrammar;
  readonly before: object;
}

/** What stands behind a literal that has streamed. */
export interface CommandContinuation {
  readonly error?: CommandError;
  /** What the grammar has read up to the next literal that streams, or to the end of the command. */
  readonly part?: object;
}

/**
 * Reads on behind a literal that has streamed: up to the end of the command, or up to a literal that is announced. There
 * is neither an error nor a part if that literal is one to gather, or if the command has ended without more.
 */
export function readNext(
  bytes: Uint8Array,
  { grammar, before }: Streaming,
  { off, enabled }: CommandSyntax,
): CommandContinuation {
  try {
    const decoder = new Decoder(bytes, off, enabled);
    const part = grammar.expectNext?.(decoder, before);
    if (!decoder.isAtEnd()) throw decoder.expected('end of command behind the literal');
    return part ? { part } : {};
  } catch (error) {
    return error instanceof MissingLiteralError ? {} : { error: toCommandError(error) };
  }
}

/** The tag and the grammar of a command of which only the beginning has come, as far as there are any. */
export function readStart(
  bytes: Uint8Array,
  syntax: CommandSyntax,
): { readonly tag?: string; readonly grammar?: CommandGrammar } {
  let tag: string | undefined;
  try {
    const decoder = new Decoder(bytes, syntax.off, syntax.enabled);
    tag = decoder.expectTag();
    decoder.expectSpace();
    return { tag, grammar: expectCommandName(decoder, syntax).grammar };
  } catch (error) {
    toCommandError(error);
    return tag === undefined ? {} : { tag };
  }
}

/**
 * The event that tells the connection to refuse a command.
 *
 * @param isNameless - true if no name of a command stands behind the tag
 */
export function badEvent(
  tag: string | undefined,
  error: CommandError,
  isNameless = false,
): ReaderEvent {
  return {
    kind: 'bad',
    tag,
    text: error.message,
    ...(error.code && { code: error.code }),
    ...(error.isNo && { isNo: true }),
    ...((isNameless || error instanceof UnknownCommandError) && { isUnknown: true }),
  };
}

/** The error if it is the client's, else throws it on. */
function toCommandError(error: unknown): CommandError {
  if (error instanceof CommandError) return error;
  throw error;
}

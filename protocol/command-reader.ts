import type { Capability, EnabledExtension } from './capability.ts';
import { CommandError, type LiteralHeader } from './decoder.ts';
import {
  checkUnasked,
  CommandDropper,
  endsInQuotes,
  findAnnouncement,
  trimCarriageReturn,
  trimCommandEnd,
} from './framing.ts';
import { GatheredCommand } from './gathered-command.ts';
import type { CommandGrammar } from './grammar/command-grammar.ts';
import {
  defaultMaxAppendBytes,
  limitsAfterLogin,
  limitsBeforeLogin,
  maxContinuationLineBytes,
  type ReaderLimits,
} from './limits.ts';
import { ByteQueue } from './queue.ts';
import {
  badEvent,
  knownCommands,
  readBeginning,
  readCommand,
  readNext,
  readStart,
  type CommandSyntax,
  type Streaming,
} from './read-command.ts';
import type { ReaderEvent } from './reader-event.ts';

export type { ReaderEvent } from './reader-event.ts';

/** What a {@link CommandReader} takes; each has a default. */
export interface CommandReaderOptions {
  /** Bytes of the largest literal that streams (a message); a larger one is answered `NO [TOOBIG]`. */
  readonly maxAppendBytes?: number;
  /** The capabilities that are turned off; absent: none. */
  readonly off?: ReadonlySet<Capability>;
  /** What the client has turned on; it may grow. Absent: nothing ever is. */
  readonly enabled?: ReadonlySet<EnabledExtension>;
  /** The commands that there are, by name; absent: all of the server. */
  readonly commands?: ReadonlyMap<string, CommandGrammar>;
}

const lineFeed = 0x0a;

/**
 * What the next bytes are.
 *
 * - `line`: of a line of a command, or a line of its own
 * - `literal`: of a literal that is kept until its command is whole
 * - `stream`: of a literal that streams
 * - `dropped`: of a command that has been refused
 * - `over`: ignored, since a bound was broken and the connection is to be closed
 */
type State = 'line' | 'literal' | 'stream' | 'dropped' | 'over';

/** A step of the reader: an event, undefined if bytes are missing, `again` if there is more to do. */
type Step = ReaderEvent | 'again' | undefined;

/**
 * Reads the bytes of a client as commands: push bytes in, take events out one at a time. Bytes that were
 * pushed and not yet taken wait inside, so the connection stops reading from the socket while it is busy.
 *
 * A command is gathered until it is whole, but for the literals that its grammar streams: what stands before, between
 * and behind those is gathered each for itself.
 *
 * The events depend on the bytes alone, never on how they were split into chunks (`stream-data` apart, whose
 * pieces are). The time is linear in the bytes. Between commands nothing is held but what was pushed.
 *
 * Lines end with CRLF or LF. Spaces at the end of a command are read over.
 *
 * @see RFC 3501, section 9
 */
export class CommandReader {
  readonly #queue = new ByteQueue();
  readonly #maxAppendBytes: number;
  #syntax: CommandSyntax;
  #isAuthenticated = false;
  #state: State = 'line';
  #isLineExpected = false;
  readonly #gathered = new GatheredCommand();
  /** Bytes of the present literal that have not been consumed. */
  #remainingBytes = 0;
  /** The command whose literal is being read. */
  #tag = '';
  /** Undefined in a command without a literal that streams so far. */
  #streaming: Streaming | undefined;
  /** The bounds of the present command, if it has others than most. */
  #ownLimits: ReaderLimits | undefined;
  /** True if the client has been told nothing yet and may never send the literal. */
  #isWaiting = false;
  readonly #dropper = new CommandDropper();

  constructor(options: CommandReaderOptions = {}) {
    this.#maxAppendBytes = options.maxAppendBytes ?? defaultMaxAppendBytes;
    const { off = new Set(), enabled = new Set(), commands = knownCommands } = options;
    this.#syntax = { off, enabled, commands };
  }

  /**
   * Bytes of memory that is held for what was pushed and not yet consumed by {@link next}; 0 if there is nothing. The
   * beginning of a command whose end has not come does not count, so a connection may wait for 0.
   */
  get pendingBytes(): number {
    return this.#queue.heldBytes;
  }

  /** Bytes of memory that is held for the client: {@link pendingBytes}, and the beginning of a command. */
  get heldBytes(): number {
    return this.pendingBytes + this.#gathered.heldBytes;
  }

  /** Adds bytes; the reader owns the chunk from here on. */
  push(chunk: Uint8Array): void {
    this.#queue.push(chunk);
  }

  /**
   * The next event, or undefined until more bytes come. After `continue`, and after `stream` and `stream-next` with
   * `isWaiting`, the call says that the literal is wanted.
   */
  next(): ReaderEvent | undefined {
    this.#isWaiting = false;
    let step: Step;
    do step = this.#step();
    while (step === 'again');
    return step;
  }

  /**
   * From now on the bounds for clients that have logged in apply.
   *
   * @param off - the capabilities that are turned off from now on; absent: as before
   * @param isAuthenticated - false: those for strangers apply again
   */
  setAuthenticated(off = this.#syntax.off, isAuthenticated = true): void {
    this.#isAuthenticated = isAuthenticated;
    this.#syntax = { ...this.#syntax, off };
  }

  /** The next line is not a command but a line of its own (`DONE`, a SASL response). */
  expectLine(): void {
    this.#isLineExpected = true;
  }

  /**
   * Gives up the literal that the last `continue`, `stream` or `stream-next` event announced; no more events of that
   * command come, and the connection answers it. Called before the next {@link next}, it means that a client that
   * waits never sends the literal: the command is over. Called later, or for a non-synchronizing literal, it means
   * that the literal and the rest of the command are read and dropped. Does nothing if no literal is being read.
   */
  rejectLiteral(): void {
    if (this.#state === 'literal' || this.#state === 'stream') {
      if (this.#isWaiting) this.#beginCommand();
      else this.#dropLiteral(this.#remainingBytes);
    } else if (this.#state === 'line' && this.#streaming) {
      this.#dropLine();
    }
  }

  /**
   * Drops what was pushed and not consumed (STARTTLS with pipelined plaintext), an unfinished command too; returns the
   * number of bytes dropped.
   */
  clear(): number {
    const dropped = this.#queue.clear() + this.#gathered.length;
    if (this.#state !== 'over') this.#beginCommand();
    this.#isLineExpected = false;
    return dropped;
  }

  get #limits(): ReaderLimits {
    return this.#ownLimits ?? (this.#isAuthenticated ? limitsAfterLogin : limitsBeforeLogin);
  }

  #step(): Step {
    switch (this.#state) {
      case 'line':
        return this.#readLine();
      case 'literal':
        return this.#readLiteral();
      case 'stream':
        return this.#readStream();
      case 'dropped':
        return this.#drop();
      default:
        this.#queue.clear();
        return undefined;
    }
  }

  #beginCommand(): void {
    this.#state = 'line';
    this.#gathered.clear();
    this.#streaming = undefined;
    this.#ownLimits = undefined;
    this.#remainingBytes = 0;
    this.#isWaiting = false;
  }

  #readLine(): Step {
    const head = this.#queue.peek();
    if (!head) return undefined;
    const lineFeedAt = head.indexOf(lineFeed);
    const count = lineFeedAt < 0 ? head.length : lineFeedAt;
    const lineBytes = this.#gathered.lineBytesWith(count);
    const bound = this.#isLineExpected ? maxContinuationLineBytes : this.#limits.lineBytes;
    if (lineBytes > bound && !this.#isAllowedToBe(lineBytes, head)) {
      return this.#refuseLongLine(head);
    }
    if (lineFeedAt < 0) {
      this.#gathered.append(head);
      this.#queue.consume(count);
      return 'again';
    }
    const bytes = this.#gathered.withLineEnd(head.subarray(0, lineFeedAt + 1));
    this.#queue.consume(lineFeedAt + 1);
    return this.#endLine(bytes);
  }

  /** True if the command is one that may have longer lines than most; asked once for each. */
  #isAllowedToBe(lineBytes: number, head: Buffer): boolean {
    if (this.#isLineExpected || this.#streaming || this.#ownLimits) return false;
    this.#takeLimits(readStart(this.#gathered.startWith(head), this.#syntax).grammar);
    return lineBytes <= this.#limits.lineBytes;
  }

  #takeLimits(grammar: CommandGrammar | undefined): void {
    if (!this.#isAuthenticated) this.#ownLimits = grammar?.limitsBeforeLogin ?? limitsBeforeLogin;
  }

  #refuseLongLine(head: Buffer): Step {
    if (this.#isLineExpected) return this.#closeWith('Line is too long');
    const error = new CommandError(`Line is longer than ${this.#limits.lineBytes} bytes`);
    const tag = this.#streaming
      ? this.#tag
      : readStart(this.#gathered.startWith(head), this.#syntax).tag;
    this.#dropLine();
    return badEvent(tag, error);
  }

  /** `bytes` are what was gathered, up to and with the LF of the present line. */
  #endLine(bytes: Buffer): Step {
    const line = bytes.subarray(this.#gathered.lineStart, -1);
    if (this.#isLineExpected) {
      this.#isLineExpected = false;
      this.#beginCommand();
      return { kind: 'line', line: trimCarriageReturn(line) };
    }
    const literal = findAnnouncement(line);
    if (literal && !endsInQuotes(line)) return this.#announceLiteral(bytes, literal);
    const rest = trimCommandEnd(bytes.subarray(0, -1), this.#gathered.lineStart);
    if (this.#streaming) return this.#endStreaming(rest, this.#streaming);
    this.#beginCommand();
    return readCommand(rest, this.#syntax);
  }

  /** `rest` stands behind the last literal that has streamed. */
  #endStreaming(rest: Buffer, streaming: Streaming): Step {
    const { error, part } = readNext(rest, streaming, this.#syntax);
    if (error) return this.#refuse(this.#tag, error, undefined);
    this.#beginCommand();
    return { kind: 'stream-end', ...(part && { part }) };
  }

  /** `bytes` are what was gathered, up to and with the line that announces the literal. */
  #announceLiteral(bytes: Buffer, literal: LiteralHeader): Step {
    if (this.#streaming) return this.#announceNext(bytes, literal, this.#streaming);
    const { tag, grammar, command, ...read } = readBeginning(bytes, this.#syntax);
    const error = read.error ?? checkUnasked(literal, this.#syntax.off);
    if (error) return this.#refuse(tag, error, literal);
    this.#tag = tag ?? '';
    this.#takeLimits(grammar);
    if (!command) return this.#gatherLiteral(bytes, literal);
    const tooMuch = this.#checkStream(command.name, literal);
    if (tooMuch) return this.#refuse(tag, tooMuch, literal);
    this.#beginStream(literal);
    this.#streaming = grammar && { grammar, before: command };
    return { kind: 'stream', tag: this.#tag, command, isWaiting: this.#isWaiting };
  }

  /** A literal behind one that has streamed. */
  #announceNext(bytes: Buffer, literal: LiteralHeader, streaming: Streaming): Step {
    const { part, ...read } = readNext(bytes, streaming, this.#syntax);
    const error = read.error ?? checkUnasked(literal, this.#syntax.off);
    if (error) return this.#refuse(this.#tag, error, literal);
    if (!part) return this.#gatherLiteral(bytes, literal);
    const tooMuch = this.#checkStream('', literal);
    if (tooMuch) return this.#refuse(this.#tag, tooMuch, literal);
    this.#beginStream(literal);
    this.#streaming = { ...streaming, before: part };
    return { kind: 'stream-next', part, isWaiting: this.#isWaiting };
  }

  #gatherLiteral(bytes: Buffer, literal: LiteralHeader): Step {
    const error = this.#gathered.announceLiteral(bytes, literal, this.#limits);
    if (error) return this.#refuse(this.#tag, error, literal);
    this.#beginLiteral('literal', literal);
    return this.#isWaiting ? { kind: 'continue', tag: this.#tag } : 'again';
  }

  #beginStream(literal: LiteralHeader): void {
    this.#gathered.clear();
    this.#beginLiteral('stream', literal);
  }

  #beginLiteral(state: 'literal' | 'stream', literal: LiteralHeader): void {
    this.#state = state;
    this.#remainingBytes = literal.sizeBytes;
    this.#isWaiting = literal.isSynchronizing;
  }

  #checkStream(name: string, literal: LiteralHeader): CommandError | undefined {
    if (!this.#isAuthenticated) return new CommandError(`Log in before ${name}`);
    if (literal.sizeBytes <= this.#maxAppendBytes) return undefined;
    const text = `Message is larger than ${this.#maxAppendBytes} bytes`;
    return new CommandError(text, { isNo: true, code: 'TOOBIG' });
  }

  #readLiteral(): Step {
    if (this.#remainingBytes > 0) {
      const bytes = this.#queue.take(this.#remainingBytes);
      if (!bytes) return undefined;
      this.#gathered.append(bytes);
      this.#remainingBytes -= bytes.length;
    }
    if (this.#remainingBytes === 0) {
      this.#state = 'line';
      this.#gathered.beginLine();
    }
    return 'again';
  }

  #readStream(): Step {
    if (this.#remainingBytes === 0) {
      this.#state = 'line';
      return 'again';
    }
    const data = this.#queue.take(this.#remainingBytes);
    if (!data) return undefined;
    this.#remainingBytes -= data.length;
    return { kind: 'stream-data', data };
  }

  /** Refuses the command whose line has just been read, and finds the next one. */
  #refuse(
    tag: string | undefined,
    error: CommandError,
    literal: LiteralHeader | undefined,
  ): ReaderEvent {
    // A client that waits sees the refusal instead of a continuation request (RFC 9051, section 4.3)
    if (!literal || literal.isSynchronizing) {
      this.#beginCommand();
      return badEvent(tag, error);
    }
    if (literal.sizeBytes > this.#limits.droppedBytes) return this.#closeForLiteral();
    this.#dropLiteral(literal.sizeBytes);
    return badEvent(tag, error);
  }

  #dropLiteral(restBytes: number): void {
    this.#gathered.clear();
    this.#state = 'dropped';
    this.#dropper.beginInLiteral(restBytes);
  }

  #dropLine(): void {
    this.#dropper.beginInLine(this.#gathered.line);
    this.#gathered.clear();
    this.#state = 'dropped';
  }

  #drop(): Step {
    const progress = this.#dropper.step(this.#queue, this.#limits.droppedBytes);
    switch (progress) {
      case 'again':
        return progress;
      case 'starved':
        return undefined;
      case 'done':
        this.#beginCommand();
        return 'again';
      case 'line-too-long':
        return this.#closeWith('Line is too long');
      default:
        return this.#closeForLiteral();
    }
  }

  #closeForLiteral(): ReaderEvent {
    return this.#closeWith('Literal is too large', 'TOOBIG');
  }

  #closeWith(text: string, code?: 'TOOBIG'): ReaderEvent {
    this.clear();
    this.#state = 'over';
    return { kind: 'bye', text, ...(code && { code }) };
  }
}

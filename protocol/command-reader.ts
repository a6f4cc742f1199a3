import { ByteQueue } from './byte-queue.ts';
import { expectCommand, expectCommandName } from './command-decoder.ts';
import { CommandError, MissingLiteralError } from './command-error.ts';
import type { AppendCommand } from './command.ts';
import { Decoder } from './decoder.ts';
import {
  defaultMaxAppendBytes,
  limitsAfterLogin,
  limitsBeforeLogin,
  maxContinuationLineBytes,
  maxDroppedLineBytes,
  maxLiteralCount,
  maxTagBytes,
} from './limits.ts';
import {
  endsInQuotes,
  findAnnouncement,
  maxAnnouncementBytes,
  type LiteralHeader,
} from './literal-announcement.ts';
import { expectAppendArguments } from './mailbox-arguments.ts';
import { OctetBuffer } from './octet-buffer.ts';
import type { ReaderEvent } from './reader-event.ts';

export type { ReaderEvent } from './reader-event.ts';

export interface CommandReaderOptions {
  /** Octets of the largest message that APPEND takes; a larger one is answered `NO [TOOBIG]`. */
  readonly maxAppendBytes?: number;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;

/**
 * What the next octets are.
 *
 * - `line`: of a command, or a line of its own
 * - `literal`: of a literal that is kept until its command is whole
 * - `message`: of the message of an APPEND
 * - `message-end`: of the line end behind that message
 * - `dropped-literal`, `dropped-line`: of a command that has been refused
 * - `over`: of nobody; the connection is to be closed
 */
type State =
  'line' | 'literal' | 'message' | 'message-end' | 'dropped-literal' | 'dropped-line' | 'over';

/** A step of the reader: an event, undefined where bytes are missing, `again` where there is more to do. */
type Step = ReaderEvent | 'again' | undefined;

/**
 * Reads the bytes of a client as commands: push bytes in, take events out one at a time. Bytes that were
 * pushed and not yet taken wait inside, so the connection stops reading from the socket while it is busy.
 *
 * The events depend on the bytes alone, never on how they were split into chunks (`append-data` apart, whose
 * pieces are). The time is linear in the bytes. Between commands nothing is held but what was pushed.
 *
 * Lines end with CRLF or LF. Spaces at the end of a command are read over.
 *
 * @see RFC 3501, section 9
 */
export class CommandReader {
  readonly #queue = new ByteQueue();
  readonly #maxAppendBytes: number;
  #limits = limitsBeforeLogin;
  #state: State = 'line';
  #isLineExpected = false;
  /** The command so far: its whole lines and literals, and the line that is not whole yet. */
  readonly #gathered = new OctetBuffer();
  /** Where the present line begins in what was gathered. */
  #lineStart = 0;
  /** Octets of the command's lines before the present one. */
  #lineBytes = 0;
  #literalCount = 0;
  #literalBytes = 0;
  /** Octets of the present literal or message that have not been consumed. */
  #remainingBytes = 0;
  /** The command whose literal or message is being read. */
  #tag = '';
  /** True where the client has been told nothing yet and may never send the literal. */
  #isWaiting = false;
  /** Octets of refused literals that this command has cost. */
  #droppedBytes = 0;
  /** Octets of the line that is being dropped, and the last ones of them. */
  #droppedLineBytes = 0;
  #droppedTail = '';

  constructor(options: CommandReaderOptions = {}) {
    this.#maxAppendBytes = options.maxAppendBytes ?? defaultMaxAppendBytes;
  }

  /**
   * Octets that were pushed and not yet consumed by {@link next}. The beginning of a command whose end has not come
   * does not count, so a connection may wait for 0.
   */
  get pendingBytes(): number {
    return this.#queue.length;
  }

  /** Adds bytes; the reader owns the chunk from here on. */
  push(chunk: Uint8Array): void {
    this.#queue.push(chunk);
  }

  /**
   * The next event, or undefined until more bytes come. After `continue`, and after `append` with `isWaiting`, the
   * call says that the literal is wanted.
   */
  next(): ReaderEvent | undefined {
    this.#isWaiting = false;
    let step: Step;
    do step = this.#step();
    while (step === 'again');
    return step;
  }

  /** From now on the bounds for clients that have logged in apply. */
  setAuthenticated(): void {
    this.#limits = limitsAfterLogin;
  }

  /** The next line is not a command but a line of its own (`DONE`, a SASL response). */
  expectLine(): void {
    this.#isLineExpected = true;
  }

  /**
   * Gives up the literal that the last `continue` or `append` event announced; no more events of that command
   * come, and the connection answers it. Called before the next {@link next}, it means that a client that waits
   * never sends the literal: the command is over. Called later, or for a non-synchronizing literal, it means that
   * the literal and the rest of the line are read and dropped. Does nothing where no literal is being read.
   */
  rejectLiteral(): void {
    if (this.#state === 'message-end') {
      this.#dropLine();
    } else if (this.#state === 'literal' || this.#state === 'message') {
      if (this.#isWaiting) this.#beginCommand();
      else this.#dropLiteral(this.#remainingBytes);
    }
  }

  /**
   * Drops what was pushed and not consumed (STARTTLS with pipelined plaintext), an unfinished command too; the
   * octets dropped.
   */
  clear(): number {
    const dropped = this.#queue.clear() + this.#gathered.length;
    if (this.#state !== 'over') this.#beginCommand();
    this.#isLineExpected = false;
    return dropped;
  }

  #step(): Step {
    switch (this.#state) {
      case 'line':
      case 'message-end':
        return this.#readLine();
      case 'literal':
        return this.#readLiteral();
      case 'message':
        return this.#readMessage();
      case 'dropped-literal':
        return this.#skipLiteral();
      case 'dropped-line':
        return this.#skipLine();
      case 'over':
        this.#queue.clear();
        return undefined;
    }
  }

  #beginCommand(): void {
    this.#state = 'line';
    this.#gathered.clear();
    this.#lineStart = 0;
    this.#lineBytes = 0;
    this.#literalCount = 0;
    this.#literalBytes = 0;
    this.#remainingBytes = 0;
    this.#isWaiting = false;
    this.#droppedBytes = 0;
  }

  #readLine(): Step {
    const head = this.#queue.peek();
    if (!head) return undefined;
    const lineFeedAt = head.indexOf(lineFeed);
    const count = lineFeedAt < 0 ? head.length : lineFeedAt;
    const present = this.#gathered.length - this.#lineStart + count;
    if (present > this.#maxLineBytes()) return this.#refuseLongLine(head);
    if (lineFeedAt < 0) {
      this.#gathered.append(head);
      this.#queue.consume(count);
      return 'again';
    }
    // A line that came whole, as most do, is read where it is
    let octets = head.subarray(0, lineFeedAt + 1);
    if (this.#gathered.length > 0) {
      this.#gathered.append(octets);
      octets = this.#gathered.view();
    }
    this.#queue.consume(lineFeedAt + 1);
    return this.#endLine(octets);
  }

  #maxLineBytes(): number {
    if (this.#isLineExpected) return maxContinuationLineBytes;
    return this.#limits.lineBytes - this.#lineBytes;
  }

  #refuseLongLine(head: Buffer): Step {
    if (this.#isLineExpected) return this.#closeWith('Line is too long');
    const start = Buffer.concat([this.#gathered.view(), head.subarray(0, maxTagBytes + 1)]);
    const tag = this.#state === 'message-end' ? this.#tag : readTag(start);
    this.#dropLine();
    return badEvent(tag, new CommandError(`Line is longer than ${this.#limits.lineBytes} octets`));
  }

  /** `octets` are the command up to and with the LF of its present line. */
  #endLine(octets: Buffer): Step {
    const line = octets.subarray(this.#lineStart, -1);
    if (this.#isLineExpected) {
      this.#isLineExpected = false;
      this.#beginCommand();
      return { kind: 'line', line: trimLineEnd(line, 0) };
    }
    const literal = findAnnouncement(line);
    if (this.#state === 'message-end') return this.#endMessage(line, literal);
    if (literal && !endsInQuotes(line)) return this.#announceLiteral(octets, literal);
    const command = trimLineEnd(octets.subarray(0, -1), this.#lineStart, space);
    this.#beginCommand();
    return decodeCommand(command);
  }

  /** `octets` are the command up to the line that announces the literal. */
  #announceLiteral(octets: Buffer, literal: LiteralHeader): Step {
    let tag: string | undefined;
    try {
      const decoder = new Decoder(octets);
      tag = decoder.expectTag();
      decoder.expectSpace();
      const { name } = expectCommandName(decoder);
      this.#tag = tag;
      const append = name === 'APPEND' ? readAppend(decoder) : undefined;
      return append ? this.#beginMessage(append, literal) : this.#beginLiteral(octets, literal);
    } catch (error) {
      return this.#refuse(tag, toCommandError(error), literal);
    }
  }

  #beginMessage(command: AppendCommand, literal: LiteralHeader): Step {
    if (this.#limits !== limitsAfterLogin) throw new CommandError('Log in before APPEND');
    if (literal.sizeBytes > this.#maxAppendBytes) {
      const text = `Message is larger than ${this.#maxAppendBytes} octets`;
      throw new CommandError(text, { isNo: true, code: 'TOOBIG' });
    }
    this.#gathered.clear();
    this.#lineStart = 0;
    this.#lineBytes = 0;
    this.#state = 'message';
    this.#remainingBytes = literal.sizeBytes;
    this.#isWaiting = literal.isSynchronizing;
    return { kind: 'append', tag: this.#tag, command, isWaiting: literal.isSynchronizing };
  }

  #beginLiteral(octets: Buffer, literal: LiteralHeader): Step {
    this.#literalBytes += literal.sizeBytes;
    if (++this.#literalCount > maxLiteralCount) {
      throw new CommandError(`More than ${maxLiteralCount} literals`);
    }
    const { literalBytes, commandLiteralBytes } = this.#limits;
    if (literal.sizeBytes > literalBytes || this.#literalBytes > commandLiteralBytes) {
      throw new CommandError('Literal is too large', { code: 'TOOBIG' });
    }
    this.#lineBytes += octets.length - this.#lineStart;
    if (this.#gathered.length === 0) this.#gathered.append(octets);
    this.#state = 'literal';
    this.#remainingBytes = literal.sizeBytes;
    this.#isWaiting = literal.isSynchronizing;
    return literal.isSynchronizing ? { kind: 'continue', tag: this.#tag } : 'again';
  }

  #readLiteral(): Step {
    if (this.#remainingBytes > 0) {
      const octets = this.#queue.take(this.#remainingBytes);
      if (!octets) return undefined;
      this.#gathered.append(octets);
      this.#remainingBytes -= octets.length;
    }
    if (this.#remainingBytes === 0) {
      this.#state = 'line';
      this.#lineStart = this.#gathered.length;
    }
    return 'again';
  }

  #readMessage(): Step {
    if (this.#remainingBytes === 0) {
      this.#state = 'message-end';
      return 'again';
    }
    const data = this.#queue.take(this.#remainingBytes);
    if (!data) return undefined;
    this.#remainingBytes -= data.length;
    return { kind: 'append-data', data };
  }

  /** `line` is what stands behind a message: nothing, in a command that is well formed. */
  #endMessage(line: Buffer, literal: LiteralHeader | undefined): Step {
    const rest = trimLineEnd(line, 0, space);
    if (rest.length === 0) {
      this.#beginCommand();
      return { kind: 'append-end' };
    }
    const error = new Decoder(rest).expected('end of command behind the message');
    return this.#refuse(this.#tag, error, literal);
  }

  /** Refuses the command whose line has just been read, and finds the next one. */
  #refuse(
    tag: string | undefined,
    error: CommandError,
    literal: LiteralHeader | undefined,
  ): ReaderEvent {
    // A client that waits sees the refusal instead of a continuation request (RFC 9051, section 4.3)
    if (!literal || literal.isSynchronizing) this.#beginCommand();
    else if (literal.sizeBytes > this.#limits.droppedBytes) return this.#closeForLiteral();
    else this.#dropLiteral(literal.sizeBytes);
    return badEvent(tag, error);
  }

  #dropLiteral(remainingBytes: number): void {
    this.#gathered.clear();
    this.#lineStart = 0;
    this.#state = 'dropped-literal';
    this.#remainingBytes = remainingBytes;
    this.#droppedBytes += remainingBytes;
  }

  /** Drops the present line; what of it has been gathered may hold the beginning of an announcement. */
  #dropLine(): void {
    this.#droppedLineBytes = 0;
    this.#droppedTail = '';
    this.#noteDropped(this.#gathered.view().subarray(this.#lineStart));
    this.#gathered.clear();
    this.#lineStart = 0;
    this.#state = 'dropped-line';
  }

  #noteDropped(octets: Buffer): void {
    const tail = octets.toString('latin1', Math.max(0, octets.length - maxAnnouncementBytes));
    this.#droppedTail = (this.#droppedTail + tail).slice(-maxAnnouncementBytes);
    this.#droppedLineBytes += octets.length;
  }

  #skipLiteral(): Step {
    const octets = this.#queue.take(this.#remainingBytes);
    this.#remainingBytes -= octets?.length ?? 0;
    if (this.#remainingBytes === 0) this.#dropLine();
    return octets || this.#remainingBytes === 0 ? 'again' : undefined;
  }

  #skipLine(): Step {
    const head = this.#queue.peek();
    if (!head) return undefined;
    const lineFeedAt = head.indexOf(lineFeed);
    const count = lineFeedAt < 0 ? head.length : lineFeedAt;
    this.#noteDropped(head.subarray(0, count));
    this.#queue.consume(lineFeedAt < 0 ? count : count + 1);
    if (this.#droppedLineBytes > Math.min(maxDroppedLineBytes, this.#limits.droppedBytes)) {
      return this.#closeWith('Line is too long');
    }
    if (lineFeedAt < 0) return 'again';
    const literal = findAnnouncement(Buffer.from(this.#droppedTail, 'latin1'));
    if (!literal || literal.isSynchronizing) this.#beginCommand();
    else if (this.#droppedBytes + literal.sizeBytes > this.#limits.droppedBytes) {
      return this.#closeForLiteral();
    } else this.#dropLiteral(literal.sizeBytes);
    return 'again';
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

function decodeCommand(octets: Buffer): ReaderEvent {
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

/** The APPEND whose message is announced; undefined where it is the literal of its mailbox name. */
function readAppend(decoder: Decoder): AppendCommand | undefined {
  try {
    return expectAppendArguments(decoder).command;
  } catch (error) {
    if (error instanceof MissingLiteralError) return undefined;
    throw error;
  }
}

function readTag(octets: Buffer): string | undefined {
  try {
    return new Decoder(octets).expectTag();
  } catch (error) {
    toCommandError(error);
    return undefined;
  }
}

/** The error where it is the client's, else throws it on. */
function toCommandError(error: unknown): CommandError {
  if (error instanceof CommandError) return error;
  throw error;
}

function badEvent(tag: string | undefined, error: CommandError): ReaderEvent {
  return {
    kind: 'bad',
    tag,
    text: error.message,
    ...(error.code && { code: error.code }),
    ...(error.isNo && { isNo: true }),
  };
}

/** The line without CR at its end, and without a run of one more octet before that; not shorter than `least`. */
function trimLineEnd(line: Buffer, least: number, padding?: number): Buffer {
  let end = line.length;
  if (end > least && line[end - 1] === carriageReturn) end--;
  while (end > least && line[end - 1] === padding) end--;
  return line.subarray(0, end);
}

import { ByteQueue } from './byte-queue.ts';
import { CommandDropper } from './command-dropper.ts';
import type { Capability } from './capability.ts';
import { CommandError, Decoder } from './decoder.ts';
import {
  defaultMaxAppendBytes,
  limitsAfterLogin,
  limitsBeforeLogin,
  maxContinuationLineBytes,
  maxTagBytes,
  type ReaderLimits,
} from './limits.ts';
import {
  endsInQuotes,
  findAnnouncement,
  trimCarriageReturn,
  trimCommandEnd,
  type LiteralHeader,
} from './line-end.ts';
import { LiteralBudget } from './literal-budget.ts';
import { OctetBuffer } from './octet-buffer.ts';
import { badEvent, readCommand, readCommandBeginning, readTag } from './read-command.ts';
import type { ReaderEvent } from './reader-event.ts';

export type { ReaderEvent } from './reader-event.ts';

export interface CommandReaderOptions {
  /** Octets of the largest message that APPEND takes; a larger one is answered `NO [TOOBIG]`. */
  readonly maxAppendBytes?: number;
  /** The capabilities that are turned off; absent: none. */
  readonly off?: ReadonlySet<Capability>;
}

const lineFeed = 0x0a;

/**
 * What the next octets are.
 *
 * - `line`: of a command, or a line of its own
 * - `literal`: of a literal that is kept until its command is whole
 * - `message`: of the message of an APPEND
 * - `message-end`: of the line end behind that message
 * - `dropped`: of a command that has been refused
 * - `over`: of nobody; the connection is to be closed
 */
type State = 'line' | 'literal' | 'message' | 'message-end' | 'dropped' | 'over';

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
  #off: ReadonlySet<Capability>;
  #isAuthenticated = false;
  #state: State = 'line';
  #isLineExpected = false;
  /** The command so far: its whole lines and literals, and the line that is not whole yet. */
  readonly #gathered = new OctetBuffer();
  /** Where the present line begins in what was gathered. */
  #lineStart = 0;
  /** Octets of the command's lines before the present one. */
  #lineBytes = 0;
  readonly #budget = new LiteralBudget();
  /** Octets of the present literal or message that have not been consumed. */
  #remainingBytes = 0;
  /** The command whose literal or message is being read. */
  #tag = '';
  /** True where the client has been told nothing yet and may never send the literal. */
  #isWaiting = false;
  readonly #dropper = new CommandDropper();

  constructor(options: CommandReaderOptions = {}) {
    this.#maxAppendBytes = options.maxAppendBytes ?? defaultMaxAppendBytes;
    this.#off = options.off ?? new Set();
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

  /**
   * From now on the bounds for clients that have logged in apply.
   *
   * @param off - the capabilities that are turned off from now on; absent: as before
   */
  setAuthenticated(off = this.#off): void {
    this.#isAuthenticated = true;
    this.#off = off;
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

  get #limits(): ReaderLimits {
    return this.#isAuthenticated ? limitsAfterLogin : limitsBeforeLogin;
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
      case 'dropped':
        return this.#drop();
      default:
        this.#queue.clear();
        return undefined;
    }
  }

  #beginCommand(): void {
    this.#state = 'line';
    this.#forgetGathered();
    this.#budget.reset();
    this.#remainingBytes = 0;
    this.#isWaiting = false;
  }

  #forgetGathered(): void {
    this.#gathered.clear();
    this.#lineStart = 0;
    this.#lineBytes = 0;
  }

  #readLine(): Step {
    const head = this.#queue.peek();
    if (!head) return undefined;
    const lineFeedAt = head.indexOf(lineFeed);
    const count = lineFeedAt < 0 ? head.length : lineFeedAt;
    const bound = this.#isLineExpected ? maxContinuationLineBytes : this.#limits.lineBytes;
    const lineBytes = this.#lineBytes + this.#gathered.length - this.#lineStart + count;
    if (lineBytes > bound) return this.#refuseLongLine(head);
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
      return { kind: 'line', line: trimCarriageReturn(line) };
    }
    const literal = findAnnouncement(line);
    if (this.#state === 'message-end') return this.#endMessage(line, literal);
    if (literal && !endsInQuotes(line)) return this.#announceLiteral(octets, literal);
    const command = trimCommandEnd(octets.subarray(0, -1), this.#lineStart);
    this.#beginCommand();
    return readCommand(command, this.#off);
  }

  /** `octets` are the command up to the line that announces the literal. */
  #announceLiteral(octets: Buffer, literal: LiteralHeader): Step {
    const { tag, streaming, ...beginning } = readCommandBeginning(octets, this.#off);
    const error =
      beginning.error ??
      (streaming ? this.#checkMessage(literal) : this.#budget.charge(literal, this.#limits));
    if (error) return this.#refuse(tag, error, literal);
    this.#tag = tag ?? '';
    this.#remainingBytes = literal.sizeBytes;
    this.#isWaiting = literal.isSynchronizing;
    if (streaming) {
      this.#forgetGathered();
      this.#state = 'message';
      return { kind: 'append', tag: this.#tag, command: streaming, isWaiting: this.#isWaiting };
    }
    this.#lineBytes += octets.length - this.#lineStart;
    if (this.#gathered.length === 0) this.#gathered.append(octets);
    this.#state = 'literal';
    return this.#isWaiting ? { kind: 'continue', tag: this.#tag } : 'again';
  }

  #checkMessage(literal: LiteralHeader): CommandError | undefined {
    if (!this.#isAuthenticated) return new CommandError('Log in before APPEND');
    if (literal.sizeBytes <= this.#maxAppendBytes) return undefined;
    const text = `Message is larger than ${this.#maxAppendBytes} octets`;
    return new CommandError(text, { isNo: true, code: 'TOOBIG' });
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
    const rest = trimCommandEnd(line, 0);
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
    if (!literal || literal.isSynchronizing) {
      this.#beginCommand();
      return badEvent(tag, error);
    }
    if (literal.sizeBytes > this.#limits.droppedBytes) return this.#closeForLiteral();
    this.#dropLiteral(literal.sizeBytes);
    return badEvent(tag, error);
  }

  #dropLiteral(restBytes: number): void {
    this.#forgetGathered();
    this.#state = 'dropped';
    this.#dropper.beginInLiteral(restBytes);
  }

  #dropLine(): void {
    this.#dropper.beginInLine(this.#gathered.view().subarray(this.#lineStart));
    this.#forgetGathered();
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

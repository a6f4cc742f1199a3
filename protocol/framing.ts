import type { Capability } from './capability.ts';
import { CommandError, parseLiteralSize, type LiteralHeader } from './decoder.ts';
import {
  maxDroppedLineBytes,
  maxLiteralCount,
  maxUnaskedLiteralBytes,
  type ReaderLimits,
} from './limits.ts';
import type { ByteQueue } from './queue.ts';

/** Bytes at the end of a line in which an announcement is looked for; more digits are no size. */
const maxAnnouncementBytes = 32;

const announcement = /\{(\d+)(\+?)\}\r?$/;

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;
const quote = 0x22;
const backslash = 0x5c;

/**
 * The literal that the end of a line (without its LF, with or without CR) announces; undefined if it announces
 * none. `tail` is the line or at least its last {@link maxAnnouncementBytes} bytes.
 *
 * @see RFC 3501, section 4.3; RFC 7888
 */
export function findAnnouncement(tail: Buffer): LiteralHeader | undefined {
  const start = Math.max(0, tail.length - maxAnnouncementBytes);
  const match = announcement.exec(tail.toString('latin1', start));
  if (!match) return undefined;
  return { sizeBytes: parseLiteralSize(match[1]!), isSynchronizing: match[2] === '' };
}

/**
 * Why a client may not send a literal without waiting, with these capabilities turned off; undefined if it may.
 *
 * @see RFC 7888, sections 4 and 5
 */
export function checkUnasked(
  { sizeBytes, isSynchronizing }: LiteralHeader,
  off: ReadonlySet<Capability>,
): CommandError | undefined {
  if (isSynchronizing || !off.has('LITERAL+')) return undefined;
  if (off.has('LITERAL-')) return new CommandError('Wait for leave before you send a literal');
  if (sizeBytes <= maxUnaskedLiteralBytes) return undefined;
  const text = `Wait for leave before you send a literal of more than ${maxUnaskedLiteralBytes} bytes`;
  return new CommandError(text, { code: 'TOOBIG' });
}

/** True if the line ends inside a quoted string, so that what looks like an announcement is none. */
export function endsInQuotes(line: Uint8Array): boolean {
  let isQuoted = false;
  for (let at = 0; at < line.length; at++) {
    if (line[at] === quote) isQuoted = !isQuoted;
    else if (isQuoted && line[at] === backslash) at++;
  }
  return isQuoted;
}

/** The line without the CR at its end. */
export function trimCarriageReturn(line: Buffer): Buffer {
  return line.at(-1) === carriageReturn ? line.subarray(0, -1) : line;
}

/**
 * The bytes of a command without the CR at their end and the spaces before it, but not shorter than `lineStart`, where
 * the last line begins: what stands before it is a literal's. Some clients write such spaces; they mean nothing.
 */
export function trimCommandEnd(bytes: Buffer, lineStart: number): Buffer {
  let end = bytes.length;
  if (end > lineStart && bytes[end - 1] === carriageReturn) end--;
  while (end > lineStart && bytes[end - 1] === space) end--;
  return bytes.subarray(0, end);
}

/** Counts the literals of one command, messages apart, against the bounds. */
export class LiteralBudget {
  #count = 0;
  #bytes = 0;

  /** Counts one more literal; why it is refused, or undefined if it may come. */
  charge(literal: LiteralHeader, limits: ReaderLimits): CommandError | undefined {
    this.#count++;
    this.#bytes += literal.sizeBytes;
    if (this.#count > maxLiteralCount) {
      return new CommandError(`More than ${maxLiteralCount} literals`);
    }
    if (literal.sizeBytes <= limits.literalBytes && this.#bytes <= limits.commandLiteralBytes) {
      return undefined;
    }
    return new CommandError('Literal is too large', { code: 'TOOBIG' });
  }

  /** Begins the next command. */
  reset(): void {
    this.#count = 0;
    this.#bytes = 0;
  }
}

/**
 * How far the dropping has come: `again` (there is more to do), `starved` (bytes are missing), `done` (the next byte
 * begins a command), or which bound was broken.
 */
export type DropProgress = 'again' | 'starved' | 'done' | 'line-too-long' | 'literal-too-large';

/**
 * Finds the end of a command that was refused, without keeping it: the rest of a literal, the rest of the line, and
 * the non-synchronizing literals that the line announces. (A client that waits for leave to send a literal sees the
 * refusal instead, so the command is over then.)
 *
 * @see RFC 7888, section 4
 */
export class CommandDropper {
  /** Bytes of the present literal that are still to come; 0 in a line. */
  #literalRest = 0;
  /** Bytes of all literals of the command. */
  #literalBytes = 0;
  /** Bytes of the present line, and the last ones of them, in which an announcement may stand. */
  #lineBytes = 0;
  #lineTail = '';

  /** Begins within a literal of which `restBytes` are still to come. */
  beginInLiteral(restBytes: number): void {
    this.#literalRest = restBytes;
    this.#literalBytes = restBytes;
    this.#beginLine();
  }

  /** Begins within a line of which `lineStart` has been consumed. */
  beginInLine(lineStart: Buffer): void {
    this.#literalRest = 0;
    this.#literalBytes = 0;
    this.#beginLine();
    this.#noteLine(lineStart);
  }

  #beginLine(): void {
    this.#lineBytes = 0;
    this.#lineTail = '';
  }

  #noteLine(bytes: Buffer): void {
    const tail = bytes.toString('latin1', Math.max(0, bytes.length - maxAnnouncementBytes));
    this.#lineTail = (this.#lineTail + tail).slice(-maxAnnouncementBytes);
    this.#lineBytes += bytes.length;
  }

  /** Consumes bytes of the first chunk. `maxBytes` bounds the literals of the command together, and a line. */
  step(queue: ByteQueue, maxBytes: number): DropProgress {
    if (this.#literalRest > 0) {
      const bytes = queue.take(this.#literalRest);
      this.#literalRest -= bytes?.length ?? 0;
      return bytes ? 'again' : 'starved';
    }
    const head = queue.peek();
    if (!head) return 'starved';
    const lineFeedAt = head.indexOf(lineFeed);
    const count = lineFeedAt < 0 ? head.length : lineFeedAt;
    this.#noteLine(head.subarray(0, count));
    queue.consume(lineFeedAt < 0 ? count : count + 1);
    if (this.#lineBytes > Math.min(maxDroppedLineBytes, maxBytes)) return 'line-too-long';
    return lineFeedAt < 0 ? 'again' : this.#endLine(maxBytes);
  }

  #endLine(maxBytes: number): DropProgress {
    const literal = findAnnouncement(Buffer.from(this.#lineTail, 'latin1'));
    this.#beginLine();
    if (!literal || literal.isSynchronizing) return 'done';
    this.#literalBytes += literal.sizeBytes;
    if (this.#literalBytes > maxBytes) return 'literal-too-large';
    this.#literalRest = literal.sizeBytes;
    return 'again';
  }
}

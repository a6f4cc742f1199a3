import { mimeLimits } from './limits.ts';
import type { MimePart } from './mime-structure.ts';
import { PartTree } from './part-tree.ts';

const lineFeed = 10;
const carriageReturn = 13;
const hyphen = 45;

/**
 * Finds the parts of a message while its bytes stream by. Push the bytes in chunks of any size, then call
 * {@link finish} once. The result does not depend on how the bytes were divided. Memory is bounded by
 * {@link mimeLimits}, time is linear, and no bytes make it throw.
 *
 * What it decides where the RFCs leave room or messages break them:
 * - Lines end in CRLF or LF; a header ends at its first empty line, a boundary delimiter, or the end.
 * - A delimiter is a whole line: `--`, the boundary, perhaps `--`, white space. A line that only begins so
 *   is text, so that a boundary may be the beginning of another.
 * - The delimiter of an outer multipart closes the parts within; the end of the message closes all.
 * - The line break before a delimiter belongs to the delimiter, unless a header has used it already.
 * - A multipart without parts (no boundary parameter, or one that never comes) gets one text/plain part
 *   that is its whole body, so that a client can show it.
 * - An encoded message/rfc822 part is not opened (RFC 2046, section 5.2.1 forbids the encoding).
 *
 * @see RFC 2046, section 5.1.1
 */
export class MimeWalker {
  readonly #tree = new PartTree();
  /** Bytes before the current chunk. */
  #base = 0;
  /** Line feeds before the current position. */
  #lineCount = 0;
  /** Bytes of the line break before the current line: 0 at the start of the message. */
  #breakBytes = 0;
  #previousByte = -1;
  #lineStart = 0;
  /**
   * - `start`: the current position is the start of a line
   * - `candidate`: the line may be a delimiter or end a header; it is held back in `#candidate`
   * - `rest`: the line is text up to its line feed
   */
  #lineState: 'start' | 'candidate' | 'rest' = 'start';
  readonly #candidate = Buffer.allocUnsafe(mimeLimits.delimiterLineBytes);
  #candidateBytes = 0;

  /** Takes the next bytes of the message; nothing of the chunk is kept. */
  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let position = 0;
    while (position < bytes.length) {
      if (this.#lineState === 'start') this.#beginLine(bytes, position);
      if (this.#lineState === 'candidate') position = this.#readCandidate(bytes, position);
      else if (this.#tree.isInHeader) position = this.#readHeaderLine(bytes, position);
      else position = this.#readBodyLines(bytes, position);
    }
    if (bytes.length > 0) this.#previousByte = bytes[bytes.length - 1]!;
    this.#base += bytes.length;
  }

  /**
   * Which of {@link mimeLimits} the message is over so far, as a sentence for the one who sends it; undefined if none. The
   * structure of such a message lacks something, so it should be refused.
   */
  get excess(): string | undefined {
    return this.#tree.excess;
  }

  /** Bytes of memory that it takes, about, for what it knows so far. */
  get heldBytes(): number {
    return this.#tree.heldBytes + this.#candidate.length;
  }

  /** Ends the message and gives its structure. The walker is used up. */
  finish(): MimePart {
    if (this.#lineState === 'candidate') this.#endCandidate(this.#base);
    return this.#tree.finish({ offset: this.#base, lineCount: this.#lineCount });
  }

  #beginLine(bytes: Buffer, position: number): void {
    const byte = bytes[position];
    // The second byte is looked at where it is here already: lists and signatures begin with one hyphen.
    const mayDelimit =
      byte === hyphen && this.#tree.hasBoundaries && (bytes[position + 1] ?? hyphen) === hyphen;
    const mayEndHeader = this.#tree.isInHeader && (byte === carriageReturn || byte === lineFeed);
    this.#lineStart = this.#base + position;
    this.#lineState = mayDelimit || mayEndHeader ? 'candidate' : 'rest';
    this.#candidateBytes = 0;
  }

  #readCandidate(bytes: Buffer, position: number): number {
    const end = findLineEnd(bytes, position);
    if (this.#candidateBytes + end - position > this.#candidate.length) {
      this.#releaseCandidate();
      this.#lineState = 'rest';
      return position;
    }
    bytes.copy(this.#candidate, this.#candidateBytes, position, end);
    this.#candidateBytes += end - position;
    if (bytes[end - 1] === lineFeed) this.#endCandidate(this.#base + end);
    return end;
  }

  /** The held line is whole: it ends before `offset`, which is the start of the next line or the end. */
  #endCandidate(offset: number): void {
    const line = this.#candidate.subarray(0, this.#candidateBytes);
    const isEnded = line[line.length - 1] === lineFeed;
    const textBytes = line.length - breakLength(line);
    const delimiter =
      line[0] === hyphen
        ? this.#tree.findDelimiter(line.toString('latin1', 0, textBytes))
        : undefined;
    const before = this.#breakBytes;
    const lineCount = this.#lineCount;
    this.#breakBytes = line.length - textBytes;
    if (isEnded) this.#lineCount++;
    this.#lineState = 'start';
    const next = { offset, lineCount: this.#lineCount };
    if (delimiter) {
      this.#tree.delimit(delimiter, { offset: this.#lineStart, lineCount }, before, next);
      return;
    }
    this.#releaseCandidate();
    if (this.#tree.isInHeader && isEnded && textBytes === 0) this.#tree.endHeader(next);
  }

  #releaseCandidate(): void {
    if (this.#tree.isInHeader) this.#tree.appendHeader(this.#candidate, 0, this.#candidateBytes);
  }

  #readHeaderLine(bytes: Buffer, position: number): number {
    const end = findLineEnd(bytes, position);
    this.#tree.appendHeader(bytes, position, end);
    if (bytes[end - 1] === lineFeed) this.#endTextLine(bytes, end - 1);
    return end;
  }

  /** Passes over lines up to one that may be a delimiter. Every byte of a large body goes through here. */
  #readBodyLines(bytes: Buffer, position: number): number {
    const firstOfDelimiter = this.#tree.hasBoundaries ? hyphen : -1;
    let lineFeedAt = -1;
    let next = position;
    do {
      const found = findLineFeed(bytes, next);
      if (found === -1) {
        this.#lineState = 'rest';
        return bytes.length;
      }
      lineFeedAt = found;
      next = found + 1;
      this.#lineCount++;
    } while (next < bytes.length && bytes[next] !== firstOfDelimiter);
    this.#noteBreak(bytes, lineFeedAt);
    this.#lineState = 'start';
    return next;
  }

  #endTextLine(bytes: Buffer, lineFeedAt: number): void {
    this.#lineCount++;
    this.#noteBreak(bytes, lineFeedAt);
    this.#lineState = 'start';
  }

  #noteBreak(bytes: Buffer, lineFeedAt: number): void {
    const previous = lineFeedAt === 0 ? this.#previousByte : bytes[lineFeedAt - 1];
    this.#breakBytes = previous === carriageReturn ? 2 : 1;
  }
}

/**
 * The next line feed, or -1. The first bytes are looked at here: a call of indexOf for each line would make
 * a body of empty lines fifty times slower than one of full lines.
 */
function findLineFeed(bytes: Buffer, position: number): number {
  const near = Math.min(position + 8, bytes.length);
  for (let index = position; index < near; index++) {
    if (bytes[index] === lineFeed) return index;
  }
  return bytes.indexOf(lineFeed, near);
}

/** Behind the next line feed, or the end of the bytes. */
function findLineEnd(bytes: Buffer, position: number): number {
  const lineFeedAt = bytes.indexOf(lineFeed, position);
  return lineFeedAt === -1 ? bytes.length : lineFeedAt + 1;
}

/** Bytes of the line break at the end of a line: 0, 1 or 2. */
function breakLength(line: Buffer): number {
  if (line[line.length - 1] !== lineFeed) return 0;
  return line[line.length - 2] === carriageReturn ? 2 : 1;
}

import { createHash } from 'node:crypto';
import type { SourceMessage } from './import-source.ts';
import { importLimits } from './limits.ts';
import { isBookkeepingField } from './mbox-header.ts';

/*
 * The way of a stored message to its wire form: the bytes of a file are split into lines, the lines become the text of a
 * message, and its text is measured and kept.
 */

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const greaterThan = 0x3e;
const lineBreak = Buffer.from('\r\n');
const fromWord = Buffer.from('From ');

/** A line, or a piece of one that is very long. A view: copy what is kept beyond the next step. */
export interface LineFragment {
  /** With the line break, if `isEnd`. */
  readonly bytes: Buffer;
  readonly isStart: boolean;
  /** False for all but the last fragment of a line, and at the end of a file without a last line break. */
  readonly isEnd: boolean;
}

/** Splits bytes at line feeds, however they are cut into chunks. */
export class LineSplitter {
  #rest: Buffer = Buffer.alloc(0);
  #isStart = true;

  /** The lines that are complete with this chunk; the last, unfinished one waits inside. */
  *push(chunk: Uint8Array): Generator<LineFragment, undefined> {
    const bytes = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(lineFeed, start) + 1;
      if (end === 0) break;
      yield { bytes: bytes.subarray(start, end), isStart: this.#isStart, isEnd: true };
      this.#isStart = true;
      start = end;
    }
    this.#rest = bytes.subarray(start);
    if (this.#rest.length >= importLimits.maxFragmentBytes) yield* this.#flush();
  }

  /** What is left at the end. */
  *finish(): Generator<LineFragment, undefined> {
    if (this.#rest.length > 0) yield* this.#flush();
  }

  *#flush(): Generator<LineFragment, undefined> {
    const bytes = this.#rest;
    this.#rest = Buffer.alloc(0);
    yield { bytes, isStart: this.#isStart, isEnd: false };
    this.#isStart = false;
  }
}

/** True for a line that holds nothing but its line break. */
export function isBlankLine({ bytes, isStart, isEnd }: LineFragment): boolean {
  if (!isStart || !isEnd) return false;
  return bytes.length === 1 || (bytes.length === 2 && bytes[0] === carriageReturn);
}

/** How the lines of a file become the text of a message. */
export interface ImportTextOptions {
  /**
   * True for a message of an mbox: one ">" is taken from lines that begin with ">"s and "From ", the blank line that ends
   * the message is left out, and so are the fields in which mail programs note its flags
   * ({@link isBookkeepingField}). They change whenever somebody reads the mail, which would then be another message.
   */
  readonly isMbox: boolean;
}

/** Turns the lines of a stored message into the bytes of a mail message: line breaks become CRLF. */
export class ImportText {
  readonly #isMbox: boolean;
  #pieces: Buffer[] = [];
  #endsInCarriageReturn = false;
  #isInHeader = true;
  #isInDroppedField = false;
  #hasBlankLine = false;

  constructor(options: ImportTextOptions) {
    this.#isMbox = options.isMbox;
  }

  append(fragment: LineFragment): void {
    const isBlank = isBlankLine(fragment);
    if (this.#hasBlankLine) this.#pieces.push(lineBreak);
    // The line that divides header and body is never the one that ends the message.
    this.#hasBlankLine = this.#isMbox && isBlank && !this.#isInHeader;
    if (isBlank) this.#isInHeader = false;
    if (this.#hasBlankLine) return;
    if (this.#isMbox && this.#isInHeader && this.#isDropped(fragment)) return;
    this.#appendLine(fragment);
  }

  /** The bytes so far that have not been taken. */
  take(): Buffer {
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    return bytes;
  }

  /** The lines that continue a field share its fate. */
  #isDropped({ bytes, isStart }: LineFragment): boolean {
    const isContinued = !isStart || bytes[0] === 0x20 || bytes[0] === 0x09;
    if (!isContinued) this.#isInDroppedField = isBookkeepingField(bytes);
    return this.#isInDroppedField;
  }

  #appendLine({ bytes, isStart, isEnd }: LineFragment): void {
    const text = this.#isMbox && isStart ? unquoted(bytes) : bytes;
    if (!isEnd) {
      this.#pieces.push(text);
      this.#endsInCarriageReturn = text.at(-1) === carriageReturn;
      return;
    }
    const hasCarriageReturn =
      text.length > 1 ? text.at(-2) === carriageReturn : !isStart && this.#endsInCarriageReturn;
    if (hasCarriageReturn) this.#pieces.push(text);
    else this.#pieces.push(text.subarray(0, -1), lineBreak);
    this.#endsInCarriageReturn = false;
  }
}

/** Without the ">" that an mbox puts before a line that looks like the start of a message. */
function unquoted(line: Buffer): Buffer {
  if (line[0] !== greaterThan) return line;
  let at = 1;
  while (line[at] === greaterThan) at += 1;
  return line.subarray(at, at + fromWord.length).equals(fromWord) ? line.subarray(1) : line;
}

/** The wire form of a message in chunks of bounded size, from the bytes that are stored. */
export async function* readImportText(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: ImportTextOptions,
): AsyncGenerator<Buffer, undefined> {
  const splitter = new LineSplitter();
  const text = new ImportText(options);
  for await (const chunk of chunks) {
    for (const fragment of splitter.push(chunk)) text.append(fragment);
    const bytes = text.take();
    if (bytes.length > 0) yield bytes;
  }
  for (const fragment of splitter.finish()) text.append(fragment);
  const last = text.take();
  if (last.length > 0) yield last;
}

/** Measures the bytes of a message while they pass by, and keeps those of a small one. */
export class MessageTally {
  readonly #hash = createHash('sha256');
  #sizeBytes = 0;
  #kept: Uint8Array[] = [];

  /** At the end: why no mailbox takes the message; undefined if one does. APPEND refuses the same ones. */
  get fault(): string | undefined {
    if (this.#sizeBytes === 0) return 'It is empty';
    return this.isTooLarge ? `It is larger than ${importLimits.maxMessageBytes} bytes` : undefined;
  }

  /** True if nothing that comes yet can make the message one that a mailbox takes. */
  get isTooLarge(): boolean {
    return this.#sizeBytes > importLimits.maxMessageBytes;
  }

  /** Takes the next bytes, which the tally owns from here on. */
  add(bytes: Uint8Array): void {
    this.#sizeBytes += bytes.length;
    if (this.#sizeBytes > importLimits.maxKeptBytes) this.#kept = [];
    else if (bytes.length > 0) this.#kept.push(bytes);
    if (!this.isTooLarge) this.#hash.update(bytes);
  }

  /** What is known at the end, once; `readAgain` reads the bytes of a message that was not kept. */
  finish(
    readAgain: () => AsyncIterable<Uint8Array>,
  ): Pick<SourceMessage, 'sha256' | 'sizeBytes' | 'read'> {
    const kept = this.#kept;
    return {
      sha256: this.#hash.digest('hex'),
      sizeBytes: this.#sizeBytes,
      read: this.#sizeBytes > importLimits.maxKeptBytes ? readAgain : () => readKept(kept),
    };
  }
}

async function* readKept(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, undefined> {
  yield* chunks;
}

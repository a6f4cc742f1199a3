import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { InternalDate } from '../../protocol/dates.ts';
import {
  type ImportSource,
  ImportSourceError,
  type SourceMessage,
  type SourceReport,
} from './import-source.ts';
import { importLimits } from './limits.ts';
import { parseFromLine } from './import-date.ts';
import { MboxHeader } from './mbox-header.ts';
import { findCompression } from './message-file.ts';
import {
  isBlankLine,
  type LineFragment,
  LineSplitter,
  MessageTally,
  readImportText,
  ImportText,
} from './import-text.ts';

/**
 * An mbox file. A message begins with a From_ line ({@link parseFromLine}) at the start of the file or after an empty line; all
 * else is text. Most programs quote lines of the text that begin with "From " with ">" (mboxo, mboxrd); Dovecot and old mutts
 * do not, and tell in `Content-Length` how long the text is (mboxcl2). The size of the file in bytes is the unit of progress.
 *
 * Rejects with an {@link ImportSourceError} if it is no regular file, or compressed.
 *
 * @see RFC 4155, appendix A
 */
export async function openMbox(path: string, mailboxName: string): Promise<ImportSource> {
  const stats = await stat(path);
  // To open a FIFO would wait for somebody who writes to it.
  if (!stats.isFile()) throw new ImportSourceError(`Cannot read "${path}": it is no regular file`);
  const compression = findCompression(await readStart(path));
  if (compression !== undefined) {
    throw new ImportSourceError(
      `Cannot read "${path}" as an mbox: it is compressed (${compression}), decompress it first`,
    );
  }
  const fallback = { epochMs: Math.floor(stats.mtimeMs / 1000) * 1000, zoneMinutes: 0 };
  return {
    mailboxName,
    totalUnits: stats.size,
    messages: (report) => new MboxScan(path, fallback, report).messages(),
  };
}

async function readStart(path: string): Promise<Buffer> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(64), 0, 64, 0);
  return buffer.subarray(0, bytesRead);
}

/** One pass over the file, which finds the messages. */
class MboxScan {
  readonly #path: string;
  readonly #fallback: InternalDate;
  readonly #report: SourceReport;
  #message: MessageScan | undefined;
  /** Bytes of the file before the next fragment. */
  #offset = 0;
  /** True at the start of the file, too. */
  #isAfterBlankLine = true;
  /** Where the text of the message ends at the earliest, if it says so and is right. */
  #textEnd = 0;
  /** Open while the messages are read. */
  #descriptor = -1;

  /** `fallback` is the internal date of a message that has none of its own. */
  constructor(path: string, fallback: InternalDate, report: SourceReport) {
    this.#path = path;
    this.#fallback = fallback;
    this.#report = report;
  }

  async *messages(): AsyncGenerator<SourceMessage, undefined> {
    this.#descriptor = openSync(this.#path, 'r');
    try {
      const splitter = new LineSplitter();
      const stream = createReadStream(this.#path, { highWaterMark: importLimits.readBytes });
      for await (const chunk of stream) {
        yield* this.#take(splitter.push(chunk as Buffer));
        this.#message?.flush();
        this.#report.onProgress(this.#offset);
      }
      yield* this.#take(splitter.finish());
      yield* this.#finishMessage();
      this.#report.onProgress(this.#offset);
    } finally {
      closeSync(this.#descriptor);
    }
  }

  *#take(fragments: Iterable<LineFragment>): Generator<SourceMessage, undefined> {
    for (const fragment of fragments) {
      const end = this.#offset + fragment.bytes.length;
      const date = this.#offset < this.#textEnd ? undefined : fromLineDate(fragment);
      const isExpected = this.#isAfterBlankLine || this.#offset === this.#textEnd;
      if (date !== undefined && isExpected) {
        yield* this.#finishMessage();
        this.#message = new MessageScan(this.#path, end, date, this.#fallback);
        this.#textEnd = 0;
      } else {
        if (date !== undefined && date.epochMs > 0) this.#reportFromLine();
        this.#append(fragment, end);
      }
      this.#isAfterBlankLine = isBlankLine(fragment);
      this.#offset = end;
    }
  }

  #append(fragment: LineFragment, end: number): void {
    if (this.#message === undefined) {
      if (isBlankLine(fragment)) return;
      throw new ImportSourceError(
        `Cannot read "${this.#path}" as an mbox: it does not begin with a line "From … date"`,
      );
    }
    const bodyBytes = this.#message.append(fragment);
    if (bodyBytes !== undefined && this.#isTextEnd(end + bodyBytes)) {
      this.#textEnd = end + bodyBytes;
    }
  }

  /** True if a From_ line or the end of the file is there, after empty lines or none: a wrong length would not fit. */
  #isTextEnd(position: number): boolean {
    const buffer = Buffer.alloc(importLimits.maxFromLineBytes);
    const count = readSync(this.#descriptor, buffer, 0, buffer.length, position);
    const text = buffer.toString('latin1', 0, count).replace(/^(?:\r?\n)+/, '');
    if (text === '') return count < buffer.length && position <= fstatSync(this.#descriptor).size;
    return parseFromLine(text.split('\n', 1)[0] ?? '') !== undefined;
  }

  /** A file to which another was added without an empty line between them looks so; so does a quotation. */
  #reportFromLine(): void {
    const reason =
      'The line looks like the start of a message, but the line before is not empty: it was kept as text';
    this.#report.onLoss(`${this.#path} at byte ${this.#offset}`, reason);
  }

  *#finishMessage(): Generator<SourceMessage, undefined> {
    const message = this.#message?.finish(this.#offset, this.#report);
    this.#message = undefined;
    if (message !== undefined) yield message;
  }
}

function fromLineDate({ bytes, isStart }: LineFragment): InternalDate | undefined {
  if (!isStart || bytes[0] !== 0x46 || bytes.length > importLimits.maxFromLineBytes) {
    return undefined;
  }
  return parseFromLine(bytes.toString('latin1'));
}

/** A message whose end has not been found yet. */
class MessageScan {
  readonly #path: string;
  readonly #start: number;
  readonly #date: InternalDate;
  readonly #fallback: InternalDate;
  readonly #header = new MboxHeader();
  readonly #text = new ImportText({ isMbox: true });
  readonly #tally = new MessageTally();
  #isInHeader = true;

  constructor(path: string, start: number, date: InternalDate, fallback: InternalDate) {
    this.#path = path;
    this.#start = start;
    this.#date = date;
    this.#fallback = fallback;
  }

  /** Returns how many bytes the body has, if the header ends with this fragment and says so. */
  append(fragment: LineFragment): number | undefined {
    this.#text.append(fragment);
    if (!this.#isInHeader) return undefined;
    this.#isInHeader = !isBlankLine(fragment);
    if (!this.#isInHeader) return this.#header.contentLength;
    this.#header.append(fragment.bytes, fragment.isStart);
    return undefined;
  }

  /** Takes note of what has come, so that it need not be kept. */
  flush(): void {
    this.#tally.add(this.#text.take());
  }

  /** The message; undefined if it is not to be imported, which is then reported. */
  finish(end: number, report: SourceReport): SourceMessage | undefined {
    this.flush();
    if (this.#header.isFolderData) return undefined;
    if (this.#header.isDeleted) {
      report.onDeleted();
      return undefined;
    }
    const [path, start] = [this.#path, this.#start];
    const origin = `${path} at byte ${start}`;
    const { fault } = this.#tally;
    if (fault !== undefined) {
      report.onRefused(origin, fault);
      return undefined;
    }
    const { flags, unusable } = this.#header.readFlags();
    for (const word of unusable) report.onLoss(origin, `"${word}" cannot be a keyword`);
    return {
      ...this.#tally.finish(() => readMboxMessage(path, start, end)),
      flags,
      internalDate: this.#date.epochMs > 0 ? this.#date : (this.#header.date ?? this.#fallback),
      origin,
    };
  }
}

async function* readMboxMessage(path: string, start: number, end: number) {
  if (end <= start) return;
  const stream = createReadStream(path, { start, end: end - 1 }) as AsyncIterable<Buffer>;
  yield* readImportText(stream, { isMbox: true });
}

import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { InternalDate } from '../../protocol/dates.ts';
import {
  type ImportSource,
  ImportSourceError,
  type SourceMessage,
  type SourceReport,
} from './import-source.ts';
import { importLimits } from './limits.ts';
import { parseFromLine } from './mail-date.ts';
import { MboxHeader } from './mbox-header.ts';
import { findCompression } from './message-file.ts';
import {
  isBlankLine,
  type LineFragment,
  LineSplitter,
  MessageTally,
  readWireText,
  WireText,
} from './message-text.ts';

/**
 * An mbox file: mboxo and mboxrd, whose lines that begin with "From " are quoted with ">". A message begins with a From_ line
 * ({@link parseFromLine}) at the start of the file or after an empty line; all else is text. The size of the file in bytes is
 * the unit of progress.
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

  /** `fallback` is the internal date of a message that has none of its own. */
  constructor(path: string, fallback: InternalDate, report: SourceReport) {
    this.#path = path;
    this.#fallback = fallback;
    this.#report = report;
  }

  async *messages(): AsyncGenerator<SourceMessage, undefined> {
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
  }

  *#take(fragments: Iterable<LineFragment>): Generator<SourceMessage, undefined> {
    for (const fragment of fragments) {
      const date = fromLineDate(fragment);
      if (date !== undefined && this.#isAfterBlankLine) {
        yield* this.#finishMessage();
        const start = this.#offset + fragment.bytes.length;
        this.#message = new MessageScan(this.#path, start, date, this.#fallback);
      } else {
        if (date !== undefined && date.epochMs > 0) this.#reportFromLine();
        this.#append(fragment);
      }
      this.#isAfterBlankLine = isBlankLine(fragment);
      this.#offset += fragment.bytes.length;
    }
  }

  #append(fragment: LineFragment): void {
    if (this.#message !== undefined) this.#message.append(fragment);
    else if (!isBlankLine(fragment)) {
      throw new ImportSourceError(
        `Cannot read "${this.#path}" as an mbox: it does not begin with a line "From … date"`,
      );
    }
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
  readonly #text = new WireText({ isMbox: true });
  readonly #tally = new MessageTally();
  #isInHeader = true;

  constructor(path: string, start: number, date: InternalDate, fallback: InternalDate) {
    this.#path = path;
    this.#start = start;
    this.#date = date;
    this.#fallback = fallback;
  }

  append(fragment: LineFragment): void {
    if (this.#isInHeader) {
      this.#isInHeader = !isBlankLine(fragment);
      if (this.#isInHeader) this.#header.append(fragment.bytes, fragment.isStart);
    }
    this.#text.append(fragment);
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
  yield* readWireText(stream, { isMbox: true });
}

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { InternalDate } from '../../protocol/dates.ts';
import { HeaderScan } from './header-scan.ts';
import { type ImportSource, ImportSourceError, type SourceMessage } from './import-source.ts';
import { type LineFragment, LineSplitter } from './line-splitter.ts';
import { parseFromLineDate } from './mail-date.ts';
import { MessageTally } from './message-tally.ts';
import { WireText } from './wire-text.ts';

const readBytes = 256 * 1024;

/** A From_ line is short; what is longer is text. */
const maxFromLineBytes = 1024;

/**
 * An mbox file: mboxo and mboxrd, whose lines that look like a From_ line are quoted with ">". A line
 * begins a message where it is "From " and a date. The size of the file in octets is the unit of progress.
 *
 * @see RFC 4155, appendix A
 */
export async function openMbox(path: string, mailboxName: string): Promise<ImportSource> {
  const { size, mtimeMs } = await stat(path);
  const fallback: InternalDate = { epochMs: Math.floor(mtimeMs / 1000) * 1000, zoneMinutes: 0 };
  return {
    mailboxName,
    totalUnits: size,
    messages: (onProgress) => scanMbox(path, fallback, onProgress),
  };
}

/** One pass over the file, which finds the messages; each is read again when it is imported. */
async function* scanMbox(
  path: string,
  fallback: InternalDate,
  onProgress: (units: number) => void,
): AsyncGenerator<SourceMessage, undefined> {
  const splitter = new LineSplitter();
  let offset = 0;
  let scan: MessageScan | undefined;
  const next = function* (fragments: Iterable<LineFragment>): Generator<SourceMessage, undefined> {
    for (const fragment of fragments) {
      const date = fromLineDate(fragment);
      if (date === undefined && scan === undefined) {
        throw new ImportSourceError(
          `Cannot read "${path}" as an mbox: it does not begin with a line "From … date"`,
        );
      }
      if (date !== undefined) {
        if (scan !== undefined) yield* scan.finish(offset);
        scan = new MessageScan(path, offset + fragment.bytes.length, date, fallback);
      } else {
        scan?.append(fragment);
      }
      offset += fragment.bytes.length;
    }
  };
  for await (const chunk of createReadStream(path, { highWaterMark: readBytes })) {
    yield* next(splitter.push(chunk as Buffer));
    scan?.flush();
    onProgress(offset);
  }
  yield* next(splitter.finish());
  if (scan !== undefined) yield* scan.finish(offset);
  onProgress(offset);
}

/** A message whose end has not been found yet. */
class MessageScan {
  readonly #path: string;
  readonly #start: number;
  readonly #date: InternalDate;
  readonly #fallback: InternalDate;
  readonly #header = new HeaderScan();
  readonly #text = new WireText({ isMbox: true });
  readonly #tally = new MessageTally();

  constructor(path: string, start: number, date: InternalDate, fallback: InternalDate) {
    this.#path = path;
    this.#start = start;
    this.#date = date;
    this.#fallback = fallback;
  }

  append(fragment: LineFragment): void {
    this.#header.append(fragment);
    this.#text.append(fragment);
  }

  /** Takes note of what has come, so that it need not be kept. */
  flush(): void {
    this.#tally.add(this.#text.take());
  }

  *finish(end: number): Generator<SourceMessage, undefined> {
    this.flush();
    if (this.#isFolderData()) return;
    const [path, start] = [this.#path, this.#start];
    yield {
      ...this.#tally.finish(() => readMboxMessage(path, start, end)),
      flags: this.#header.flags(),
      // Programs that know no date of arrival write the epoch.
      internalDate: this.#date.epochMs > 0 ? this.#date : (this.#header.date() ?? this.#fallback),
      origin: `${path} at octet ${start}`,
    };
  }

  /** The message that c-client and Dovecot keep their own state in is not mail. */
  #isFolderData(): boolean {
    const isOwn =
      this.#header.field('X-IMAP') !== undefined || this.#header.field('X-IMAPbase') !== undefined;
    return isOwn && /FOLDER INTERNAL DATA/.test(this.#header.field('Subject') ?? '');
  }
}

async function* readMboxMessage(path: string, start: number, end: number) {
  if (end <= start) return;
  const splitter = new LineSplitter();
  const text = new WireText({ isMbox: true });
  for await (const chunk of createReadStream(path, { start, end: end - 1 })) {
    for (const fragment of splitter.push(chunk as Buffer)) text.append(fragment);
    const bytes = text.take();
    if (bytes.length > 0) yield bytes;
  }
  for (const fragment of splitter.finish()) text.append(fragment);
  const last = text.take();
  if (last.length > 0) yield last;
}

function fromLineDate({ bytes, isStart }: LineFragment): InternalDate | undefined {
  if (!isStart || bytes.length > maxFromLineBytes || bytes[0] !== 0x46) return undefined;
  return parseFromLineDate(bytes.toString('latin1'));
}

import type { InternalDate } from '../../protocol/dates.ts';
import type { Flag } from '../../protocol/flag.ts';

/** A message that can be imported. Its bytes are in wire form: lines end in CRLF. */
export interface SourceMessage {
  /** SHA-256 of the bytes, in hexadecimal. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly flags: readonly Flag[];
  readonly internalDate: InternalDate;
  /** Where the message comes from, for an error text: a path, with an offset in an mbox. */
  readonly origin: string;
  /** The bytes, read afresh at every call, in chunks of bounded size. Throws if the file is gone or cannot be read. */
  read(): AsyncIterable<Uint8Array>;
}

/** Takes note of what a source has that it does not give, so that nothing is left out in silence. */
export interface SourceReport {
  /** Units of the source that have been read. */
  onProgress(units: number): void;
  /** A message, or a file that may be one, cannot be imported. `origin` is its path. */
  onRefused(origin: string, reason: string): void;
  /** A message that its mail program had deleted already, and that nobody would want back. */
  onDeleted(): void;
  /** Something besides a message does not come along: a keyword, a folder. */
  onLoss(origin: string, reason: string): void;
}

/** Messages for one mailbox. */
export interface ImportSource {
  readonly mailboxName: string;
  /** What `onProgress` counts up to. */
  readonly totalUnits: number;
  /** In the order in which they are to be added. One bad message never ends it. */
  messages(report: SourceReport): AsyncIterable<SourceMessage>;
}

/** What was named cannot be imported; the text is for the operator. */
export class ImportSourceError extends Error {
  constructor(text: string) {
    super(text);
    this.name = 'ImportSourceError';
  }
}

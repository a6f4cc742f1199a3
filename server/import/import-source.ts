import type { InternalDate } from '../../protocol/dates.ts';
import type { Flag } from '../../protocol/flag.ts';

/** A message that can be imported. Its octets are in wire form: lines end in CRLF. */
export interface SourceMessage {
  /** SHA-256 of the octets, in hexadecimal. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly flags: readonly Flag[];
  readonly internalDate: InternalDate;
  /** Where the message comes from, for an error text: a path, with an offset in an mbox. */
  readonly origin: string;
  /** The octets, read afresh at every call, in chunks of bounded size. */
  read(): AsyncIterable<Uint8Array>;
}

/** Messages for one mailbox. */
export interface ImportSource {
  readonly mailboxName: string;
  /** What `onProgress` counts up to. */
  readonly totalUnits: number;
  /** In the order in which they are to be added. `onProgress` is told how many units have been read. */
  messages(onProgress: (units: number) => void): AsyncIterable<SourceMessage>;
}

/** What was named cannot be imported; the text is for the operator. */
export class ImportSourceError extends Error {
  constructor(text: string) {
    super(text);
    this.name = 'ImportSourceError';
  }
}

import type { InternalDate } from '../../protocol/dates.ts';
import type { Flag } from '../../protocol/flag.ts';

/** A message on its way into a mailbox. */
export interface ImportMessage {
  /** SHA-256 of the bytes, in hexadecimal. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly flags: readonly Flag[];
  readonly internalDate: InternalDate;
  /** Which of the messages of these bytes it is in what is imported into the mailbox, from 1 on. */
  readonly occurrence: number;
  /** The bytes, once. */
  read(): AsyncIterable<Uint8Array>;
}

/** What became of one message. */
export type ImportOutcome =
  | { readonly kind: 'added' }
  /** So many of the same bytes were imported before. */
  | { readonly kind: 'skipped' }
  /** The store does not take this message, or its bytes were not the announced ones. */
  | { readonly kind: 'refused'; readonly reason: string };

/** A mailbox that messages are imported into, be it through a running server or without one. */
export interface ImportTarget {
  /** Names this mailbox as long as it lives, and no other one ever. */
  readonly key: string;
  /** How often messages of these bytes were imported into it, whatever became of them; in the order of the arguments. */
  countImported(sha256s: readonly string[]): Promise<readonly number[]>;
  /**
   * Adds the messages at the end, in order, each unless it was imported before; an outcome for each. Settles when all that
   * were added are durable. A fault rejects: then any of them may have been added, and is skipped the next time.
   */
  addMessages(messages: readonly ImportMessage[]): Promise<readonly ImportOutcome[]>;
}

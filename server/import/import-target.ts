import type { InternalDate } from '../../protocol/dates.ts';
import type { Flag } from '../../protocol/flag.ts';

/** A message on its way into a mailbox. */
export interface ImportMessage {
  /** SHA-256 of the bytes, in hexadecimal. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly flags: readonly Flag[];
  readonly internalDate: InternalDate;
  /** The bytes, once. */
  read(): AsyncIterable<Uint8Array>;
}

export type ImportOutcome =
  | { readonly kind: 'added' }
  /** The store does not take this message, or its bytes were not the announced ones. */
  | { readonly kind: 'refused'; readonly reason: string };

/** A mailbox that messages are imported into, be it through a running server or without one. */
export interface ImportTarget {
  /** Names this mailbox as long as it lives, and no other one ever. */
  readonly key: string;
  /** The UID that the next message gets at least. */
  uidNext(): Promise<number>;
  /**
   * How often each of these messages is in the mailbox, among those whose UID is `fromUid` or more; in the
   * order of the arguments.
   */
  countMessages(
    fromUid: number,
    messages: readonly Pick<ImportMessage, 'sha256' | 'sizeBytes'>[],
  ): Promise<readonly number[]>;
  /**
   * Adds the messages at the end, in order; an outcome for each. Settles when all that were added are
   * durable. A fault rejects: then any of them may have been added.
   */
  addMessages(messages: readonly ImportMessage[]): Promise<readonly ImportOutcome[]>;
}

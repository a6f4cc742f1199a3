import type { InternalDate } from '../protocol/dates.ts';
import type { Flag } from '../protocol/flag.ts';
import type { MailboxKey, StoreError } from './mail-store.ts';

/** A message on its way in. It costs a bounded amount of memory, however large the message is. */
export interface MessageDraft {
  /**
   * Takes the next bytes, copied before it returns; wait for the promise before the next call. `LIMIT` if the message is too
   * large, or its headers (`mimeLimits`).
   */
  write(chunk: Uint8Array): Promise<void>;
  /**
   * Bytes of memory that the draft takes, about, for bytes that wait for the disk and for what is known of the message; 0 in a
   * store that keeps messages in memory anyway.
   */
  readonly heldBytes: number;
  /**
   * Says that all bytes have come, before the draft waits for others (see `MailStore.addMessages`). If it then holds more than
   * these bytes, all of it goes to the disk. `LIMIT`, `OVERQUOTA`.
   */
  seal(maxHeldBytes: number): Promise<void>;
  /**
   * Adds the message at the end of a mailbox; the draft is used up. `NONEXISTENT`, `OVERQUOTA`, `LIMIT`, `ALREADYEXISTS`
   * (imported before).
   */
  addTo(box: MailboxKey, properties: MessageProperties): Promise<AddedMessage>;
  /**
   * Adds the message to each of the mailboxes, of whatever accounts, in one step; its bytes are stored once. Resolves to what
   * became of it for each target, in their order: one that refuses does not keep it from the others. A promise that rejects
   * means that none has it. The draft is used up.
   */
  addToEach(targets: readonly MessageTarget[]): Promise<readonly (AddedMessage | StoreError)[]>;
  /** Gives up; nothing is left behind. Does nothing after it was added. */
  discard(): Promise<void>;
}

/** What a message has beside its bytes. */
export interface MessageProperties {
  readonly flags: readonly Flag[];
  readonly internalDate: InternalDate;
  /**
   * Of an import: which of the messages of these bytes it is, from 1 on, in what is imported into the mailbox. It is added, and
   * counted in the same step, unless so many were imported before, whatever became of them. Absent: it is not counted.
   */
  readonly occurrence?: number;
}

/** A mailbox that a draft is added to, and how. */
export interface MessageTarget extends MessageProperties {
  readonly box: MailboxKey;
}

/** Where a message was added. */
export interface AddedMessage {
  readonly uid: number;
  readonly uidValidity: number;
  readonly modseq: number;
}

/** A message that is added together with others. */
export interface DraftedMessage extends Omit<MessageProperties, 'occurrence'> {
  /** Of the same store. */
  readonly draft: MessageDraft;
}

/** Where messages were added that came together. */
export interface AddedMessages {
  /** In the order of the messages, ascending. */
  readonly uids: Uint32Array;
  readonly uidValidity: number;
  readonly modseq: number;
  /** The modseq of the expunge of the message that they replace; absent if they replace none. */
  readonly replacedModseq?: number;
}

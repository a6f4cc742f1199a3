import type { MimePart } from '../protocol/mime/mime-structure.ts';
import type { SortKeys } from './sort-keys.ts';
import type { UsualFieldsColumn } from './usual-fields.ts';

/** What can be read of messages beside UID, size and body; each is a column of {@link MessageRows}, or several. */
export type MessageColumn =
  | 'internalDate'
  | 'savedDate'
  | 'emailId'
  | 'threadId'
  | 'sortKeys'
  | 'sentDate'
  | 'links'
  | SortText
  | 'envelope'
  | 'bodyStructure'
  | 'structure'
  | 'usualFields'
  | 'header';

/** The texts of {@link SortKeys}, each a column of its own. */
export type SortText =
  'baseSubject' | 'sortFrom' | 'sortTo' | 'sortCc' | 'displayFrom' | 'displayTo';

/** Which messages belong together, as columns; see {@link SortKeys}. */
export interface MessageLinks {
  /** Empty for a message that has none. */
  readonly messageIds: readonly string[];
  /** The references of a message, one behind the other, 16 digits each. */
  readonly references: readonly string[];
  /** 1 for a reply or a forwarded message, else 0. */
  readonly isReplyOrForward: Uint8Array;
}

/** Some messages, as columns of equal length; columns that were not asked for are absent. The receiver may keep them. */
export interface MessageRows {
  readonly uids: Uint32Array;
  readonly sizeBytes: Uint32Array;
  /** For {@link MailStore.readBody}. */
  readonly bodyIds: Float64Array;
  /** With `internalDate`: seconds since 1970. */
  readonly internalSeconds?: Float64Array;
  /** With `internalDate`: minutes east of Greenwich. */
  readonly zoneMinutes?: Int16Array;
  /**
   * With `savedDate`: when the message came into this mailbox, in seconds since 1970, also by a copy; NaN if that is not known,
   * since an older store has taken it (RFC 8514).
   */
  readonly savedSeconds?: Float64Array;
  /** With `emailId`: the same for a copy, and for no message of other bytes or another internal date (RFC 8474, section 5.1). */
  readonly emailIds?: readonly string[];
  /**
   * With `threadId`: the same for a message and those that follow it, in whatever order they come: it is made of the first
   * message that the header refers to, or else of the message's own id, and never changes. Different threads have different ids
   * (RFC 8474, section 5.2).
   */
  readonly threadIds?: readonly string[];
  /** With `sortKeys`: what SORT and THREAD compare; undefined for a message that is damaged. */
  readonly sortKeys?: readonly (SortKeys | undefined)[];
  /** With `sentDate`: what the Date field names, in seconds since 1970; NaN if it cannot be read. */
  readonly sentSeconds?: Float64Array;
  /** With a {@link SortText}: as {@link SortKeys} have it; empty for a message that is damaged. */
  readonly sortTexts?: Readonly<Partial<Record<SortText, readonly string[]>>>;
  /** With `links`. */
  readonly links?: MessageLinks;
  /** With `envelope`: wire text of ENVELOPE, one character a byte. */
  readonly envelopes?: readonly string[];
  /** With `bodyStructure`: wire text of BODYSTRUCTURE. */
  readonly bodyStructures?: readonly string[];
  /** With `structure`: the parts with their offsets. */
  readonly structures?: readonly MimePart[];
  /** With `usualFields` or `header`: bytes of the header with its blank line; -1 if `usualFields` has something of it. */
  readonly headerBytes?: Int32Array;
  /**
   * With `usualFields`: the fields of the header for which `isUsualField` holds, in order and unchanged, with its blank line.
   * Nothing for a message whose store has not kept them apart: {@link MailStore.readBody} then has the header.
   */
  readonly usualFields?: UsualFieldsColumn;
  /** With `header`: the header with its blank line; undefined if it has more than 64 KiB. */
  readonly headers?: readonly (Uint8Array | undefined)[];
}

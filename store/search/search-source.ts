import type { Flag } from '../../protocol/flag.ts';
import type { MimePart } from '../../protocol/mime/mime-structure.ts';
import type { UsualFieldsColumn } from '../usual-fields.ts';

/**
 * What a search needs of an engine: one mailbox, read in batches. The search decides what matches, and when others have
 * their turn; the engine only reads. An engine answers `MailStore.search` with `searchMessages` over one of these.
 *
 * - A batch takes a millisecond at most to read (some hundred rows, or some 256 KiB of messages): between two batches others
 *   run. Nothing of the engine is held meanwhile, so a batch may be of a later state than the one before.
 * - What a batch has is the search's until it asks for the next one.
 * - A message that goes meanwhile is left out of the batches that follow. Whatever else cannot be read is an error, so that
 *   a search never answers less than there is.
 */
export interface SearchSource {
  /** What `*` stands for: 0 for an empty mailbox. `NONEXISTENT`. */
  readLargestUid(): Promise<number>;
  /** Rows of those of the UIDs (ascending) that exist, ascending, with the columns asked for and perhaps more. */
  readRows(uids: Uint32Array, columns: ReadonlySet<SearchColumn>): AsyncIterable<SearchRows>;
  /** Messages of rows, by the body ids of these, in their order: as many as `bodyIds` has, less those that are gone. */
  readContents(
    bodyIds: Float64Array,
    extent: SearchExtent,
  ): AsyncIterable<readonly SearchedContent[]>;
  /** Bytes `[start, end)` of a message, in chunks of at most 64 KiB. `NONEXISTENT`. */
  readBytes(bodyId: number, start: number, end: number): AsyncIterable<Uint8Array>;
}

/** What a search may want of a row, beyond what every row has. */
export type SearchColumn =
  | 'flags'
  | 'modseq'
  | 'size'
  | 'internalDay'
  | 'internalSecond'
  | 'sentDay'
  | 'savedDay'
  | 'emailId'
  | 'threadId'
  | 'usualFields';

/** Messages as columns of equal length, ascending by UID. */
export interface SearchRows {
  readonly uids: Uint32Array;
  /** By which the contents are read. Messages that are copies of each other may have the same. */
  readonly bodyIds: Float64Array;
  /** With `flags`: for each message the place of its flags in `flagSets`. */
  readonly flags?: Uint32Array;
  readonly flagSets?: readonly (readonly Flag[])[];
  /** With `modseq`. */
  readonly modseqs?: Float64Array;
  /** With `size`: bytes. */
  readonly sizes?: Float64Array;
  /** With `internalDay`: days since 1970, in the zone of the internal date. */
  readonly internalDays?: Float64Array;
  /** With `internalSecond`: seconds since 1970. */
  readonly internalSeconds?: Float64Array;
  /** With `sentDay`: days since 1970 as `sentDayOf` counts them; NaN if the message names none. */
  readonly sentDays?: Float64Array;
  /**
   * With `savedDay`: days since 1970 in UTC at which the messages came into the mailbox; of one for which that is not known, the
   * day of its internal date, in its zone (RFC 8514, section 4.3).
   */
  readonly savedDays?: Float64Array;
  /** With `emailId`: as in `MessageRows`. */
  readonly emailIds?: readonly string[];
  /** With `threadId`: as in `MessageRows`. */
  readonly threadIds?: readonly string[];
  /**
   * With `usualFields`: the header fields for which `isUsualField` holds, with the blank line. Nothing for a message of
   * which they are not kept apart: the search then reads its header.
   */
  readonly usualFields?: UsualFieldsColumn;
}

/** What of a message is searched: its header, its structure and what follows the header, or all of it. */
export type SearchExtent = 'header' | 'body' | 'message';

/** A message. */
export interface SearchedContent {
  readonly bodyId: number;
  /** Bytes of the header with its blank line. */
  readonly headerBytes: number;
  /** With `body` and `message`. */
  readonly structure?: MimePart;
  /**
   * As many of the bytes that are searched as the engine has at hand, from the first on; others are read with `readBytes`
   * if they are needed. The fewer messages need that, the quicker.
   */
  readonly bytes: Uint8Array;
  /** Where these begin in the message: with `body` behind the header, or before. */
  readonly start: number;
}

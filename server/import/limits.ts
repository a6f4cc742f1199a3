import { defaultMaxAppendBytes } from '../../protocol/limits.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** Bounds of an import: each with its unit and the reason for it. */
export const importLimits = {
  /** Bytes of a message. A larger one could not be copied to another server by APPEND, and none could take it back. */
  maxMessageBytes: defaultMaxAppendBytes,
  /**
   * A message of up to this many bytes stays in memory from the pass that measures it until it is added, so that its file is
   * read once. A step holds `maxBatchBytes` of them.
   */
  maxKeptBytes: mebibyte,
  /** Messages of one step: enough for the store to make them durable together. */
  maxBatchMessages: 64,
  /** Bytes of one step; a larger message is a step of its own. */
  maxBatchBytes: 4 * mebibyte,

  /** Bytes that are read from a file at once. */
  readBytes: 256 * kibibyte,
  /** A line of more bytes comes in several fragments, so that memory is bounded. */
  maxFragmentBytes: 64 * kibibyte,
  /** Bytes of a From_ line: an address has 320 at most, and a date 40. What is longer is text. */
  maxFromLineBytes: kibibyte,
  /** Bytes of the header fields of a message that an import reads; those that come later are text only. */
  maxHeaderBytes: 64 * kibibyte,

  /** Bytes of a `subscriptions` or `dovecot-keywords` file: 20,000 names of 400 bytes. */
  maxListBytes: 8 * mebibyte,
  /** Levels of directories that are searched for mailboxes: as many as a mailbox name may have. */
  maxLevels: 32,
  /** How often a folder is listed for files that were renamed or came in while it was read. */
  maxListings: 5,
} as const;

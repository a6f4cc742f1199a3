const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/**
 * What the steps of the schema count with. It never changes, as the steps do not: they read files as they were, and a step that
 * was ended goes on where an older program left it. A new step that wants another number gets another name.
 */
export const stepLimits = {
  /** Bytes of a chunk in the files of versions 1 to 8. */
  chunkBytes: 64 * kibibyte,
  /** In these files a chunk's id was this times the body's, and its number. */
  chunksOfBody: 65_536,
  /** Bytes of a body up to which its chunks are divided at its parts: it is read whole for that. */
  dividedBytes: 256 * kibibyte,
  /** Bodies of one transaction: some ten milliseconds. */
  bodies: 256,
  /** Bytes of bodies that one transaction compresses: some ten milliseconds, and what the log needs. */
  compressedBytes: 4 * mebibyte,
  /** Bytes that the usual fields of a message take in the file, about, with some to spare. */
  usualFieldsBytes: kibibyte,
  /** Bytes of the sort keys of a message in the file, about, with some to spare. */
  sortKeysBytes: 150,
  /** Messages of a page of states. */
  pageMessages: 512,
  /** Bytes of a page of states, above which it is divided. */
  pageBytes: 8000,
  /** Pages of states of one transaction: some ten milliseconds. */
  movedPages: 8,
  /** Bytes by which the file may grow meanwhile: what one transaction moves. */
  movedBytes: mebibyte,
} as const;

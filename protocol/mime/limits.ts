/**
 * Bounds on what a message can make the walker remember. None of them makes a message unreadable: its
 * bytes are all served, only the structure is coarser past a bound.
 */
export const mimeLimits = {
  /** Bytes of one header that are read for fields; a longer header counts, but its tail names nothing. */
  headerBytes: 256 * 1024,
  /**
   * Bytes of all headers of a message that are read for fields, with the text of the envelopes made from
   * them: what the structure can cost is a small multiple. Later parts are text/plain without fields.
   */
  structureBytes: 4 * 1024 * 1024,
  /**
   * Bytes of a header that HEADER.FIELDS looks through, since all of them are in memory at once. The
   * longest honest headers, of thousands of recipients, are a tenth of it.
   */
  filteredHeaderBytes: 1024 * 1024,
  /** Levels of multiparts and message/rfc822 within each other; deeper ones are not opened. */
  depth: 100,
  /** Parts of a message; what comes behind the last one is its multipart's epilogue. */
  partCount: 10_000,
  /**
   * Bytes of a line that can be a boundary delimiter. A boundary has at most 70 (RFC 2046, section 5.1.1),
   * broken ones are longer, and transport padding may follow.
   */
  delimiterLineBytes: 1024,
  /** Addresses of one kind (To, Cc, …) in an envelope. */
  addressCount: 10_000,
} as const;

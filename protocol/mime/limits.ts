/**
 * Bounds on what a message can make the walker remember. A message over one of the first three is not stored: what the
 * walker would say of it would be wrong. Over the others its structure is coarser, and all its bytes are served.
 */
export const mimeLimits = {
  /**
   * Bytes of the fields of one header. The longest honest headers, of thousands of recipients, are a third of it; HEADER.FIELDS
   * and SEARCH hold all of a header in memory.
   */
  headerBytes: 1024 * 1024,
  /**
   * Bytes of the fields that a structure is made from, of all headers of a message, with the text of the envelopes: what
   * the structure can cost is a small multiple.
   */
  structureBytes: 4 * 1024 * 1024,
  /** Addresses of one kind (To, Cc, …) in an envelope: with the shortest honest ones, more than a header has room for. */
  addressCount: 50_000,
  /** Bytes of a header that HEADER.FIELDS and SEARCH look through: of one with lines that are no fields it may be less than all. */
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
  /** Characters of a preview. @see RFC 8970, section 3.3 */
  previewCharacters: 200,
  /** Bytes of plain text that a preview is made from: enough behind some quoted lines, in any encoding. */
  previewPlainBytes: 8 * 1024,
  /** Bytes of HTML that a preview is made from: advertisements begin with tens of KiB of styles. */
  previewHtmlBytes: 64 * 1024,
} as const;

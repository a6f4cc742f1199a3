/**
 * Every bound of the command parser. A command over a bound is refused with BAD, NO or BYE and never
 * makes the reader hold more than these numbers say.
 */

/** Bounds on what one client makes the reader buffer; they differ before and after login. */
export interface ReaderLimits {
  /**
   * Bytes of all lines of one command, literals apart. Over it: BAD, and the rest of the line is dropped.
   * After login long UID sets come (RFC 7162, section 4, wants at least 8192 bytes); before it nothing
   * long is of use. @see RFC 9051, section 4 ("command line length")
   */
  readonly lineBytes: number;
  /**
   * Bytes of one literal other than a message. Mailbox names, passwords and search terms are short; the
   * bound keeps a client from parking memory. @see RFC 9051, section 4.3
   */
  readonly literalBytes: number;
  /** Bytes of all literals of one command other than a message; with `lineBytes` what a command can cost. */
  readonly commandLiteralBytes: number;
  /**
   * Bytes of a refused command that are read and dropped so that the next command is found; over it: BYE.
   * It costs time on the network only, so that a client with LITERAL+ learns why its message was refused.
   * @see RFC 7888, section 4
   */
  readonly droppedBytes: number;
}

/** Anyone can send these bytes: small. */
export const limitsBeforeLogin: ReaderLimits = {
  lineBytes: 8 * 1024,
  literalBytes: 4 * 1024,
  commandLiteralBytes: 8 * 1024,
  droppedBytes: 64 * 1024,
};

/**
 * The same for ID, whose 30 fields of 30 and 1,024 bytes anyone may send: in quotes they take 31,740 bytes, and some room
 * for backslashes; as literals 31,620. @see RFC 2971, section 3.3
 */
export const idLimitsBeforeLogin: ReaderLimits = {
  ...limitsBeforeLogin,
  lineBytes: 36 * 1024,
  commandLiteralBytes: 32 * 1024,
};

/** A client that has logged in. */
export const limitsAfterLogin: ReaderLimits = {
  lineBytes: 64 * 1024,
  literalBytes: 64 * 1024,
  commandLiteralBytes: 256 * 1024,
  droppedBytes: 256 * 1024 * 1024,
};

/**
 * Bytes of a literal that a client may send without waiting if LITERAL- is announced instead of LITERAL+.
 *
 * @see RFC 7888, section 5
 */
export const maxUnaskedLiteralBytes = 4096;

/** Bytes of a message in APPEND if the configuration says nothing. @see RFC 7889, section 3 */
export const defaultMaxAppendBytes = 64 * 1024 * 1024;

/**
 * Bytes that are dropped of one line without end; over it: BYE. No client writes such a line, so nothing
 * is gained by waiting for its end. Before login `droppedBytes` is smaller and counts.
 */
export const maxDroppedLineBytes = 1024 * 1024;

/**
 * Bytes of a line outside of a command: `DONE`, or a SASL response, of which Kerberos tickets are the
 * longest. Over it: BYE, for there is no tag to answer. @see RFC 4422, section 4
 */
export const maxContinuationLineBytes = 16 * 1024;

/**
 * Bytes of memory that a chunk from a socket takes beside its own: a client that sends one byte at a time makes the server
 * hold a thousand for each (measured on Node 26).
 */
export const chunkOverheadBytes = 1024;

/** Bytes of a tag, which every tagged response repeats. Clients use 4 to 12. @see RFC 3501, section 2.2.1 */
export const maxTagBytes = 128;

/** Literals of one command: each needs a turn of its own. */
export const maxLiteralCount = 128;

/** Messages and URLs of an APPEND that stand before one literal; each URL may cost a look into the store. */
export const maxAppendSteps = 256;

/** Digits of a number that are looked at; with more it is too large in any case. */
export const maxNumberDigits = 16;

/** Bytes of a received word that an error text repeats. */
export const maxQuotedBytes = 40;

/** Messages that one command may be about if the server limits them and the configuration says nothing. @see RFC 9738 */
export const defaultMessageLimit = 10_000;

/** Ranges in a sequence set; 64 KiB of line hold about as many UIDs. @see RFC 9051, section 9, `sequence-set` */
export const maxSequenceRanges = 16_384;

/**
 * Levels of `(`, `NOT` and `OR` in SEARCH. Every level is a stack frame here and in the store. Clients
 * that search for many addresses nest one `OR` for each. @see RFC 3501, section 6.4.4
 */
export const maxSearchNesting = 64;

/** Conditions in one SEARCH; each may cost a pass over the mailbox. @see RFC 3501, section 6.4.4 */
export const maxSearchKeys = 1024;

/** Criteria of one SORT, of which few differ. @see RFC 5256, section 3 (SORT) */
export const maxSortKeys = 32;

/** Result options in one `RETURN`, of which few are known. @see RFC 4466, section 2.6.1 */
export const maxReturnOptions = 16;

/** Tags in one CANCELUPDATE; no client has as many contexts. @see RFC 5267, section 4.3.5 */
export const maxCancelledTags = 64;

/** Filters of mailboxes in one ESEARCH, which has few kinds of them. @see RFC 7377, section 4, `source-mbox` */
export const maxSearchSources = 32;

/** Parameters of one CREATE, of which there is one kind. @see RFC 4466, section 2.2 */
export const maxCreateParameters = 4;

/** Special uses in one CREATE; there are fewer, also with those that no mailbox can have. @see RFC 6154, section 3 */
export const maxSpecialUses = 32;

/** Entries in one GETMETADATA or SETMETADATA. @see RFC 5464, section 4 */
export const maxMetadataNames = 100;

/** Bytes of the name of an entry, which each response repeats. @see RFC 5464, section 3.2 */
export const maxMetadataNameBytes = 256;

/** Options of one GETMETADATA; there are two, but one may come twice. @see RFC 5464, section 4.2 */
export const maxMetadataOptions = 4;

/** Patterns in one LIST, with each of which every mailbox name is compared. @see RFC 5258, section 6 */
export const maxListPatterns = 64;

/** Selection options of one LIST, and return options; it knows far fewer, but one may come twice. @see RFC 5258, section 3 */
export const maxListOptions = 16;

/**
 * Mailbox names in one filter: as many as an account has mailboxes. The bytes of the command bound them before that, unless they are
 * very short. @see RFC 5465, section 8
 */
export const maxFilterNames = 10_000;

/** Event groups of one NOTIFY, of which each is asked about every mailbox that changes. @see RFC 5465, section 8 */
export const maxEventGroups = 64;

/** Mailbox names in all of them, which stay in memory as long as the connection: 64 KiB of usual ones. */
export const maxNotifyNames = 1_500;

/** Data items in one FETCH; each may cost a pass over every message named. @see RFC 3501, section 6.4.5 */
export const maxFetchItems = 256;

/** Header field names in one `HEADER.FIELDS`. @see RFC 3501, section 6.4.5 */
export const maxHeaderFields = 256;

/** Numbers in a section part (`1.2.3`); deeper than any message that the MIME walker opens. */
export const maxSectionDepth = 128;

/** Flags in one STORE or APPEND. @see RFC 3501, section 6.4.6 */
export const maxFlags = 128;

/** Bytes of a keyword, which every FETCH of FLAGS repeats. @see RFC 3501, section 2.3.2 */
export const maxKeywordBytes = 128;

/** Field-value pairs in ID. @see RFC 2971, section 3.3 */
export const maxIdPairs = 30;

/** Bytes of a field name in ID. @see RFC 2971, section 3.3 */
export const maxIdNameBytes = 30;

/** Bytes of a value in ID. @see RFC 2971, section 3.3 */
export const maxIdValueBytes = 1024;

/** Parameters of one SELECT, of which there are two. @see RFC 4466, section 2.1 */
export const maxSelectParameters = 8;

/** Modifiers of one FETCH. @see RFC 4466, section 2.4 */
export const maxFetchModifiers = 8;

/** Language ranges in one LANGUAGE; people speak fewer. @see RFC 5255, section 3.2 */
export const maxLanguageRanges = 32;

/** Capabilities in one ENABLE. @see RFC 5161, section 3.1 */
export const maxEnableCount = 64;

/**
 * Bytes of a mailbox name on the wire (modified UTF-7) and of a LIST pattern. What a mailbox may be called
 * is the store's to say; this bounds what the parser decodes and matches. @see RFC 3501, section 5.1
 */
export const maxMailboxNameBytes = 4096;

/** The largest modseq that a client may name: 2^63 - 1. @see RFC 7162, section 3.1 */
export const largestModseq = 2n ** 63n - 1n;

/** The largest modseq that a JavaScript number holds exactly, which no mailbox reaches. */
export const maxModseq = Number.MAX_SAFE_INTEGER;

/** The largest `number` and `nz-number`. @see RFC 3501, section 9 */
export const maxNumber = 0xffff_ffff;

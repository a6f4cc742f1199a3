const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** Bounds of the store: each with its unit and the reason for it. */
export const limits = {
  /** Bytes of a chunk of a stored body: what one step of reading or writing a message holds. */
  chunkBytes: 64 * kibibyte,
  /** Rows of the chunks of one body, two for each; their numbers share the row's key with the body's. */
  maxChunkRows: 65_536,
  /**
   * Bytes of a header, and of a part without text, from which on its chunks are its own, so that text is read without it, and
   * compressed: below, what is gained is less than what each reading costs.
   */
  minApartBytes: 2 * kibibyte,
  /** Bytes of text from which on it is compressed: SEARCH BODY reads it in every message, and fewer pages have to make up for that. */
  minCompressedTextBytes: 4 * kibibyte,
  /** Places at which a body is divided so, which each reading of it looks at. */
  maxCuts: 32,
  /** Bytes of a row that fills a page up; fewer are not worth a row. */
  minRowBytes: 128,
  /** Bytes of one message. RFC 3501 has 32-bit sizes; this keeps one message from filling the disk. */
  maxMessageBytes: 1024 * mebibyte,
  /** Up to this size a message goes to the writer in one request, above in steps of this size. */
  stageBytes: 256 * kibibyte,

  /** Requests in one transaction, so that the first of them does not wait for too many others. */
  maxGroupRequests: 256,
  /** Bytes of messages in one transaction, for the same reason. */
  maxGroupBytes: 8 * mebibyte,
  /** Bytes of large messages in one transaction, for which the small requests of others wait: a millisecond. */
  maxTransientGroupBytes: 512 * kibibyte,

  /** Pages of the log (4 MiB) that wait to be written back to the file before a thread does that. */
  writeBackPages: 1024,
  /**
   * Pages of the log (15 MiB) from which on large messages wait for that, so that it begins anew and needs no more of the disk.
   */
  longLogPages: 3840,
  /** Pages (1 MiB) that came meanwhile, which the writer writes back itself, so that a long log begins anew: some milliseconds. */
  lastPages: 256,
  /** Pages of the log (32 MiB) from which on everything waits for that: a reader looks through as many. */
  maxLogPages: 8192,

  /** Bytes of the disk that stay free, since also deleting needs some: for the log, and what the file grows by. */
  reserveBytes: 16 * mebibyte,
  /** Bytes of a file that gives them to what deletes, if others have used up what stays free. */
  reserveFileBytes: mebibyte,
  /** Bytes that are written to find out whether a quota is used up: more than its last block. */
  spaceProbeBytes: 64 * kibibyte,
  /** How long the system's word on free space counts, less what was written since, in milliseconds. */
  freeBytesAgeMs: 100,
  /** How often an idle store sees whether its files are still there, in milliseconds. */
  presenceCheckMs: 1000,
  /** How often writing is tried while it is impossible, in milliseconds; also how often the log can tell of it. */
  diskProbeMs: 2000,

  /** Messages that requests of one transaction may change together; a request with more is work in slices. Some milliseconds. */
  maxGroupMessages: 1024,
  /** Messages of one step of work in slices, between which the time is looked at: some milliseconds. */
  stepMessages: 1024,
  /** How long a slice of such work goes on, in milliseconds; the requests of others wait for that, and for its commit. */
  sliceMs: 10,

  /** Bytes of the usual header fields of a message that are kept apart; of a message with more none are. */
  usualFieldsBytes: 16 * kibibyte,
  /** Characters of a text that messages are sorted by; nearly all subjects have less. */
  sortKeyCharacters: 128,
  /** Messages that one says it follows, which are kept: the first and the last ones. Few threads are as deep. */
  sortKeyReferences: 16,
  /** KiB of pages that a migration keeps in memory: the branches of the trees, and what a transaction changes is written early. */
  migrationCacheKib: 2 * kibibyte,
  /** Bytes that a migration leaves free beside its backup and what the file grows by: the log, and mail meanwhile. */
  migrationReserveBytes: 64 * mebibyte,
  /** Pages that a backup copies in one step (4 MiB), between which its progress is told. */
  backupPages: 1024,

  /** How long a body without messages stays readable, for a client that is still fetching it. */
  bodyRetentionMs: 10 * 60 * 1000,
  /** How often bodies and mailboxes that are gone are looked for. */
  collectIntervalMs: 60 * 1000,
  /** Bodies that one step of collecting deletes at most; others wait for it. */
  collectBodies: 200,
  /** Chunks that one step of collecting deletes at most (4 MiB). */
  collectChunks: 64,
  /** Expunged UIDs that one step of collecting, or forgetting, deletes at most. */
  collectRows: 1000,
  /** Bodies that a newer MIME walker goes over in one step of collecting. */
  walkedBodies: 32,
  /** Bodies that it looks at for that, most of which it may have gone over before. */
  walkedRows: 256,
  /** Bytes of them: with writing what it finds, some milliseconds. A larger body takes several steps. */
  walkedBytes: 512 * kibibyte,
  /** Free pages that stay in the file (4 MiB), since new mail will need them. */
  keptFreePages: 1024,
  /** Free pages of the file that one step of collecting gives back to the file system at most. */
  collectPages: 256,

  /**
   * Expunged UIDs, or ranges of them, that a mailbox remembers, for clients that ask what has gone: 500 KiB. One that missed
   * more reads the mailbox anew.
   */
  maxExpungedUids: 32_768,

  /**
   * Messages of a page of states: changing one of them writes its page anew, and changing all of a mailbox writes each page
   * once. So many take a page of the file at most, but for mailboxes of very many keywords.
   */
  statePageMessages: 512,
  /** Bytes of a page of states to which no more are added; one of twice as many is divided. */
  statePageBytes: 4000,
  /** Messages that two neighbours become one page for, when one of them is made smaller. */
  smallStatePageMessages: 256,
  /** Pages of states that one step of looking for changes reads: as many messages as a slice has. */
  stepPages: 16,
  /** Pages of which such a step sees whether it has to read them: a third of a millisecond. */
  stepPageHeads: 128,
  /** Messages that looking for changes keeps, 4 MiB in typed arrays; if there are more, it goes through the mailbox again for them. */
  maxChanges: 262_144,
  /** Messages of one slice of states or changes: 0.8 ms for others of the thread to wait. */
  sliceMessages: 8192,
  /** Messages that one event tells of; a watcher reads more than that in slices. 1 MiB in each thread. */
  maxEventMessages: 65_536,
  /** Different sets of flags that one event tells of; a set of 60 keywords takes half a KiB and 5 µs in each thread. */
  maxEventFlagSets: 1_024,
  /** Messages of the first slice, and of others if each message has a set of flags of its own: some milliseconds, too. */
  slowSliceMessages: 1_024,
  /** How long claims of \Recent messages stay in memory before they are written by themselves. */
  recentFlushMs: 5000,

  /** Rows of one batch of {@link MailStore.rows} at most. */
  batchRows: 512,
  /** Bytes of one such batch, past which it ends early. */
  batchBytes: mebibyte,
  /** Rows of it that are read at once. */
  stepRows: 128,
  /** Bytes of a value up to which it is read with those of other messages, so that these take a megabyte together. */
  stepValueBytes: 8 * kibibyte,

  /** Keywords of one mailbox: SELECT tells all of them in a line. RFC 3501, section 7.1, lets a server refuse more. */
  maxKeywords: 4096,
  /** Keywords of one message beside the first 64 of its mailbox, so that no row takes more than 640 bytes for them. */
  maxMoreKeywords: 128,
  /** Messages that are looked through for keywords in use, some tens of milliseconds at most, to tell whether there is room for others. */
  keywordRoomMessages: 16_384,
  /** Characters of a keyword. */
  maxKeywordLength: 100,

  /** Mailboxes of one account, each of which costs LIST a line. */
  maxMailboxes: 10_000,
  /** Subscribed names of one account; they need no mailbox (RFC 3501, section 6.3.6). */
  maxSubscriptions: 20_000,
  /** Bytes of the value of one entry of metadata: a comment, a token of a device. @see RFC 5464, section 4.3 */
  maxMetadataValueBytes: 16 * 1024,
  /** Entries of metadata of one mailbox, or of an account itself: GETMETADATA reads all their names at once. */
  maxMetadataEntries: 100,
  /** Those of an account with all its mailboxes. */
  maxAccountMetadataEntries: 2000,
  /** Bytes of their names and values. */
  maxAccountMetadataBytes: 4 * 1024 * 1024,
  /** What each mailbox can have beyond the two bounds of its account: so many entries. @see RFC 5464, section 4.1 */
  promisedMetadataEntries: 10,
  /** Bytes of the value of each of them. */
  promisedMetadataValueBytes: 1024,
  /** Characters of one level of a mailbox name. */
  maxLevelLength: 255,
  /** Characters of a mailbox name with all its levels. */
  maxNameLength: 1000,
  /** Levels of a mailbox name. */
  maxLevels: 32,
  /** Names of accounts that each thread knows by heart, half a KiB each, so that their logins read nothing. */
  knownAccounts: 1024,
  /** Characters of an account's name. */
  maxAccountNameLength: 255,

  /** The largest UID and UIDVALIDITY (RFC 3501, section 2.3.1.1). */
  maxUid: 0xffff_ffff,

  /** Rows that a search reads at once: half a millisecond. */
  searchRows: 256,
  /** Messages that a search reads at once at most, however small they are. */
  searchContents: 64,
  /** Bytes of messages that a search reads at once, past which it reads no further: a third of a millisecond. */
  searchContentBytes: 256 * kibibyte,
  /** Words of one fuzzy search key, with each of which every word of a text is compared; of more the first ones count. */
  fuzzyWords: 16,
  /** Characters of such a word; no word that people look for has more. */
  fuzzyWordCharacters: 64,
  /** Bytes of a message of which a search keeps the text for its next condition. */
  searchKeptBytes: mebibyte,
} as const;

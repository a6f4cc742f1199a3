/** Every bound of tls/ is in this file. Options override those that an operator may want to change. */
export const tlsLimits = {
  /**
   * Bytes of the longest ClientHello message, without its header: the same as in OpenSSL, which adds up the longest
   * forms of all its vectors.
   */
  helloBytes: 131_396,
  /** Identities, key shares and the like of a ClientHello that are read: clients have one or two of each. */
  helloListItems: 16,
  /**
   * Bytes of a ClientHello that does not count for `heldHelloBytes`: a post-quantum key share and a ticket fit, so that
   * no usual client ends for the hellos of others. All connections before login together hold 64 MiB of these.
   */
  uncountedHelloBytes: 4 * 1024,
  /** Memory of a piece of input besides its own bytes, in bytes: input may come in pieces of one byte each. */
  chunkBytes: 256,
  /** Bytes of longer ClientHellos that a thread holds in all, each until the end of its handshake. */
  heldHelloBytes: 16 * 1024 * 1024,
  /**
   * Time for a client to read why it is refused, and to close, in milliseconds: if we closed while it sends, the reset
   * would take the answer away from it.
   */
  lingerMs: 1_000,
  /** Bytes that are read from it meanwhile and dropped: as many as are on their way over a quick and long line. */
  lingerBytes: 1024 * 1024,
  /** Time for the whole ClientHello, in milliseconds: waiting costs little, and a client may be as busy as we are. */
  helloDeadlineMs: 20_000,
  /** Time for the handshake from its turn on, in milliseconds, however the client spreads its bytes. */
  handshakeDeadlineMs: 20_000,
  /** Time to find a session, in milliseconds: a full handshake would be quicker than a longer wait. */
  lookupDeadlineMs: 50,
  /** Longest life of a session, in milliseconds. @see RFC 8446, section 4.6.1: a ticket lives for seven days at most */
  lifetimeMs: 7 * 24 * 60 * 60 * 1000,
  /** Time from a full handshake to the end of its resumptions, in milliseconds; then a client is checked again. */
  resumptionChainMs: 24 * 60 * 60 * 1000,
  /** Tickets of a TLS 1.3 ClientHello that are opened: clients offer one or two, and each costs us work. */
  pskIdentities: 8,
  /** Least bytes of a secret that keys are derived from: as many as the keys have. */
  secretBytes: 32,
  /** Time between the first change of a certificate's files and reading them, in milliseconds: two are written. */
  certificateSettleMs: 500,
  /** Time between looks at a certificate's files, in milliseconds: network file systems do not tell of changes. */
  certificatePollMs: 60_000,
  /** The same for authorities and revocation lists: a revoked certificate should not be accepted for long. */
  revocationPollMs: 2_000,
} as const;

/** @throws RangeError if clients may not resume for so long */
export function checkLifetime(lifetimeMs: number): void {
  if (lifetimeMs > 0 && lifetimeMs <= tlsLimits.lifetimeMs) return;
  throw new RangeError(
    `Cannot resume sessions for "${lifetimeMs}" ms: allowed are 1 to ${tlsLimits.lifetimeMs}`,
  );
}

/** How long a ticket lives, in milliseconds: not longer than its chain of resumptions, if a client gets no other. */
export function ticketLifetimeMs(lifetimeMs: number): number {
  return Math.min(lifetimeMs, tlsLimits.resumptionChainMs);
}

/** Bounds of what strangers (connections before their login) may hold. */
export const admissionLimits = {
  /** Connections of the whole process that have not logged in; each holds 2 to 60 KiB. */
  connectionsBeforeLogin: 16_384,
  /**
   * TLS handshakes that run in one thread at a time: enough to use its processor while each waits for a quick client.
   * More would hold some 60 KiB each, and be no quicker.
   */
  quickHandshakes: 64,
  /** Ticks after which a handshake counts as slow: it waits for its client. */
  quickTicks: 4,
  /** Length of a tick, in milliseconds. Ticks come late while the thread is busy, so clients do not pay for that. */
  tickMs: 25,
  /** Slow handshakes of one thread, some 60 KiB each: twice as many as 1,000 clients a second of 500 ms each need. */
  slowHandshakes: 1_024,
  /** Slow handshakes of one address group; a group that has so many gets no turn until some end. */
  slowHandshakesPerGroup: 512,
} as const;

/** Bounds of every session cache. */
export const cacheLimits = {
  /** Bytes of the longest session: a segment stores positions in 16 bits. Node drops sessions of more than 10 KiB. */
  sessionBytes: 60 * 1024,
  /** Bytes of the longest id: a sealed session stores its length in 8 bits. OpenSSL's ids have 32 bytes. */
  idBytes: 0xff,
  /** If the clock was set back by more than this, in milliseconds, sessions from before have expired. */
  clockToleranceMs: 60_000,
  /** Longest time between searches for expired sessions, in milliseconds, in case the clock was set forward. */
  longestWaitMs: 60_000,
} as const;

/** Bounds of the segment cache. */
export const segmentLimits = {
  /** Bytes of the largest segment: it is given back in one step of some 25 µs. Smaller ones would be many mappings. */
  segmentBytes: 256 * 1024,
  /** Bytes of the largest cache: a location is a 32-bit count of units of 8 bytes. */
  maxBytes: 32 * 1024 ** 3,
  /** Entries that one step of expiry or of a purge looks at, so that it takes far less than a millisecond. */
  entriesPerStep: 512,
  /** Segments that one step of a purge of everything overwrites and gives back, some 40 µs each. */
  segmentsPerStep: 4,
  /** Slots that each insertion moves while the index changes its size: it is done before the next change begins. */
  slotsPerInsertion: 8,
  /** Slots that each removal moves: more, since the table that is read is sparse then. */
  slotsPerRemoval: 32,
  /** Slots that each step of expiry moves. */
  slotsPerStep: 8_192,
  /** Bytes of an index table that are given back in one step, which takes the system about 0.1 ms. */
  releasedBytes: 1024 * 1024,
  /** Share of the bytes for sessions of connections that have not logged in. */
  probationShare: 1 / 8,
  /** Share of the bytes for the index. */
  indexShare: 1 / 8,
  /** Share of the probation ring that one address may hold, but at least two segments. */
  addressShare: 1 / 8,
} as const;

/** Bounds of a cache that another thread has, and of what the two send each other. */
export const remoteLimits = {
  /** Calls without an answer, about 500 bytes each. Above it only purges and logins are sent. */
  pendingCalls: 16_384,
  /** As many with logins, without which a purge of the account would miss its sessions. Above it they are lost. */
  pendingCallsWithLogins: 20_480,
  /** What nobody waits for is sent with the next message, but not later than this, in milliseconds. */
  batchDelayMs: 2,
  /** How many calls or answers wait at most before a message is sent. */
  batchItems: 64,
} as const;

/** Bounds of a cache that threads share. */
export const sharedLimits = {
  /** Bytes of the longest session in the table of recent sessions: only those with a client certificate are longer. */
  recentSessionBytes: 211,
  /** The table's share of the cache's bytes. */
  recentShare: 1 / 16,
  /** Bytes of the table at most: what it has used is never given back to the system. */
  recentBytes: 4 * 1024 * 1024,
  /** Bytes of each thread's queue, enough for some 700 sessions; the owner is woken when it is half full. */
  queueBytes: 256 * 1024,
  /** How long after a change the owner is woken, in milliseconds: one message for all changes of that time. */
  queueDelayMs: 100,
  /** In this time, in milliseconds, a thread writes a change whose number it has taken, however busy it is. */
  changeMs: 60_000,
  /** Attempts to get a lock, each some ten nanoseconds. If all fail, its holder must be waiting for a processor. */
  lockAttempts: 200,
  /** Sets of four sessions that one step of expiry looks at, which takes some 50 µs. */
  setsPerStep: 512,
  /** Shortest time from one search for expired sessions to the next, in milliseconds. */
  expireIntervalMs: 1_000,
} as const;

/** Bounds of a cache on Redis. */
export const redisLimits = {
  /** Time for a command, in milliseconds: more than a lookup waits, so that the deadline of the lookup comes first. */
  deadlineMs: 100,
  /** A lookup that finds nothing is repeated after this time, in milliseconds: another machine may still be writing. */
  secondLookMs: 10,
  /** Time to connect, greet and log in, in milliseconds: a Redis that hangs accepts connections but does not answer. */
  connectDeadlineMs: 2_000,
  /** If a command has no answer after this time, in milliseconds, the connection is replaced. */
  stallMs: 2_000,
  /** Commands without an answer, about 1 KiB each. Above it commands fail at once. */
  commandsInFlight: 1_024,
  /** Wait after the first failed attempt to connect, in milliseconds; it doubles with each attempt. */
  firstRetryMs: 50,
  /** Longest wait between attempts, in milliseconds: resumption works again soon after Redis does. */
  retryMs: 1_000,
  /** Wait before a node of a Cluster is tried again and its successor looked for, in milliseconds. */
  clusterRetryMs: 500,
  /** Purges that wait for Redis. Above it they become one purge of all sessions. */
  owedPurges: 1_024,
  /** Sessions whose removal waits for Redis, about 250 bytes each. Above it all sessions are purged instead. */
  owedRemovals: 16_384,
  /** Ids that are known not to be in Redis, about 150 bytes each. For one that is forgotten a removal is owed. */
  unsentSessions: 16_384,
  /** How long such an id is known, in milliseconds: as long as logins usually take. */
  unsentMs: 60_000,
  /** Wait before a purge or a removal is tried again, in milliseconds. */
  purgeRetryMs: 1_000,
  /** Sessions that a purge sends commands for at a time. */
  purgeBatch: 128,
  /** Keys that Redis looks at in one step of a walk, which takes far less than a millisecond of its time. */
  scanCount: 500,
  /** Bytes of the longest key prefix, which is sent with each command. */
  prefixBytes: 128,
  /** How far clocks of machines may differ, in milliseconds: an index keeps a session so long after its deadline. */
  clockSlackMs: 60_000,
} as const;

/** Bounds of the proof that resumption works, see `proveResumption`. */
export const proofLimits = {
  /** How long its sessions and tickets live, in milliseconds: longer than it takes on the slowest machine. */
  lifetimeMs: 60 * 60 * 1000,
  /** Bytes of its session cache, for a dozen sessions. */
  cacheBytes: 256 * 1024,
  /** A handshake that has not ended after so many ticks of so many milliseconds does not end. */
  maxTicks: 20,
  tickMs: 100,
} as const;

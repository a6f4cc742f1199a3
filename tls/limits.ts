/** Every bound of tls/ in one place; options override those that an operator may want to move. */
export const tlsLimits = {
  /**
   * The message of a ClientHello, without its header, may not have more bytes: as in OpenSSL, which adds up what each of
   * its vectors may have.
   */
  helloBytes: 131_396,
  /** Identities, key shares and the like of a ClientHello that are looked at: clients have one or two of each. */
  helloListItems: 16,
  /**
   * A ClientHello that makes us hold no more bytes than this does not count: a post-quantum key share and a ticket fit,
   * so that nobody is ended for the hellos of others. As many as there may be before login hold 64 MiB of it.
   */
  uncountedHelloBytes: 4 * 1024,
  /** Bytes that longer hellos may make a thread hold in all, until the ends of their handshakes. */
  heldHelloBytes: 16 * 1024 * 1024,
  /**
   * A client that is told why it does not come to TLS may take so long to read it and to close, in milliseconds: if we
   * closed while it sends, the reset would take the answer away from it.
   */
  lingerMs: 1_000,
  /** Bytes that are read from it meanwhile, for nothing: as many as are on their way over a quick and long line. */
  lingerBytes: 1024 * 1024,
  /** Time for the whole ClientHello: to wait for it costs little, and a client may be as busy as we are. */
  helloDeadlineMs: 20_000,
  /** Time for the handshake from its turn on, however the client spreads its bytes. */
  handshakeDeadlineMs: 20_000,
  /** A session that takes longer to find than a full handshake takes to make is not worth waiting for. */
  lookupDeadlineMs: 50,
  /** RFC 8446, section 4.6.1: a ticket may not be used for longer than seven days. */
  lifetimeMs: 7 * 24 * 60 * 60 * 1000,
  /** A chain of resumptions ends so long after its full handshake, which is when a client proves itself anew. */
  resumptionChainMs: 24 * 60 * 60 * 1000,
  /** Tickets that a hello of TLS 1.3 may offer: clients offer one or two, and each costs us work. More are not opened. */
  pskIdentities: 8,
  /** Secrets that keys are derived from: as many bytes as the keys themselves are worth. */
  secretBytes: 32,
  /** Whoever renews a certificate writes two files: time for the second. */
  credentialSettleMs: 500,
  /** Where the system tells of no change (network file systems), a new certificate is found this soon. */
  credentialPollMs: 60_000,
} as const;

/** How long a ticket lives: nobody can tell a ticket's chain from its age, so it ends with the chain. */
export function ticketLifetimeMs(lifetimeMs: number): number {
  return Math.min(lifetimeMs, tlsLimits.resumptionChainMs);
}

/** Bounds of what strangers may hold at a time, from accept until login. */
export const admissionLimits = {
  /** Connections of the whole process that have not logged in; each costs 2 to 60 KiB. */
  connectionsBeforeLogin: 16_384,
  /**
   * TLS handshakes that run in one thread at a time. Enough to use its processor while each waits for a quick
   * client; all at once would take some 60 KiB each and be no quicker.
   */
  quickHandshakes: 64,
  /** A handshake that has not ended when the event loop has turned for so long waits for a slow client. */
  quickTicks: 4,
  /** Length of a tick, in milliseconds. It comes late while the thread is busy, so that is not held against clients. */
  tickMs: 25,
  /** Handshakes of one thread that wait for slow clients, some 60 KiB each: 1,000 a second at 500 ms fit twice. */
  slowHandshakes: 1_024,
  /** Of these, from one address group; one that has so many gets no turn until some end. */
  slowHandshakesPerGroup: 512,
} as const;

/** Bounds of the segment cache. */
export const segmentLimits = {
  /** A segment goes back in one step, which takes the system some 25 µs; smaller ones would be many mappings. */
  segmentBytes: 256 * 1024,
  /** Locations are 32-bit counts of 8-byte units. */
  maxBytes: 32 * 1024 ** 3,
  /** Positions in an entry have 16 bits; Node itself drops sessions over 10 KiB. */
  sessionBytes: 60 * 1024,
  /** The header keeps the length of an id in 8 bits; OpenSSL's have 32 bytes. */
  idBytes: 0xff,
  /** Entries that one step of expiry or of a purge looks at, so that a step stays far under a millisecond. */
  entriesPerStep: 512,
  /** Segments that one step of a purge of everything overwrites and gives back, some 40 µs each. */
  segmentsPerStep: 4,
  /** Slots of the index that each insertion moves while it changes its size: enough to be done before the next. */
  slotsPerInsertion: 8,
  /** The same for a removal: the table that is left is sparse, and quickly read. */
  slotsPerRemoval: 32,
  /** The same for a step of expiry. */
  slotsPerStep: 8_192,
  /** Bytes of an index table that go back in one step: the system takes about 0.1 ms for them. */
  releasedBytes: 1024 * 1024,
  /** Part of the bytes for sessions of connections that have not logged in. */
  probationShare: 1 / 8,
  /** Part of the bytes that is set aside for the index. */
  indexShare: 1 / 8,
  /** Part of the probation ring that one address may hold; two segments at the least. */
  addressShare: 1 / 8,
} as const;

/** Bounds of a cache that another thread has, and of what the two send each other. */
export const remoteLimits = {
  /** Calls without an answer, about 500 bytes each. Above it only purges are sent. */
  pendingCalls: 16_384,
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
  /** A thread that has taken the number of a change writes it within this time, in milliseconds, however busy it is. */
  changeMs: 60_000,
  /** Attempts to get a lock, each some ten nanoseconds. If all fail, its holder must be waiting for a processor. */
  lockAttempts: 200,
  /** Sets of four sessions that one step of expiry looks at, which takes some 50 µs. */
  setsPerStep: 512,
  /** Shortest time from one search for expired sessions to the next, in milliseconds. */
  expireIntervalMs: 1_000,
  /** Longest time from one to the next, in milliseconds, in case the clock was set forward. */
  longestWaitMs: 60_000,
} as const;

/** Bounds of a cache on Redis. */
export const redisLimits = {
  /** Time for a command; a little more than a lookup waits, so that the lookup's own deadline is what counts. */
  deadlineMs: 100,
  /** A lookup that finds nothing is repeated after so long: another machine may still be writing the session. */
  secondLookMs: 10,
  /** Time to connect, greet and log in; a Redis that hangs takes connections but says nothing. */
  connectDeadlineMs: 2_000,
  /** A command without an answer for so long means that the connection is of no more use. */
  stallMs: 2_000,
  /** Commands without an answer, about 1 KiB each; past it they fail at once. */
  commandsInFlight: 1_024,
  /** Wait after the first failed attempt to connect; it doubles with each. */
  firstRetryMs: 50,
  /** The longest wait between attempts: resumption is back soon after Redis. */
  retryMs: 1_000,
  /** Wait before a node of a Cluster is tried again, and its successor looked for. */
  clusterRetryMs: 500,
  /** Purges that Redis has not done and that are kept in mind; past it they become one of all. */
  owedPurges: 1_024,
  /** A purge that Redis has not done is tried again after so long, in milliseconds. */
  purgeRetryMs: 1_000,
  /** Sessions that a purge looks at in one go. */
  purgeBatch: 128,
  /** Keys that one step of a walk through Redis looks at: far below a millisecond of its time. */
  scanCount: 500,
  /** Bytes of a key prefix: it is sent with each command. */
  prefixBytes: 128,
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

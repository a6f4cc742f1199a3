/** Bounds of logins. Those that a site may need to move come from the configuration. */

/** What a site can set. */
export interface LoginLimits {
  /**
   * Password checks that run at one time, in all threads together. Each takes a thread of libuv's pool (4 unless
   * UV_THREADPOOL_SIZE says otherwise), which files need too.
   */
  readonly maxConcurrentChecks: number;
  /** Logins that wait for a check, of all clients together; a quarter of them of one address group. */
  readonly maxWaiting: number;
  /** How long wrong passwords make the next login for that account from that address group wait at most; 0: no delays. */
  readonly maxDelayMs: number;
}

/** Two checks of 30 ms each leave two of libuv's threads to files. 4,096 logins are checked in a minute. */
export const defaultLoginLimits: LoginLimits = {
  maxConcurrentChecks: 2,
  maxWaiting: 4096,
  maxDelayMs: 15_000,
};

/** The part of {@link LoginLimits.maxWaiting} that one address group may take: an office, or a balancer. */
export const groupShare = 1 / 4;

/**
 * Logins for one account from one address group that wait at one time. A client opens a few connections and they
 * share one check; only guesses are that many different passwords.
 */
export const maxWaitingPerAccount = 16;

/** After this long a login is answered with UNAVAILABLE, in milliseconds: most clients have given up by then. */
export const maxWaitMs = 60_000;

/**
 * After this long a check that another thread runs no longer takes a place, in milliseconds: a check takes 30 ms, so that
 * the thread must hang, and logins of all other threads would wait for it.
 */
export const checkDeadlineMs = 10_000;

/** How delays grow with the failed logins of one account from one address group, or of one address group. */
export interface DelayPolicy {
  /** So many failures delay nothing: people mistype. */
  readonly freeFailures: number;
  /** The delay after the first failure that delays, in milliseconds; it doubles with each one more. */
  readonly firstDelayMs: number;
  /** The longest delay, in milliseconds; {@link LoginLimits.maxDelayMs} if that is less. */
  readonly maxDelayMs: number;
  /** After this long one failure is forgotten, in milliseconds. */
  readonly forgetMs: number;
  /** More are not counted, so that the last of them are forgotten in a bounded time. */
  readonly maxFailures: number;
}

/** 0, 0, 0.5 s, 1 s, 2 s … 15 s: at most four guesses a minute for one account. All is forgotten after 16 minutes. */
export const accountDelays: DelayPolicy = {
  freeFailures: 1,
  firstDelayMs: 500,
  maxDelayMs: Number.POSITIVE_INFINITY,
  forgetMs: 60_000,
  maxFailures: 16,
};

/**
 * Nine failures are free, then up to 0.25 s: four guesses a second in each place, for all accounts together. It is
 * short, since a group may be a whole office, whose other logins wait behind the guesses.
 */
export const groupDelays: DelayPolicy = {
  freeFailures: 9,
  firstDelayMs: 50,
  maxDelayMs: 250,
  forgetMs: 5_000,
  maxFailures: 24,
};

/**
 * After so many failures for one account from one address group a login is not answered from the verified logins
 * until its turn comes. Otherwise somebody who does not wait for refusals could guess at full speed: only a right
 * password is answered at once.
 */
export const maxFailuresOfQuickLogins = 8;

/** Counters of failed logins, for accounts and for groups each; a power of two. */
export const failureCellCount = 32_768;

/** Of a user name that is longer, the rest does not count when logins are told apart. */
export const maxAccountKeyLength = 128;

/** Bytes of a token; those of big issuers have 1 to 4 KiB. A line of a SASL response holds 12 KiB. */
export const maxTokenBytes = 12 * 1024;

/** How far the clock of an issuer may be ahead of ours or behind, in seconds. */
export const tokenClockToleranceSeconds = 30;

/** How the public keys of an issuer of tokens are read. */
export const tokenKeyLimits = {
  /** After this long they are read again, in milliseconds; the old ones count meanwhile. */
  lifetimeMs: 10 * 60_000,
  /** So long after a try, a token that names an unknown key causes no other, in milliseconds: anybody can send one. */
  cooldownMs: 10_000,
  /** For one request, in milliseconds: who logs in waits for it, at the start. */
  deadlineMs: 5_000,
  /** Bytes of a key set; a key has some hundred. */
  maxBytes: 1024 * 1024,
} as const;

/** Bounds on connections, whatever is spoken on them. Those of IMAP are in server/imap/limits.ts. */
export interface NetworkLimits {
  /** Connections at one time, of all threads together; one more is refused, and told so. */
  readonly maxConnections: number;
  /**
   * A client must log in this many milliseconds after it was accepted, whatever it sends; what the server made it wait
   * does not count.
   */
  readonly loginDeadlineMs: number;
  /** How long a client that was told its end may take to read it and to close, in milliseconds. */
  readonly closeDeadlineMs: number;
  /**
   * Refused clients that are waited for; beyond it they are cut off at once. Each keeps a descriptor until its
   * deadline.
   */
  readonly maxRefusedConnections: number;
  /**
   * A client that takes nothing of what waits for it is cut off after this many milliseconds. It is far longer than a
   * phone is without a network on a train, and TCP itself would wait for a quarter of an hour.
   */
  readonly stallDeadlineMs: number;
  /**
   * Bytes of output that may wait for one client. Those who write wait themselves long before (see
   * {@link Transport.isFull}), so this only ends a client whose server forgot to.
   */
  readonly maxWaitingBytes: number;
  /** How often stalled clients are looked for, in milliseconds: one timer for all connections. */
  readonly sweepIntervalMs: number;
  /** Log lines about strangers of one address group in a minute, for each text; more are counted. */
  readonly maxStrangerLinesPerGroup: number;
  /** The same of all groups together: 16 threads stay below 100 KB a minute. */
  readonly maxStrangerLines: number;
}

/** The bounds of a server whose configuration says nothing else. */
export const defaultNetworkLimits: NetworkLimits = {
  maxConnections: 20_000,
  loginDeadlineMs: 2 * 60_000,
  closeDeadlineMs: 5_000,
  maxRefusedConnections: 200,
  stallDeadlineMs: 5 * 60_000,
  maxWaitingBytes: 16 * 1024 * 1024,
  sweepIntervalMs: 10_000,
  maxStrangerLinesPerGroup: 3,
  maxStrangerLines: 30,
};

/** Unanswered connections that the kernel keeps for us while we are busy: with so many a start of 5,000 lost none. */
export const listenBacklog = 4096;

/** After this long without a byte the kernel asks whether the client is still there, in milliseconds. */
export const keepAliveDelayMs = 120_000;

/** Descriptors kept free beside those of clients and open files; an eighth of all if that is fewer. */
export const reservedDescriptors = 64;

/** With fewer connections than this it is counted anew what else has descriptors. */
export const tellingConnections = 256;

/** The same shortage is logged again after so long, in milliseconds. */
export const shortageLogIntervalMs = 60_000;

/** Lines about strangers are counted anew after so long, in milliseconds. */
export const strangerWindowMs = 60_000;

/** Bounds of the PROXY header. */
export const proxyLimits = {
  /** The longest line of version 1, with its end. @see PROXY protocol, section 2.1 */
  textBytes: 107,
  /** Of version 2: proxies add names and certificates of some hundred bytes; its length field could say 64 KiB. */
  binaryBytes: 4 * 1024,
  /** A proxy sends it at once, so this only has to outlast a lost packet, in milliseconds. */
  deadlineMs: 5_000,
} as const;

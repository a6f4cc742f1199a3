import { defaultMessageLimit } from '../../protocol/limits.ts';
import { defaultNetworkLimits, type NetworkLimits } from '../net/limits.ts';
import type { AccountInputLimits } from './account-input.ts';
import type { AnswerQueueLimits } from './answer-queue.ts';

/** Bounds of the IMAP service. Those of the command grammar are in protocol/limits.ts. */
export interface ServiceLimits extends NetworkLimits, AnswerQueueLimits, AccountInputLimits {
  /**
   * A client that has logged in and says nothing is logged out after this many milliseconds; at least 30
   * minutes (RFC 3501, section 5.4).
   */
  readonly autologoutMs: number;
  /** How long a client that is sent away while a command runs may take to finish it, in milliseconds. */
  readonly byeDeadlineMs: number;
  /** Commands in one second before login; one more ends the connection (Exchange 5.5 fell to such floods). */
  readonly maxCommandsPerSecondBeforeLogin: number;
  /** Refused logins on one connection; the last one ends it. */
  readonly maxFailedLogins: number;
  /** Commands in a row that cannot be read; the last one ends the connection. */
  readonly maxBadCommands: number;
  /** How often a client is written to that closed its side and waits for its login, in milliseconds: twice, if it is gone. */
  readonly probeIntervalMs: number;
  /** Bytes of memory for input that waits while a command of its client runs; above it nothing more is read from its socket. */
  readonly maxPendingBytes: number;
  /**
   * Bytes of memory for unfinished input of all clients of a thread that have not logged in; above it one of them is ended.
   * So many who each hold as much as they may (68 KiB) would take 1.1 GiB, of which no honest client has any use.
   */
  readonly strangerInputBytes: number;
  /**
   * APPEND commands of a connection that wait for the disk while the next ones are read (RFC 3501, section 5.5): some tens
   * make the wait of each small, and hold up others who wait for the same disk for some milliseconds at most.
   */
  readonly maxUnansweredCommands: number;
  /** Bytes of their messages, which are in memory; one with more than a quarter of that is answered before the next is read. */
  readonly maxUnansweredBytes: number;
  /** Messages that one command may be about, if MESSAGELIMIT or SAVELIMIT is on. @see RFC 9738, section 3 */
  readonly messageLimit: number;
  /** Connections of all threads from which on clients are put off that download in the background; 0: never. */
  readonly backgroundConnections: number;
  /** Bytes of responses gathered before they are handed to the socket. */
  readonly responseChunkBytes: number;
  /** How long what is known of a mailbox stays after its last session has left, in milliseconds: phones come back. */
  readonly feedRetentionMs: number;
  /** Bytes that all of it takes at most, in each thread; what was left first goes first. */
  readonly retainedFeedBytes: number;
}

/**
 * Unfinished input of a stranger that takes no more bytes of memory does not count: a LOGIN fits well, so that a client which
 * just logs in is never ended for the input of others. As many as there may be before login hold 32 MiB of it.
 */
export const uncountedStrangerBytes = 2 * 1024;

/**
 * A client is told at most once in so many milliseconds that its command is still at work. Less than from one look at all
 * clients to the next, or every other look would come a little too early, and the client wait for 20 seconds: 10 to 15 are
 * recommended. @see RFC 9585, section 4
 */
export const progressIntervalMs = 9_000;

/** Messages of one APPEND: they are added in one transaction, for which others wait some tens of milliseconds. @see RFC 3502 */
export const maxAppendMessages = 1_000;

/** Bytes of memory that each of them takes beside its flags, about, when all else of it waits on the disk. */
export const waitingMessageBytes = 1024;

/** Bytes of memory for those of them that have come, without what can wait on the disk: with 1,000 flags and some for each. */
export const maxHeldAppendBytes = 4 * 1024 * 1024;

/** Messages of the smallest batch; with fewer UIDBATCHES would tell message sequence numbers. @see RFC 10022, section 3.1.3.2 */
export const minBatchMessages = 500;

/** Contexts of a client, each of which looks at every message that changes. @see RFC 5267, section 4.3.1 */
export const maxContexts = 32;

/** Search keys of all of them, each of which may be tried on every message that changes; no fewer than one search may have. */
export const maxContextKeys = 2048;

/**
 * Bytes of memory for the contexts of an account in a thread: some hundred of large mailboxes. Beyond it each client may still have
 * one that is not sorted, as it must (RFC 5267, section 4.3.1): a quarter of a byte for each message.
 */
export const maxContextBytes = 32 * 1024 * 1024;

/** Bytes of memory of its criteria: tens of keys with their texts. */
export const maxGrantedCriteriaBytes = 8 * 1024;

/** Bytes of a part without its transfer encoding that are kept until their number is known; of a larger one all are decoded twice. */
export const keptBinaryBytes = 256 * 1024;

/** Bytes of names and values of metadata in one response; the next ones go into another. @see RFC 5464, section 4.4 */
export const metadataResponseBytes = 16 * 1024;

/**
 * Names of entries of metadata that others have changed and that wait until a client can be told, 256 bytes each at most. Those of
 * the account's own clients alone; one that is not told of so many would have to ask for all again, so its connection ends.
 */
export const maxUntoldMetadata = 4_000;

/**
 * The same of all clients of an account in a thread: 10 MB of memory if each is of another mailbox. Beyond it the clients of that
 * account are ended for whom most wait; who asks now and then, or idles, has none.
 */
export const maxAccountUntoldMetadata = 32_000;

/**
 * Bytes of changes of names in an account that its clients have not been told of yet, by thread; what goes beyond it is forgotten,
 * and those who wanted it hear NOTIFICATIONOVERFLOW. Some thousand changes: more than a client misses that only reads slowly. It
 * costs nobody else, since those who have been told need none of it. What happens to messages takes no room at all.
 *
 * @see RFC 5465, section 5.8
 */
export const maxOwedNameBytes = 256 * 1024;

/** Mailboxes of an account whose counters are kept until they change, for all clients that are told of them in the same round. */
export const maxDescribedMailboxes = 32;

/** The bounds of a server whose configuration says nothing else. */
export const defaultServiceLimits: ServiceLimits = {
  ...defaultNetworkLimits,
  autologoutMs: 31 * 60_000,
  byeDeadlineMs: 10_000,
  maxCommandsPerSecondBeforeLogin: 50,
  maxFailedLogins: 5,
  maxBadCommands: 20,
  probeIntervalMs: 500,
  maxPendingBytes: 64 * 1024,
  strangerInputBytes: 16 * 1024 * 1024,
  accountInputBytes: 32 * 1024 * 1024,
  threadInputBytes: 64 * 1024 * 1024,
  accountMailBytes: 4 * 1024 * 1024,
  threadMailBytes: 16 * 1024 * 1024,
  maxUnansweredCommands: 64,
  maxUnansweredBytes: 512 * 1024,
  messageLimit: defaultMessageLimit,
  backgroundConnections: 0,
  responseChunkBytes: 16 * 1024,
  feedRetentionMs: 60_000,
  retainedFeedBytes: 32 * 1024 * 1024,
};

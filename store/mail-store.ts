import type { InternalDate } from '../protocol/command.ts';
import type { Flag } from '../protocol/flag.ts';
import type { MimePart } from '../protocol/mime/mime-structure.ts';
import type { SearchKey } from '../protocol/search-key.ts';

/**
 * The mail store: accounts, their mailboxes, the messages in them, and what changes. Every promise of a
 * change settles only after the change is durable; a promise that rejects left nothing behind.
 *
 * Every change in a mailbox gets the next modseq of that mailbox (from 1 up, RFC 7162). One call changes
 * under one modseq, so that the caller can tell its own changes from others'.
 *
 * Methods reject with a {@link StoreError} for what the caller can have caused, and with anything else for a
 * fault.
 */
export interface MailStore {
  // Accounts

  /** Creates an account with an INBOX and the special-use mailboxes. `ALREADYEXISTS`, `CANNOT` (name). */
  createAccount(name: string, credentials: Credentials): Promise<Account>;
  /** By name, without regard to ASCII case; undefined where there is none. Read afresh at every call. */
  findAccount(name: string): Promise<Account | undefined>;
  /** All, by name. */
  listAccounts(): Promise<readonly Account[]>;
  /** `NONEXISTENT`. */
  changeCredentials(name: string, credentials: Credentials): Promise<void>;
  /** The account with all its mail. `NONEXISTENT`. */
  removeAccount(name: string): Promise<void>;

  // Mailboxes. Names are Unicode (NFC), levels divided by "/", INBOX in capitals.

  /** All of the account, parents before children. */
  listMailboxes(accountId: number): Promise<readonly Mailbox[]>;
  findMailbox(accountId: number, name: string): Promise<Mailbox | undefined>;
  /** Missing parents are made too. `ALREADYEXISTS`, `CANNOT` (name). */
  createMailbox(accountId: number, name: string): Promise<Mailbox>;
  /**
   * With its messages. Where it has children it stays as a \Noselect level (RFC 3501, section 6.3.4).
   * `NONEXISTENT`, `CANNOT` (INBOX), `HASCHILDREN` (already \Noselect, with children).
   */
  deleteMailbox(accountId: number, name: string): Promise<void>;
  /**
   * With its children. INBOX is emptied into the new mailbox instead. UIDs and UIDVALIDITY stay (new ones
   * for INBOX's messages). `NONEXISTENT`, `ALREADYEXISTS`, `CANNOT`.
   */
  renameMailbox(accountId: number, name: string, newName: string): Promise<void>;
  /** Names, subscribed or not, need not exist (RFC 3501, section 6.3.6). */
  subscribe(accountId: number, name: string): Promise<void>;
  unsubscribe(accountId: number, name: string): Promise<void>;
  /** Subscribed names, sorted; those of mailboxes that do not exist included. */
  listSubscriptions(accountId: number): Promise<readonly string[]>;

  // One mailbox

  /** Counters, at no cost that grows with the mailbox. `NONEXISTENT`. */
  readStatus(mailboxId: number): Promise<MailboxStatus>;
  /** All UIDs of the mailbox, ascending, and the status at the same instant. `NONEXISTENT`. */
  openMailbox(mailboxId: number): Promise<MailboxOpening>;
  /**
   * The messages that no session has been told of yet become the caller's \Recent ones, and nobody else's
   * (RFC 3501, section 2.3.2). The result is a range of UIDs `[first, next)`, empty where first = next.
   */
  claimRecent(mailboxId: number): Promise<{ readonly firstUid: number; readonly nextUid: number }>;
  /** What has changed in the mailbox after `modseq`. `NONEXISTENT` where the mailbox is gone. */
  readChanges(mailboxId: number, modseq: number): Promise<MailboxChanges>;
  /**
   * The listener is called after each commit that changed the mailbox, whoever made it; it must be quick.
   * The return value ends it. Nothing of the listener stays reachable then.
   */
  watch(mailboxId: number, listener: MailboxListener): () => void;

  // Messages

  /** A draft takes the octets of one message and is then added to a mailbox. */
  beginMessage(accountId: number): MessageDraft;
  /**
   * Rows of those of the UIDs (ascending) that exist, in order, in batches of bounded size, so that a
   * mailbox of any size is never in memory whole. `fields` says what is read beyond uid, flags and modseq.
   */
  readMessages(
    mailboxId: number,
    uids: Uint32Array,
    fields: ReadonlySet<MessageField>,
  ): AsyncIterable<readonly StoredMessage[]>;
  /**
   * Octets `[start, end)` of a message's body in chunks of at most 64 KiB. Bodies of messages that are
   * expunged meanwhile stay readable for at least ten minutes. `NONEXISTENT`.
   */
  readBody(bodyId: number, start: number, end: number): AsyncIterable<Uint8Array>;
  /**
   * UIDs, ascending, of the messages that match. The caller has turned sequence numbers into UIDs and
   * `recent` into UIDs (no `sequence` or `recent` key is left). With a modseq key the caller reads the
   * modseqs itself.
   */
  search(mailboxId: number, criteria: SearchKey): Promise<Uint32Array>;
  /** All named messages that exist, under one modseq. Unknown UIDs are passed over. */
  storeFlags(mailboxId: number, uids: Uint32Array, change: FlagChange): Promise<FlagChangeResult>;
  /** To the end of the target, in order, flags and internal dates kept. `NONEXISTENT`. */
  copyMessages(mailboxId: number, uids: Uint32Array, targetId: number): Promise<CopyResult>;
  /** Copies and expunges in one step (RFC 6851). `NONEXISTENT`. */
  moveMessages(mailboxId: number, uids: Uint32Array, targetId: number): Promise<CopyResult>;
  /** Removes those of the UIDs (all of the mailbox where undefined) that have \Deleted. */
  expungeMessages(mailboxId: number, uids: Uint32Array | undefined): Promise<ExpungeResult>;

  // The whole

  /** Reads everything and says what is wrong, one line each: empty for a sound store. */
  checkIntegrity(): Promise<readonly string[]>;
  /** Finishes what was begun, then closes. */
  close(): Promise<void>;
}

/** What a store can refuse; `code` is the response code of RFC 5530 where it has one. */
export type StoreErrorCode =
  'ALREADYEXISTS' | 'NONEXISTENT' | 'CANNOT' | 'HASCHILDREN' | 'LIMIT' | 'OVERQUOTA';

/** A call that the store refuses for a reason the caller can have caused. The text may go to the client. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, text: string) {
    super(text);
    this.name = 'StoreError';
    this.code = code;
  }
}

/** Verifiers of a password; from neither can the password be read. */
export interface Credentials {
  /** PHC string, `$argon2id$v=19$m=…,t=…,p=…$salt$hash`. */
  readonly argon2id: string;
  /** `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`, base64 (RFC 5803). */
  readonly scramSha256: string;
}

export interface Account {
  readonly id: number;
  readonly name: string;
  readonly credentials: Credentials;
}

/** @see RFC 6154, section 2 */
export type SpecialUse = '\\Archive' | '\\Drafts' | '\\Junk' | '\\Sent' | '\\Trash';

export interface Mailbox {
  readonly id: number;
  readonly accountId: number;
  readonly name: string;
  /** False for a level that only holds children (\Noselect). */
  readonly isSelectable: boolean;
  readonly hasChildren: boolean;
  readonly specialUse?: SpecialUse;
}

/** Counters of a mailbox at one instant. */
export interface MailboxStatus {
  readonly messageCount: number;
  readonly unseenCount: number;
  readonly deletedCount: number;
  /** Messages that no session has been told of. */
  readonly recentCount: number;
  readonly sizeBytes: number;
  readonly uidNext: number;
  readonly uidValidity: number;
  /** At least 1. */
  readonly highestModseq: number;
}

export interface MailboxOpening {
  readonly status: MailboxStatus;
  readonly uids: Uint32Array;
  /** Smallest UID without \Seen; undefined where there is none. */
  readonly firstUnseenUid?: number;
  /** Keywords in use in the mailbox, in the order of their first use. */
  readonly keywords: readonly Flag[];
}

/** What changed after a modseq, net: a message that came and went is only in `expungedUids`. */
export interface MailboxChanges {
  /** The mailbox's highest modseq now. */
  readonly modseq: number;
  /** Ascending; messages that came or changed, without those that are gone again. */
  readonly messages: readonly ChangedMessage[];
  /** Ascending. */
  readonly expungedUids: Uint32Array;
}

export interface ChangedMessage {
  readonly uid: number;
  readonly modseq: number;
  readonly flags: readonly Flag[];
  /** True where the message itself came after the modseq, not only a change of its flags. */
  readonly isNew: boolean;
}

/** `modseq` is the mailbox's highest after the commit; `gone` where the mailbox was deleted. */
export type MailboxListener = (change: { readonly modseq: number; readonly gone: boolean }) => void;

export type MessageField = 'dates' | 'envelope' | 'bodyStructure' | 'structure';

/** A message; what was not asked for is absent. */
export interface StoredMessage {
  readonly uid: number;
  readonly modseq: number;
  /** Without \Recent, which belongs to a session. */
  readonly flags: readonly Flag[];
  readonly sizeBytes: number;
  readonly bodyId: number;
  /** With `dates`. */
  readonly internalDate?: InternalDate;
  /** With `envelope`: wire text of ENVELOPE, one character an octet. */
  readonly envelope?: string;
  /** With `bodyStructure`: wire text of BODYSTRUCTURE. */
  readonly bodyStructure?: string;
  /** With `structure`: the parts with their offsets. */
  readonly structure?: MimePart;
}

/** A message on its way in. It costs a bounded amount of memory, however large the message is. */
export interface MessageDraft {
  /** Takes the next octets, copied before it returns; wait for the promise before the next call. */
  write(chunk: Uint8Array): Promise<void>;
  /** Adds the message at the end of a mailbox; the draft is used up. `NONEXISTENT`, `OVERQUOTA`. */
  addTo(
    mailboxId: number,
    properties: { readonly flags: readonly Flag[]; readonly internalDate: InternalDate },
  ): Promise<AddedMessage>;
  /** Gives up; nothing is left behind. Does nothing after `addTo`. */
  discard(): Promise<void>;
}

export interface AddedMessage {
  readonly uid: number;
  readonly uidValidity: number;
  readonly modseq: number;
}

export interface FlagChange {
  readonly mode: 'replace' | 'add' | 'remove';
  readonly flags: readonly Flag[];
  /** Messages with a larger modseq are left alone and reported as modified. */
  readonly unchangedSince?: number;
}

export interface FlagChangeResult {
  /** The modseq of the change; the mailbox's highest where nothing changed. */
  readonly modseq: number;
  /** Every named message that exists and passed `unchangedSince`, also where its flags stayed the same. */
  readonly messages: readonly Omit<ChangedMessage, 'isNew'>[];
  /** Ascending; refused by `unchangedSince`. */
  readonly modifiedUids: Uint32Array;
}

export interface CopyResult {
  readonly targetUidValidity: number;
  /** UIDs of the originals that existed, ascending. */
  readonly sourceUids: Uint32Array;
  /** UIDs of the copies, in the same order. */
  readonly targetUids: Uint32Array;
  /** For a move: the modseq of the expunge in the source. */
  readonly sourceModseq?: number;
  readonly targetModseq: number;
}

export interface ExpungeResult {
  readonly modseq: number;
  /** Ascending. */
  readonly uids: Uint32Array;
}

import type { Relevancies } from './relevancies.ts';
import type { Flag } from '../protocol/flag.ts';
import type { SearchKey } from '../protocol/search-key.ts';
import type { SpecialUse } from '../protocol/special-use.ts';
import type { MailboxChanges, MailboxListener, MessageStates } from './mailbox-changes.ts';
import type { AddedMessages, DraftedMessage, MessageDraft } from './message-draft.ts';
import type { MessageColumn, MessageRows } from './message-rows.ts';

/**
 * The mail store: accounts, their mailboxes, the messages in them, and what changes. Every promise of a
 * change settles only after the change is durable; a promise that rejects means that nothing was changed.
 *
 * Every change in a mailbox gets the next modseq of that mailbox (from 1 up, RFC 7162). One call changes
 * under one modseq, so that the caller can tell its own changes from others'.
 *
 * A call that changes very many messages may do so in slices, between which the store serves others: each slice is a change
 * of its own, durable, told to those who watch, under the next modseq. If one fails, what the slices before it have done
 * stays, and the promise resolves to it, with the reason ({@link PartlyDone}); if the process ends, some of the messages may
 * have been changed, and others not. Copies are no such slices: they come all at once, or not at all. What is asked of a mailbox meanwhile waits for the last slice, in the
 * order in which it was asked; only where messages are changed or removed others may be added between slices.
 *
 * Methods reject with a {@link StoreError} for what the caller can have caused and for faults of the disk (`OVERQUOTA`,
 * `UNAVAILABLE`, `CORRUPTION`: any method may), and with anything else for other faults.
 */
export interface MailStore {
  // Accounts

  /** Creates an account with an INBOX and the special-use mailboxes. `ALREADYEXISTS`, `CANNOT` (name). */
  createAccount(name: string, credentials: Credentials): Promise<Account>;
  /** By name, without regard to ASCII case; undefined if there is none. Read afresh at every call. */
  findAccount(name: string): Promise<Account | undefined>;
  /** All, by name. */
  listAccounts(): Promise<readonly Account[]>;
  /** `NONEXISTENT`. */
  changeCredentials(name: string, credentials: Credentials): Promise<void>;
  /** The account with all its mail. `NONEXISTENT`. */
  removeAccount(name: string): Promise<void>;
  /** What the account's mailboxes hold, at no cost that grows with them. `NONEXISTENT`. */
  readUsage(accountId: number): Promise<AccountUsage>;

  // Mailboxes. Names are Unicode (NFC), levels divided by "/", INBOX in capitals.

  /** All of the account, parents before children. */
  listMailboxes(accountId: number): Promise<readonly Mailbox[]>;
  findMailbox(accountId: number, name: string): Promise<Mailbox | undefined>;
  /** The mailbox by what names it for good, under its present name; undefined if it is gone. */
  findMailboxById(box: MailboxKey): Promise<Mailbox | undefined>;
  /**
   * Missing parents are made too. `ALREADYEXISTS`, `CANNOT` (name), `USEATTR` (another mailbox has one of the uses).
   *
   * @param specialUses - what it is for; it keeps that when it is renamed, and another can have it after it is deleted
   */
  createMailbox(
    accountId: number,
    name: string,
    specialUses?: readonly SpecialUse[],
  ): Promise<CreatedMailbox>;
  /**
   * With its messages. If it has children it stays as a \Noselect level (RFC 3501, section 6.3.4).
   * `NONEXISTENT`, `CANNOT` (INBOX), `HASCHILDREN` (already \Noselect, with children).
   */
  deleteMailbox(accountId: number, name: string): Promise<void>;
  /**
   * With its children. INBOX is emptied into the new mailbox instead, which gets copies of its metadata. UIDs and UIDVALIDITY stay
   * (new ones for INBOX's messages). `NONEXISTENT`, `ALREADYEXISTS`, `CANNOT`, `LIMIT` and `OVERQUOTA` (metadata). INBOX may have been emptied in part, and the new mailbox
   * been made, if the promise rejects because of the disk.
   */
  renameMailbox(accountId: number, name: string, newName: string): Promise<void>;
  /** Names, subscribed or not, need not exist (RFC 3501, section 6.3.6). */
  subscribe(accountId: number, name: string): Promise<void>;
  unsubscribe(accountId: number, name: string): Promise<void>;
  /** Subscribed names, sorted; those of mailboxes that do not exist included. */
  listSubscriptions(accountId: number): Promise<readonly string[]>;
  /** Whether the name, as the store keeps it, is among them. */
  isSubscribed(accountId: number, name: string): Promise<boolean>;

  // Metadata (RFC 5464) of a mailbox, which goes with it, or of the account. Names of entries are in lower case.

  /** All entries, by name, without their values. `NONEXISTENT`. */
  listMetadata(owner: MetadataOwner): Promise<readonly MetadataEntry[]>;
  /** The value of an entry; undefined if there is none. `NONEXISTENT` (the owner). */
  readMetadata(owner: MetadataOwner, name: string): Promise<Uint8Array | undefined>;
  /**
   * Sets values, and removes the entries whose value is undefined, in one step, which is a change of the mailbox (RFC 7162,
   * section 3.2). What is so already is no change. `NONEXISTENT`, `LIMIT` (too many entries), `OVERQUOTA` (too many bytes).
   *
   * @param author - of the change, as {@link AccountEvent} names it
   */
  changeMetadata(
    owner: MetadataOwner,
    values: ReadonlyMap<string, Uint8Array | undefined>,
    author: string,
  ): Promise<void>;

  /**
   * Tells what happens to the account's mailboxes, subscriptions and messages from now on, each commit once, in order. Whoever
   * also wants to know what there is reads it after the promise has settled, and may be told some of that too. The listener
   * must be quick; the function that is resolved to ends the watch. `NONEXISTENT`.
   */
  watchAccount(accountId: number, listener: AccountListener): Promise<() => void>;

  // One mailbox

  /** Counters, at no cost that grows with the mailbox unless the options ask for more. `NONEXISTENT`. */
  readStatus(box: MailboxKey, options?: StatusOptions): Promise<MailboxStatus>;
  /**
   * Watches the mailbox and reads its counters, in one step: every commit after `status.modseq` is told, in order.
   * A commit that `status` already contains may be told too; its modseq is not above `status.highestModseq`.
   * The listener must be quick; after `close` it is not called and nothing of it stays reachable. `NONEXISTENT`.
   */
  open(box: MailboxKey, listener: MailboxListener): Promise<OpenMailbox>;
  /**
   * The states of all messages with a UID above `afterUid`, ascending, in slices of bounded size between which others
   * run. Each slice is as of its own instant, not before the call: whoever watches the mailbox brings it up to date with
   * the events that come meanwhile.
   */
  readStates(box: MailboxKey, afterUid: number): AsyncIterable<MessageStates>;
  /**
   * What changed after `since` and up to `until` (modseqs), ascending by modseq, in slices of bounded size between which
   * others run. A message that changes again meanwhile, past `until`, may be missing. `NONEXISTENT`. Rejects
   * with a {@link ChangesForgottenError} if some of the UIDs that were expunged since are not known any more, since a mailbox
   * remembers a bounded number of them; that may be found after some slices.
   */
  readChanges(box: MailboxKey, since: number, until: number): AsyncIterable<MailboxChanges>;
  /**
   * How many messages have a UID below each of these (ascending), all at one instant. Each costs a look at some hundred messages,
   * however many there are: for some UIDs, not for all of a mailbox. `NONEXISTENT`.
   */
  countBelow(box: MailboxKey, uids: Uint32Array): Promise<CountsBelow>;
  /**
   * The messages that no session has been told of yet become the caller's \Recent ones, and nobody else's
   * (RFC 3501, section 2.3.2). The result is a range of UIDs `[firstUid, nextUid)`, empty if they are equal. Kept in the
   * memory of the store and written with a later change, so that it costs no wait for the disk; a crash may make
   * messages \Recent again.
   */
  claimRecent(box: MailboxKey): Promise<{ readonly firstUid: number; readonly nextUid: number }>;

  // Messages

  /**
   * How often messages were imported into the mailbox, by the SHA-256 of their bytes; see {@link MessageProperties}. They count
   * also if they are gone, as long as the mailbox is there.
   */
  countImported(box: MailboxKey, digests: readonly Uint8Array[]): Promise<readonly number[]>;
  /** A draft takes the bytes of one message and is then added to a mailbox, or to several. */
  beginMessage(): MessageDraft;
  /**
   * Adds the messages of one or several drafts to the end of a mailbox, in their order, in one step: all or none. The drafts
   * are used up. `replaced` names a message that is expunged in the same step, whatever its flags (RFC 8508). `NONEXISTENT` (the
   * mailbox, or the message that is to be replaced), `OVERQUOTA`, `LIMIT`.
   */
  addMessages(
    box: MailboxKey,
    messages: readonly DraftedMessage[],
    replaced?: MessageKey,
  ): Promise<AddedMessages>;
  /**
   * Those of the UIDs (ascending) that exist, in order, in batches of bounded size, so that a mailbox of any size is
   * never in memory whole. `columns` says what is read beyond UID, size and body.
   */
  rows(
    box: MailboxKey,
    uids: Uint32Array,
    columns: ReadonlySet<MessageColumn>,
  ): AsyncIterable<MessageRows>;
  /**
   * Bytes `[start, end)` of a message's body in chunks of at most 64 KiB. Bodies of messages that are
   * expunged meanwhile stay readable for at least ten minutes. `NONEXISTENT`.
   */
  readBody(bodyId: number, start: number, end: number): AsyncIterable<Uint8Array>;
  /**
   * The whole bodies of messages, in their order, in groups of at most 64 KiB together, at less cost than by {@link readBody}.
   * Undefined for a larger one, and for one that cannot be read: `readBody` has it, or says why not.
   */
  readBodies(
    messages: Pick<MessageRows, 'bodyIds' | 'sizeBytes'>,
  ): AsyncIterable<readonly (Uint8Array | undefined)[]>;
  /**
   * Those of the candidates (UIDs, ascending) that match, ascending. The caller has turned sequence numbers and \Recent
   * into UIDs (no `sequence` or `recent` key is left).
   *
   * @param relevancies - told how well fuzzy keys are matched
   */
  search(
    box: MailboxKey,
    criteria: SearchKey,
    candidates: Uint32Array,
    relevancies?: Relevancies,
  ): Promise<Uint32Array>;
  /** All named messages that exist. Unknown UIDs are passed over. */
  storeFlags(box: MailboxKey, uids: Uint32Array, change: FlagChange): Promise<FlagChangeResult>;
  /**
   * Those of the messages that exist, to the end of the target, in order, flags and internal dates kept, in one step.
   * `NONEXISTENT` (source or target).
   */
  copyMessages(box: MailboxKey, uids: Uint32Array, target: MailboxKey): Promise<CopyResult>;
  /** Copies and expunges in one step, or in slices that each do both (RFC 6851). `NONEXISTENT`. */
  moveMessages(box: MailboxKey, uids: Uint32Array, target: MailboxKey): Promise<CopyResult>;
  /** Removes those of the UIDs (all of the mailbox if undefined) that have \Deleted. */
  expungeMessages(box: MailboxKey, uids: Uint32Array | undefined): Promise<ExpungeResult>;

  // The whole

  /** Reads everything and says what is wrong, one line each: empty for a sound store. */
  checkIntegrity(): Promise<readonly string[]>;
  /** Finishes what was begun, then closes. */
  close(): Promise<void>;
}

/** What a store can refuse; `code` is the response code of RFC 5530 where it has one. */
export type StoreErrorCode =
  | 'ALREADYEXISTS'
  | 'NONEXISTENT'
  | 'CANNOT'
  | 'HASCHILDREN'
  /** A mailbox cannot have that special use (RFC 6154, section 3). */
  | 'USEATTR'
  | 'LIMIT'
  /** There is no space: on the disk of the server, for one. */
  | 'OVERQUOTA'
  /** Nothing can be changed at present, or read: the disk is read-only, or fails. */
  | 'UNAVAILABLE'
  /** What is asked for is damaged. `cause` says where, for the log. */
  | 'CORRUPTION';

/** A call that the store refuses for a reason that the client may know. The text may go to it; `cause` may not. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, text: string, options?: { readonly cause: unknown }) {
    super(text, options);
    this.name = 'StoreError';
    this.code = code;
  }
}

/** A mailbox does not know any more all that was expunged: the caller has to compare what it knows with all states. */
export class ChangesForgottenError extends Error {
  override readonly name = 'ChangesForgottenError';

  constructor(since: number) {
    super(`What was expunged after modseq ${since} is not known any more`);
  }
}

/** Verifiers of a password; from neither can the password be read. */
export interface Credentials {
  /** PHC string, `$argon2id$v=19$m=…,t=…,p=…$salt$hash`. */
  readonly argon2id: string;
  /** `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`, base64 (RFC 5803). */
  readonly scramSha256: string;
}

/** Who logs in, and owns mailboxes. */
export interface Account {
  readonly id: number;
  readonly name: string;
  readonly credentials: Credentials;
}

/** What is in all mailboxes of an account, each copy of a message counted (RFC 9208, section 5). */
export interface AccountUsage {
  readonly messageCount: number;
  readonly sizeBytes: number;
}

/** What has metadata: a mailbox, or an account if there is no mailbox. */
export interface MetadataOwner {
  readonly accountId: number;
  readonly mailboxId: number | undefined;
}

/** @see RFC 5464, section 3 */
export interface MetadataEntry {
  /** `/private/comment` */
  readonly name: string;
  /** Of its value. */
  readonly sizeBytes: number;
}

/** Names a mailbox for good: its name may change, and another may get the name. */
export interface MailboxKey {
  readonly accountId: number;
  /** Never used again, also after the mailbox is deleted. */
  readonly mailboxId: number;
}

/** Names a message for good. */
export interface MessageKey {
  readonly box: MailboxKey;
  readonly uid: number;
}

/** A mailbox as a list of them tells it. */
export interface Mailbox extends MailboxKey {
  readonly name: string;
  /** False for a level that only holds children (\Noselect). */
  readonly isSelectable: boolean;
  readonly hasChildren: boolean;
  /** What it is for, each once; empty for most. Of the mailboxes of an account one at most is for each use. */
  readonly specialUses: readonly SpecialUse[];
}

/** A mailbox at the moment that it was made. */
export interface CreatedMailbox extends Mailbox {
  readonly uidValidity: number;
}

/** Counters of a mailbox at one instant. */
export interface MailboxStatus {
  readonly messageCount: number;
  readonly unseenCount: number;
  readonly deletedCount: number;
  /** Messages that no session has claimed. It may still count those that were claimed in the last few seconds. */
  readonly recentCount: number;
  readonly sizeBytes: number;
  readonly uidNext: number;
  readonly uidValidity: number;
  /** At least 1. */
  readonly highestModseq: number;
  /**
   * If it was asked for: false if the mailbox has as many keywords as it can have, all in use: keywords that it does not know are then left out of
   * what is added, stored or copied, and the rest is done (RFC 3501, section 7.1, PERMANENTFLAGS).
   */
  readonly canAddKeywords?: boolean;
  /** If it was asked for: the message sequence number of the first message without \Seen; absent if all have it. */
  readonly firstUnseenNumber?: number;
}

/** What {@link MailStore.countBelow} has counted. */
export interface CountsBelow {
  /** One for each of the UIDs. */
  readonly counts: Uint32Array;
  /** Of the mailbox at that instant. */
  readonly highestModseq: number;
}

/** What is read beside the counters. */
export interface StatusOptions {
  /** Asks for `firstUnseenNumber`, which costs a little for each of the messages before it. */
  readonly firstUnseen?: boolean;
  /** Asks for `canAddKeywords`, for which a mailbox that has once had as many keywords as it can have is looked through. */
  readonly keywordRoom?: boolean;
}

/** A mailbox that is watched. */
export interface OpenMailbox {
  readonly status: MailboxStatus;
  /** Keywords in use in the mailbox, in the order of their first use. */
  readonly keywords: readonly Flag[];
  /** Ends the watch. */
  close(): void;
}

/** What happened in an account. */
export type AccountEvent =
  | { readonly kind: 'created'; readonly mailbox: Mailbox }
  /** Children are told by events of their own, after their parent. */
  | {
      readonly kind: 'renamed';
      readonly mailboxId: number;
      readonly oldName: string;
      readonly name: string;
    }
  /** If a \\Noselect level is left of it, that is told as created. */
  | { readonly kind: 'deleted'; readonly mailboxId: number; readonly name: string }
  | { readonly kind: 'subscribed' | 'unsubscribed'; readonly name: string }
  | {
      /** Messages of the mailbox came, changed or went. */
      readonly kind: 'changed';
      readonly mailboxId: number;
      /** Of the change: one above that of the mailbox's event before. */
      readonly modseq: number;
      /** True if none came and none went: messages only got other flags. */
      readonly isFlagsOnly: boolean;
    }
  /** Entries of metadata were set or removed. */
  | MetadataChange
  /** The account has other credentials, or its first. */
  | { readonly kind: 'credentials' }
  /** The account is removed. The last event. */
  | { readonly kind: 'gone' };

/** What {@link MailStore.changeMetadata} has changed. */
export interface MetadataChange {
  readonly kind: 'metadata';
  /** Absent: the account's own. */
  readonly mailbox?: { readonly mailboxId: number; readonly name: string };
  /** Names of entries; at least one. */
  readonly entries: readonly string[];
  /** Who changed them, as the caller named itself. */
  readonly author: string;
}

/** Must be quick: others wait for it. */
export type AccountListener = (event: AccountEvent) => void;

/** What is to become of the flags of messages. */
export interface FlagChange {
  readonly mode: 'replace' | 'add' | 'remove';
  readonly flags: readonly Flag[];
  /** Messages with a larger modseq are left alone and reported as modified. */
  readonly unchangedSince?: number;
}

/** A change of many messages that may have been made in slices. */
export interface PartlyDone {
  /** Why the rest is not done; absent if all is. The other properties tell what is. */
  readonly failure?: Error;
}

/** What a change of flags has done. */
export interface FlagChangeResult extends PartlyDone {
  /** The modseq of the change, or of its last slice; undefined if no flag of any message changed. */
  readonly modseq: number | undefined;
  /** Those of the slices before the last, ascending; absent if there was one slice, or none. */
  readonly earlierModseqs?: readonly number[];
  /** UIDs of the messages whose flags changed, ascending. */
  readonly changedUids: Uint32Array;
  /** For each of these its modseq before the change, by which the caller knows what its client had been told. */
  readonly previousModseqs: Float64Array;
  /** UIDs of the messages that exist and passed `unchangedSince`, and whose flags were so already; ascending. */
  readonly unchangedUids: Uint32Array;
  /** UIDs that `unchangedSince` refused; ascending. */
  readonly modifiedUids: Uint32Array;
}

/** What was copied, or moved. */
export interface CopyResult extends PartlyDone {
  readonly targetUidValidity: number;
  /** UIDs of the originals that existed, ascending. */
  readonly sourceUids: Uint32Array;
  /** UIDs of the copies, in the same order. */
  readonly targetUids: Uint32Array;
  /** For a move: the modseq of the expunge in the source, or of its last slice. */
  readonly sourceModseq?: number;
  /** Of the copies, or of the last slice of a move. */
  readonly targetModseq: number;
}

/** What was removed. */
export interface ExpungeResult extends PartlyDone {
  /** Of the last slice. */
  readonly modseq: number;
  /** Ascending. */
  readonly uids: Uint32Array;
}

import { noUids } from '../../protocol/sorted-uids.ts';
import {
  StoreError,
  type MailboxKey,
  type MailboxStatus,
  type MailStore,
  type OpenMailbox,
  type StatusOptions,
} from '../../store/mail-store.ts';
import type { MailboxEvent } from '../../store/mailbox-changes.ts';
import { ExpungeLog, type ExpungeReader } from './expunge-log.ts';
import { FlagSets } from './flag-sets.ts';
import { DifferenceReader, type MailboxDifference } from './mailbox-difference.ts';
import { MailboxEvents, type ToldChange } from './mailbox-events.ts';
import { MessageColumns } from './message-columns.ts';
import { SortColumns } from './sorting/sort-columns.ts';

/**
 * What one commit changed. Steps are a chain: whoever lags walks from the last step that it has told to the newest, and
 * steps that everybody has told are collected.
 */
export interface FeedStep {
  readonly modseq: number;
  /** Messages that came or changed, ascending. */
  readonly changedUids: Uint32Array;
  /** UIDs in all steps of the feed up to this one, and some for each step: the difference of two is what lies between. */
  readonly uidTotal: number;
  /** Undefined in the newest step. */
  next: FeedStep | undefined;
}

/** What happens while a feed reads its messages. */
interface Reading {
  /** Events that came meanwhile, which are in the feed's steps and not in its messages. */
  events: ToldChange[];
  /** True if there was a change that no event told: what it changed is read again. */
  hasGap: boolean;
}

/** Whoever follows a feed. */
export interface FeedReader extends ExpungeReader {
  /** Called after each change, and when the mailbox is gone or can no longer be read. */
  onFeedChange(): void;
}

/** The feed can no longer follow its mailbox; the text is for the client. */
export class FeedEndedError extends Error {
  override readonly name = 'FeedEndedError';
}

const goneText = 'The selected mailbox has been deleted';

/** A feed without messages, its watch in the store, and its place among the others, about. */
const emptyBytes = 2048;

/** What a step costs beside its UIDs, as if they were so many. */
const stepUids = 128;

/**
 * The messages of one mailbox as they are now. All sessions of a thread that have the mailbox selected share it. It
 * advances by the store's events.
 *
 * At first it knows which messages change and go, and none of the messages themselves: that costs the same whatever is in the
 * mailbox, and is enough for a SELECT and for a client that idles. The messages are read by {@link load}, when somebody first
 * needs one.
 */
export class MailboxFeed {
  readonly box: MailboxKey;
  readonly #store: MailStore;
  readonly #readers = new Set<FeedReader>();
  readonly #flagSets = new FlagSets();
  /** None before {@link load}. */
  readonly #messages = new MessageColumns(this.#flagSets);
  readonly #differences: DifferenceReader;
  readonly #events = new MailboxEvents({
    take: (event) => this.#take(event),
    readMissed: (until) => this.#readMissed(until),
  });
  #isLoaded = false;
  #loading: Promise<void> | undefined;
  /** What happens while the messages are being read; undefined while they are not. */
  #reading: Reading | undefined;
  /** What has gone, for readers that have not told their clients yet. */
  readonly expungeLog = new ExpungeLog();
  /** What its messages are sorted by, as far as they have been. */
  readonly sortColumns: SortColumns;
  #uidNext = 1;
  #uidValidity = 0;
  #lastStep: FeedStep = {
    modseq: 0,
    changedUids: noUids,
    uidTotal: 0,
    next: undefined,
  };
  #opened: OpenMailbox | undefined;
  /** The last status that was read with the number of the first unseen message. */
  #firstUnseen: MailboxStatus | undefined;
  #ended: FeedEndedError | undefined;
  /** UIDs below it are some session's \Recent messages, or were. */
  #claimedUidNext = 0;

  private constructor(store: MailStore, box: MailboxKey) {
    this.#store = store;
    this.box = box;
    this.sortColumns = new SortColumns(store, box);
    this.#differences = new DifferenceReader(store, box, this.#messages);
  }

  /** Follows the mailbox from now on, without its messages. `NONEXISTENT`. */
  static async watch(store: MailStore, box: MailboxKey): Promise<MailboxFeed> {
    const feed = new MailboxFeed(store, box);
    const opened = await store.open(box, feed.#onEvent);
    const { status, keywords } = opened;
    feed.#opened = opened;
    feed.#uidNext = status.uidNext;
    feed.#uidValidity = status.uidValidity;
    feed.#flagSets.addKeywords(keywords);
    feed.#lastStep = { ...feed.#lastStep, modseq: status.highestModseq };
    feed.#events.begin(status.highestModseq);
    return feed;
  }

  /** As {@link watch}, with its messages. */
  static async open(store: MailStore, box: MailboxKey): Promise<MailboxFeed> {
    const feed = await MailboxFeed.watch(store, box);
    try {
      await feed.load();
    } catch (error) {
      feed.close();
      throw error;
    }
    return feed;
  }

  /** True if the messages are there. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /**
   * Reads the messages, in slices, unless they are there or the feed has ended. Rejects if the store fails; the next call tries
   * again.
   */
  async load(): Promise<void> {
    if (this.#isLoaded || this.#ended !== undefined) return;
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    await this.#loading;
  }

  /** UIDs of the messages, ascending; only the first {@link count} count, until the next change, and only the feed writes. */
  get uids(): Uint32Array {
    return this.#messages.uids;
  }

  get count(): number {
    return this.#messages.count;
  }

  /** Everything up to this modseq is in. */
  get modseq(): number {
    return this.#events.modseq;
  }

  /** One above the UIDs that have been told of. What is read is told once {@link isLoaded}, ahead of the events or not. */
  get uidNext(): number {
    return this.#isLoaded ? Math.max(this.#uidNext, this.#messages.lastUid + 1) : this.#uidNext;
  }

  get uidValidity(): number {
    return this.#uidValidity;
  }

  get flagSets(): FlagSets {
    return this.#flagSets;
  }

  /** The newest step. */
  get lastStep(): FeedStep {
    return this.#lastStep;
  }

  /** Bytes of the typed arrays and of the sets of flags. */
  get sizeBytes(): number {
    const parts = [this.#messages, this.expungeLog, this.#flagSets, this.sortColumns];
    return parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, emptyBytes);
  }

  get readerCount(): number {
    return this.#readers.size;
  }

  /** Why the feed has ended, once it has: the mailbox is gone, or the store failed. */
  get ended(): FeedEndedError | undefined {
    return this.#ended;
  }

  /** Adds a reader; the return value removes it. */
  follow(reader: FeedReader): () => void {
    this.#readers.add(reader);
    return () => void this.#readers.delete(reader);
  }

  /** Lets go of what has gone as far as all readers know it; called when a reader has told its client. */
  compactExpungeLog(): void {
    this.expungeLog.compact(this.#readers);
  }

  /** Stops following the mailbox. */
  close(): void {
    this.#opened?.close();
    this.#opened = undefined;
    this.#end(new FeedEndedError('The mailbox is closed'));
  }

  /**
   * The place of a UID in {@link uids}; -1 if there is no such message now.
   *
   * @param hint - where it may be, such as one past the place of the UID before it
   */
  indexOf(uid: number, hint = 0): number {
    return this.#messages.indexOf(uid, hint);
  }

  /** Modseqs of the messages, by place; as {@link uids}. */
  get modseqs(): Float64Array {
    return this.#messages.modseqs;
  }

  /** Numbers of their sets of flags, by place, for {@link flagSets}; good until the next change. */
  get flagSetNumbers(): Uint32Array {
    return this.#messages.flags;
  }

  modseqAt(index: number): number {
    return this.#messages.modseqs[index] as number;
  }

  /** Number of the set of flags, for {@link flagSets}; good until the next change. */
  flagSetNumberAt(index: number): number {
    return this.#messages.flags[index] as number;
  }

  /** Settles once everything up to the modseq is in, or the feed has ended. */
  async reach(modseq: number | undefined): Promise<void> {
    if (modseq !== undefined && this.#ended === undefined) await this.#events.reach(modseq);
  }

  /**
   * Settles once everything is in that has been answered to anybody, in other threads too: the events of it may still be on
   * their way. Resolves to the status of the mailbox that was read for it; undefined if it could not be read.
   */
  async refresh(options?: StatusOptions): Promise<MailboxStatus | undefined> {
    if (this.#ended !== undefined) return undefined;
    try {
      const status = await this.#store.readStatus(this.box, options);
      await this.reach(status.highestModseq);
      return status;
    } catch (error) {
      // If the store only cannot be read, events come all the same.
      if (isMissing(error)) this.#fail(error);
      return undefined;
    }
  }

  /**
   * As {@link refresh}, with the number of the first message without \Seen if there are at most so many messages. Before they
   * are there it is asked of the store, once for each change of the mailbox.
   */
  async refreshForSelect(maxMessages: number): Promise<MailboxStatus | undefined> {
    const status = await this.refresh({ keywordRoom: true });
    if (this.#isLoaded || status === undefined) return status;
    if (status.unseenCount === 0 || status.messageCount > maxMessages) return status;
    const { highestModseq } = status;
    if (this.#firstUnseen?.highestModseq !== highestModseq) {
      this.#firstUnseen = await this.refresh({ firstUnseen: true });
      return this.#firstUnseen && { ...status, ...this.#firstUnseen };
    }
    const { firstUnseenNumber } = this.#firstUnseen;
    return { ...status, ...(firstUnseenNumber !== undefined && { firstUnseenNumber }) };
  }

  /**
   * Claims the messages that no session was told of as the caller's \Recent ones: the range `[firstUid, nextUid)`,
   * undefined if there are none. A store that fails costs the client \Recent and nothing else.
   */
  async claimRecent(): Promise<readonly [firstUid: number, nextUid: number] | undefined> {
    const { uidNext } = this;
    const claimed = this.#claimedUidNext;
    if (claimed >= uidNext) return undefined;
    this.#claimedUidNext = uidNext;
    try {
      const { firstUid, nextUid } = await this.#store.claimRecent(this.box);
      return nextUid > firstUid ? [firstUid, nextUid] : undefined;
    } catch {
      // Whoever comes next may try again.
      this.#claimedUidNext = claimed;
      return undefined;
    }
  }

  async #load(): Promise<void> {
    const reading: Reading = { events: [], hasGap: false };
    this.#reading = reading;
    try {
      const { messageCount } = await this.#store.readStatus(this.box);
      // For the usual case at once, so that the arrays need not grow slice by slice.
      this.#messages.reserve(messageCount);
      // Ends unless changes too large to be told come faster than they can be read.
      let since = 0;
      do {
        reading.hasGap = false;
        reading.events = [];
        const until = this.modseq;
        const { expungedUids } = await this.#differences.bring(since, until);
        this.#messages.remove(expungedUids);
        since = until;
        // What has been read may be ahead of the events: an EXPUNGE that came later would find nothing to log.
        const { highestModseq } = await this.#store.readStatus(this.box);
        await this.reach(highestModseq);
        // What events wait for is being read without the messages.
      } while ((reading.hasGap || this.#events.isReading) && this.#ended === undefined);
    } catch (error) {
      this.#messages.clear();
      this.#reading = undefined;
      if (!isMissing(error)) throw error;
      return this.#fail(error);
    }
    this.#reading = undefined;
    if (this.#ended !== undefined) return;
    for (const { messages, expungedUids } of reading.events) {
      this.#messages.update(messages);
      this.#messages.append(messages);
      this.#messages.remove(expungedUids);
    }
    this.#isLoaded = true;
  }

  readonly #onEvent = (event: MailboxEvent): void => {
    if (this.#ended !== undefined) return;
    if (event.kind === 'gone') this.#end(new FeedEndedError(goneText));
    else this.#events.add(event);
  };

  #take(event: ToldChange): void {
    const { modseq, messages, expungedUids } = event;
    // Also before the messages are there: their keywords become known.
    this.#messages.update(messages);
    if (this.#isLoaded) this.#messages.append(messages);
    this.#reading?.events.push(event);
    this.#advance(modseq, { changedUids: messages.uids, expungedUids });
  }

  async #readMissed(until: number): Promise<void> {
    let difference: MailboxDifference;
    try {
      difference = this.#isLoaded
        ? await this.#differences.bring(this.modseq, until)
        : await this.#differences.list(this.modseq, until);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (this.#reading !== undefined) this.#reading.hasGap = true;
    this.#advance(until, difference);
  }

  /** A step is in: tells the readers. */
  #advance(modseq: number, { changedUids, expungedUids }: MailboxDifference): void {
    this.expungeLog.add(this.#isLoaded ? this.#messages.remove(expungedUids) : expungedUids);
    this.compactExpungeLog();
    const lastUid = Math.max(changedUids.at(-1) ?? 0, expungedUids.at(-1) ?? 0);
    this.#uidNext = Math.max(this.uidNext, lastUid + 1);
    const uidTotal = this.#lastStep.uidTotal + changedUids.length + stepUids;
    const step = { modseq, changedUids, uidTotal, next: undefined };
    this.#lastStep.next = step;
    this.#lastStep = step;
    if (this.#isLoaded) this.#flagSets.forgetKeywords();
    this.#events.reached(modseq);
    for (const reader of this.#readers) reader.onFeedChange();
  }

  /** The store cannot say what has changed. */
  #fail(error: unknown): void {
    const text = isMissing(error) ? goneText : 'The selected mailbox cannot be read';
    this.#end(new FeedEndedError(text, { cause: error }));
  }

  #end(error: FeedEndedError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#events.end();
    for (const reader of this.#readers) reader.onFeedChange();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof StoreError && error.code === 'NONEXISTENT';
}

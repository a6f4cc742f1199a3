import { mergeUids, noUids } from '../../protocol/sorted-uids.ts';
import {
  ChangesForgottenError,
  StoreError,
  type MailboxEvent,
  type MailboxKey,
  type MailboxStatus,
  type MailStore,
  type MessageStates,
  type OpenMailbox,
  type StatusOptions,
} from '../../store/mail-store.ts';
import { ExpungeLog, type ExpungeReader } from './expunge-log.ts';
import { FlagSets } from './flag-sets.ts';
import { MessageColumns } from './message-columns.ts';

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

/** An event after which there still is a mailbox. */
type FeedEvent = Exclude<MailboxEvent, { readonly kind: 'gone' }>;

type ChangedEvent = Extract<MailboxEvent, { readonly kind: 'changed' }>;

/** What happens while a feed reads its messages. */
interface Reading {
  /** Events that came meanwhile, which are in the feed's steps and not in its messages. */
  events: ChangedEvent[];
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
  #isLoaded = false;
  #loading: Promise<void> | undefined;
  /** What happens while the messages are being read; undefined while they are not. */
  #reading: Reading | undefined;
  /** What has gone, for readers that have not told their clients yet. */
  readonly expungeLog = new ExpungeLog();
  #modseq = 0;
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
  /** Events that wait while the feed reads from the store; undefined while it does not. */
  #waiting: FeedEvent[] | undefined;
  /** Those who wait until the feed has reached a modseq. */
  #arrivals: { readonly modseq: number; readonly settle: () => void }[] = [];
  #ended: FeedEndedError | undefined;
  /** UIDs below it are some session's \Recent messages, or were. */
  #claimedUidNext = 0;

  private constructor(store: MailStore, box: MailboxKey) {
    this.#store = store;
    this.box = box;
  }

  /** Follows the mailbox from now on, without its messages. `NONEXISTENT`. */
  static async watch(store: MailStore, box: MailboxKey): Promise<MailboxFeed> {
    const feed = new MailboxFeed(store, box);
    feed.#waiting = [];
    const opened = await store.open(box, feed.#onEvent);
    const { status, keywords } = opened;
    feed.#opened = opened;
    feed.#modseq = status.highestModseq;
    feed.#uidNext = status.uidNext;
    feed.#uidValidity = status.uidValidity;
    feed.#flagSets.addKeywords(keywords);
    feed.#lastStep = { ...feed.#lastStep, modseq: status.highestModseq };
    feed.#takeWaiting();
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
    return this.#modseq;
  }

  get uidNext(): number {
    return this.#uidNext;
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
    return (
      emptyBytes + this.#messages.sizeBytes + this.expungeLog.sizeBytes + this.#flagSets.sizeBytes
    );
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
    if (modseq === undefined || modseq <= this.#modseq || this.#ended !== undefined) return;
    await new Promise<void>((resolve) => this.#arrivals.push({ modseq, settle: resolve }));
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
    const status = await this.refresh();
    if (this.#isLoaded || status === undefined) return status;
    if (status.unseenCount === 0 || status.messageCount > maxMessages) return status;
    const { highestModseq } = status;
    if (this.#firstUnseen?.highestModseq !== highestModseq) {
      this.#firstUnseen = await this.refresh({ firstUnseen: true });
      return this.#firstUnseen;
    }
    const { firstUnseenNumber } = this.#firstUnseen;
    return { ...status, ...(firstUnseenNumber !== undefined && { firstUnseenNumber }) };
  }

  /**
   * Claims the messages that no session was told of as the caller's \Recent ones: the range `[firstUid, nextUid)`,
   * undefined if there are none. A store that fails costs the client \Recent and nothing else.
   */
  async claimRecent(): Promise<readonly [firstUid: number, nextUid: number] | undefined> {
    const claimed = this.#claimedUidNext;
    if (claimed >= this.#uidNext) return undefined;
    this.#claimedUidNext = this.#uidNext;
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
        const until = this.#modseq;
        await this.#readSince(since, until);
        since = until;
        // What has been read may be ahead of the events: an EXPUNGE that came later would find nothing to log.
        const { highestModseq } = await this.#store.readStatus(this.box);
        await this.reach(highestModseq);
      } while (reading.hasGap && this.#ended === undefined);
    } catch (error) {
      this.#messages.clear();
      this.#reading = undefined;
      if (!isMissing(error)) throw error;
      return this.#fail(error);
    }
    this.#reading = undefined;
    if (this.#ended !== undefined) return;
    for (const { messages, expungedUids } of reading.events) {
      this.#update(messages);
      this.#messages.remove(expungedUids);
    }
    this.#isLoaded = true;
  }

  /** Brings the messages up to a modseq, 0 for none: what is known by its changes, what is new by its UIDs. */
  async #readSince(since: number, until: number): Promise<void> {
    const { lastUid } = this.#messages;
    try {
      if (since > 0) {
        for await (const slice of this.#store.readChanges(this.box, since, until)) {
          this.#update(slice.messages, lastUid);
          this.#messages.remove(slice.expungedUids.toSorted());
        }
      }
    } catch (error) {
      if (!(error instanceof ChangesForgottenError)) throw error;
      this.#messages.clear();
    }
    for await (const slice of this.#store.readStates(this.box, this.#messages.lastUid)) {
      this.#append(slice);
    }
  }

  readonly #onEvent = (event: MailboxEvent): void => {
    if (this.#ended !== undefined) return;
    if (event.kind === 'gone') this.#end(new FeedEndedError(goneText));
    else if (this.#waiting !== undefined) this.#waiting.push(event);
    else this.#take([event]);
  };

  /**
   * Brings events in, in their order. What they do not tell is read, up to the last of them in one go: it may be the whole
   * mailbox.
   */
  #take(events: readonly FeedEvent[]): void {
    const until = events.at(-1)?.modseq ?? 0;
    for (const event of events) {
      if (event.modseq <= this.#modseq) continue;
      if (event.kind === 'changed-much' || event.modseq !== this.#modseq + 1) {
        void this.#catchUp(until);
        return;
      }
      if (this.#isLoaded) this.#update(event.messages);
      else this.#noteUnread(event);
      this.#advance(event.modseq, event.messages.uids, event.expungedUids);
    }
  }

  #takeWaiting(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    this.#take(waiting);
  }

  /**
   * Reads what was not told by events, in slices; events that come meanwhile wait. What is known is brought up to date first.
   * Messages that are new are read by their UIDs, not as changes: one that changes again meanwhile is no change up to `until`
   * any more, and would never be known.
   */
  async #catchUp(until: number): Promise<void> {
    this.#waiting = [];
    if (!this.#isLoaded) return this.#skipTo(until);
    const changed: Uint32Array[] = [];
    const expunged: Uint32Array[] = [];
    const { lastUid } = this.#messages;
    try {
      for await (const slice of this.#store.readChanges(this.box, this.#modseq, until)) {
        this.#update(slice.messages, lastUid);
        changed.push(slice.messages.uids.filter((uid) => uid <= lastUid).toSorted());
        expunged.push(slice.expungedUids.toSorted());
      }
      for await (const slice of this.#store.readStates(this.box, lastUid)) {
        this.#append(slice);
        changed.push(slice.uids);
      }
    } catch (error) {
      if (error instanceof ChangesForgottenError) await this.#readAnew(until);
      else this.#fail(error);
      return;
    }
    this.#advance(until, mergeUids(changed), mergeUids(expunged));
    this.#takeWaiting();
  }

  /** As {@link #catchUp}, before the messages are there: only which ones have changed and gone. */
  async #skipTo(until: number): Promise<void> {
    const changed: Uint32Array[] = [];
    const expunged: Uint32Array[] = [];
    try {
      for await (const slice of this.#store.readChanges(this.box, this.#modseq, until)) {
        this.#addKeywords(slice.messages);
        changed.push(slice.messages.uids.toSorted());
        expunged.push(slice.expungedUids.toSorted());
      }
    } catch (error) {
      return this.#fail(error);
    }
    if (this.#reading !== undefined) this.#reading.hasGap = true;
    this.#advance(until, mergeUids(changed), mergeUids(expunged));
    this.#takeWaiting();
  }

  /** An event before the messages are there. */
  #noteUnread(event: ChangedEvent): void {
    this.#addKeywords(event.messages);
    this.#reading?.events.push(event);
  }

  #addKeywords({ flagSets }: MessageStates): void {
    for (const set of flagSets) this.#flagSets.addKeywords(set);
  }

  /** As {@link #catchUp}, if the store does not know any more what has gone: compares all messages with those that are known. */
  async #readAnew(until: number): Promise<void> {
    const known = this.#messages.uids.slice(0, this.count);
    const isThere = new Uint8Array(known.length);
    const changed: Uint32Array[] = [];
    let place = 0;
    try {
      for await (const slice of this.#store.readStates(this.box, 0)) {
        this.#update(slice);
        changed.push(slice.uids.filter((_, index) => slice.modseqs[index]! > this.#modseq));
        for (const uid of slice.uids) {
          while (place < known.length && known[place]! < uid) place += 1;
          if (known[place] === uid) isThere[place] = 1;
        }
      }
    } catch (error) {
      this.#fail(error);
      return;
    }
    const gone = known.filter((_, index) => isThere[index] === 0);
    this.#advance(until, mergeUids(changed), gone);
    this.#takeWaiting();
  }

  /** Brings states in. New messages are appended, unless their UIDs are above `maxUid`. */
  #update({ uids, modseqs, flags, flagSets }: MessageStates, maxUid = Infinity): void {
    const numbers = flagSets.map((set) => this.#flagSets.numberOf(set));
    const { lastUid } = this.#messages;
    let index = -1;
    for (const [place, uid] of uids.entries()) {
      if (uid > maxUid) continue;
      const modseq = modseqs[place] as number;
      const state = { modseq, flags: numbers[flags[place] as number] as number };
      if (uid > lastUid) {
        this.#messages.push(uid, state);
        continue;
      }
      const found = this.indexOf(uid, index + 1);
      if (found === -1) continue;
      index = found;
      // What was read may be newer than the event.
      if (modseq >= this.modseqAt(index)) this.#messages.set(index, state);
    }
    this.#flagSets.forgetUnused();
  }

  /** A step is in: tells the readers. */
  #advance(modseq: number, changedUids: Uint32Array, expungedUids: Uint32Array): void {
    this.expungeLog.add(this.#isLoaded ? this.#messages.remove(expungedUids) : expungedUids);
    this.compactExpungeLog();
    this.#modseq = modseq;
    const lastUid = Math.max(
      this.#messages.lastUid,
      changedUids.at(-1) ?? 0,
      expungedUids.at(-1) ?? 0,
    );
    this.#uidNext = Math.max(this.#uidNext, lastUid + 1);
    const uidTotal = this.#lastStep.uidTotal + changedUids.length + stepUids;
    const step = { modseq, changedUids, uidTotal, next: undefined };
    this.#lastStep.next = step;
    this.#lastStep = step;
    this.#flagSets.forgetUnused();
    if (this.#isLoaded) this.#flagSets.forgetKeywords();
    this.#settleArrivals(({ modseq: wanted }) => wanted <= modseq);
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
    this.#waiting = undefined;
    this.#settleArrivals(() => true);
    for (const reader of this.#readers) reader.onFeedChange();
  }

  #settleArrivals(isDue: (arrival: { readonly modseq: number }) => boolean): void {
    if (this.#arrivals.length === 0) return;
    const due = this.#arrivals.filter(isDue);
    this.#arrivals = this.#arrivals.filter((arrival) => !isDue(arrival));
    for (const { settle } of due) settle();
  }

  #append(states: MessageStates): void {
    this.#messages.append(states);
    this.#flagSets.forgetUnused();
    this.#uidNext = Math.max(this.#uidNext, this.#messages.lastUid + 1);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof StoreError && error.code === 'NONEXISTENT';
}

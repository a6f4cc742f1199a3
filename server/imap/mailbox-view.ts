import type { EnabledExtension } from '../../protocol/capability.ts';
import { encodeFlagList, type WireText } from '../../protocol/wire-text.ts';
import { type Flag, systemFlags } from '../../protocol/flag.ts';
import { lowerBound, type SequenceSet } from '../../protocol/sequence-set.ts';
import {
  intersectUids,
  mergedBetween,
  mergeUids,
  noUids,
  withoutUids,
} from '../../protocol/sorted-uids.ts';
import type { MailboxKey } from '../../store/mail-store.ts';
import { Turn } from '../../store/turns.ts';
import type { ResultUpdates } from './contexts/result-updates.ts';
import type { FeedReader, MailboxFeed } from './mailbox-feed.ts';
import { RecentMessages } from './recent-messages.ts';
import { ByeError, type Responses } from './responses.ts';
import { ToldFlags } from './told-flags.ts';
import { rangesOf, writeExpunged, writeVanished } from './vanished.ts';
import { allEvents, type FlagsLine, type PollOptions, type WantedEvents } from './wanted-events.ts';

/**
 * What one client has been told of the mailbox that it has selected: which messages, under which numbers, and up to which
 * modseq. {@link poll} tells the rest. Its messages are those of the feed that the client has been told of, and those that
 * it has not been told are gone; of these the view keeps the UIDs, no others.
 */
export class MailboxView implements FeedReader {
  readonly box: MailboxKey;
  readonly isReadOnly: boolean;
  /** What the client has turned on; it may grow. */
  enabled: ReadonlySet<EnabledExtension> = new Set();
  /** Called after each change in the mailbox, whoever made it. */
  onNews: (() => void) | undefined;
  /** Absent: no search goes on. */
  updates: ResultUpdates | undefined;
  /** What the client is told of. */
  wanted: WantedEvents = allEvents;
  readonly feed: MailboxFeed;
  #savedUids: Uint32Array = noUids;
  readonly #recent = new RecentMessages();
  readonly #unfollow: () => void;
  /** How many messages the client has been told of before the feed has them. */
  readonly #toldCount: number;
  #uidNext: number;
  /** What stands before it in the log of EXPUNGE is told, or in {@link #untold}. */
  expungePlace: number;
  /** UIDs of messages that are gone and that the client still counts, ascending. */
  #untold: Uint32Array = noUids;
  /** Those of them that it has expunged itself and is to be told of, if it wants to hear of no others. */
  #ownGone: Uint32Array = noUids;
  readonly #toldFlags: ToldFlags;
  /** All up to it has been told, with what is gone. */
  #settledModseq: number;
  /** True while the client was told of flags behind something that is gone, and not of that. */
  #isHeldBack = false;
  #keywordVersion: number;

  /**
   * A view of the feed as it is now.
   *
   * @param messageCount - of the mailbox now, for a feed without messages; the view knows no more of them until {@link load}
   */
  constructor(feed: MailboxFeed, isReadOnly: boolean, messageCount = 0) {
    this.feed = feed;
    this.#toldCount = messageCount;
    this.box = feed.box;
    this.isReadOnly = isReadOnly;
    this.#uidNext = feed.uidNext;
    this.#toldFlags = new ToldFlags(feed);
    this.#settledModseq = feed.modseq;
    this.expungePlace = feed.expungeLog.end;
    this.#keywordVersion = feed.flagSets.keywordVersion;
    this.#unfollow = feed.follow(this);
  }

  /**
   * Gets the messages, before every command that may need one. Rejects if the store fails, and with a ByeError if the feed has
   * ended before it had them: none at all would be a wrong answer.
   */
  async load(): Promise<void> {
    const { feed } = this;
    await feed.load();
    if (!feed.isLoaded && feed.ended !== undefined) throw new ByeError(feed.ended.message);
  }

  /** Stops following the mailbox. */
  close(): void {
    this.onNews = undefined;
    this.updates?.close();
    this.#unfollow();
  }

  /** Messages that the client knows of. */
  get count(): number {
    return this.feed.isLoaded ? this.#countBelow(this.#uidNext) : this.#toldCount;
  }

  /** Their UIDs, ascending. They do not change while a command runs, only by {@link poll}. Costs as much as they are. */
  get uids(): Uint32Array {
    return this.uidsBetween(0, this.count);
  }

  /** The highest of them; 0 if there is none. */
  get lastUid(): number {
    const { count } = this;
    return count === 0 ? 0 : (this.uidsBetween(count - 1, count)[0] as number);
  }

  /**
   * UIDs, ascending, of the messages with the numbers from `start + 1` up to `end`; good until something is awaited, and
   * not to be written to.
   */
  uidsBetween(start: number, end: number): Uint32Array {
    const { feed } = this;
    const gone = this.#findGone();
    if (gone.length === 0) return feed.uids.subarray(start, end);
    return mergedBetween(feed.uids.subarray(0, this.#feedCount), gone, start, end);
  }

  /** True if a message has the same place here and in the feed. */
  get isShared(): boolean {
    return this.#findGone().length === 0;
  }

  /** UIDs from here on the client has not been told of. */
  get uidNext(): number {
    return this.#uidNext;
  }

  /** Flags up to this modseq have been told. */
  get toldModseq(): number {
    return this.#toldFlags.modseq;
  }

  /**
   * What the client may keep as the highest modseq for its next SELECT: all up to it has been told. Below {@link toldModseq} while
   * the client still counts messages that are gone.
   *
   * @see RFC 7162, section 3.2
   */
  get settledModseq(): number {
    return this.#settledModseq;
  }

  get recentCount(): number {
    return this.#recent.count;
  }

  /** True for a message that is \Recent for the client; to one of IMAP4rev2 none is. */
  isRecent(uid: number): boolean {
    return !this.enabled.has('IMAP4rev2') && this.#recent.has(uid);
  }

  /** True if there may be something that the client has not been told, and is to be. */
  get hasNews(): boolean {
    return this.hasNewsFor({ expunge: true });
  }

  /** As {@link hasNews}, for a poll with these options. */
  hasNewsFor({ expunge }: Pick<PollOptions, 'expunge'>): boolean {
    const { feed, wanted } = this;
    if (feed.ended !== undefined || this.updates?.hasNews === true) return true;
    if (wanted.flags && this.#toldFlags.isBehind) return true;
    if (wanted.messages && feed.uidNext !== this.#uidNext) return true;
    if (!expunge || (!wanted.messages && this.#ownGone.length === 0)) return false;
    return this.#untold.length > 0 || this.expungePlace !== feed.expungeLog.end;
  }

  /**
   * The message sequence number of a UID; undefined if the client knows of no such message.
   *
   * @param hint - a number that it may have, such as the one after the number before it
   */
  numberOf(uid: number, hint = 1): number | undefined {
    if (uid >= this.#uidNext) return undefined;
    const { feed } = this;
    const gone = this.#findGone();
    const goneBelow = lowerBound(gone, gone.length, uid);
    const index = feed.indexOf(uid, Math.max(0, hint - 1 - goneBelow));
    if (index !== -1) return index + goneBelow + 1;
    return gone[goneBelow] === uid ? this.#countBelow(uid) + 1 : undefined;
  }

  readonly #numberOf = (uid: number, hint: number): number | undefined => this.numberOf(uid, hint);

  /** UIDs, ascending, of the messages that the client has had saved and that it still knows of. @see RFC 5182 */
  get savedUids(): Uint32Array {
    this.#savedUids = intersectUids(this.#savedUids, this.uids);
    return this.#savedUids;
  }

  /** @param uids - ascending; the view keeps them */
  set savedUids(uids: Uint32Array) {
    this.#savedUids = uids;
  }

  /** UIDs of the messages that are \Recent for the client, and of some that it does not know of. */
  get recentRanges(): SequenceSet {
    return this.#recent.ranges;
  }

  /** The flags of a message as FETCH tells them, \Recent among them, by its place in the feed. */
  flagList(index: number): WireText {
    const { feed } = this;
    const isRecent = this.isRecent(feed.uids[index] as number);
    return feed.flagSets.listOf(feed.flagSetNumberAt(index), isRecent);
  }

  /** The same of flags that the feed does not have. */
  encodeFlags(uid: number, flags: readonly Flag[]): WireText {
    return encodeFlagList(this.isRecent(uid) ? ['\\Recent', ...flags] : flags);
  }

  /** All flags that are defined in the mailbox, as a list. */
  knownFlags(...more: readonly Flag[]): WireText {
    return encodeFlagList([...systemFlags, ...this.feed.flagSets.keywords, ...more]);
  }

  /** Sends a new FLAGS response if there are keywords that the client has not heard of, before they come in a FETCH. */
  tellKeywords(out: Responses): void {
    const { keywordVersion } = this.feed.flagSets;
    if (keywordVersion === this.#keywordVersion) return;
    this.#keywordVersion = keywordVersion;
    out.begin().atom('FLAGS').wire(this.knownFlags()).end();
  }

  /** The modseq is that of a change by this session, and everything that it changed has been told by the command itself. */
  noteOwnChange(modseq: number): void {
    if (this.wanted.flags) this.#toldFlags.noteOwnChange(modseq);
  }

  /** The messages are gone since the client has asked for it: it is told, whatever it wants. @param uids - ascending */
  noteOwnExpunge(uids: Uint32Array): void {
    if (!this.wanted.messages) this.#ownGone = mergeUids([this.#ownGone, uids]);
  }

  /** True if the client has been told of a message's flags as of this modseq. */
  wasTold(modseq: number): boolean {
    return this.#toldFlags.has(modseq);
  }

  /**
   * The client claims messages `[firstUid, nextUid)` as its \Recent ones.
   *
   * @param count - how many they are, for a feed without messages
   */
  addRecent(firstUid: number, nextUid: number, count?: number): void {
    const countBelow = (uid: number): number => (uid === nextUid ? count! : 0);
    this.#recent.add(firstUid, nextUid, count === undefined ? this.#countBelow : countBelow);
  }

  /** For a read-only session, which sees what is \Recent and leaves it to others: the last so many messages. */
  showRecent(count: number): void {
    const total = this.count;
    const [firstUid] = this.uidsBetween(Math.max(0, total - count), total);
    if (firstUid !== undefined) this.addRecent(firstUid, this.#uidNext);
  }

  /**
   * Tells the client what has changed: EXPUNGE if that is allowed, EXISTS and RECENT, flags. Waits for a client that does not
   * keep up, and lets others run. Throws ByeError if the mailbox is gone.
   */
  async poll(out: Responses, options: PollOptions): Promise<void> {
    const { wanted } = this;
    if (!wanted.flags) this.#toldFlags.fallBehind();
    if (!this.hasNews) return;
    await this.load();
    const { ended } = this.feed;
    if (ended !== undefined) throw new ByeError(ended.message);
    const { expunge, hasModseq, hasVanished = false } = options;
    if (expunge) await this.#tellGone(out, hasVanished);
    else await this.updates?.tellGone(out, this.#findGone());
    const newFromUid = this.#uidNext;
    const arrived = wanted.messages ? await this.#tellArrived(out) : noUids;
    if (wanted.flags) await this.#tellFlags(out, newFromUid, hasModseq);
    await this.updates?.tellChanged(out);
    if (arrived.length > 0) await wanted.tellNew?.(arrived);
    this.#settle(out, hasVanished && hasModseq);
  }

  /**
   * A client that comes back with the highest modseq that it was told must not miss what is gone and was held back. It is told
   * what it may keep then, and once it has been told all.
   */
  #settle(out: Responses, isTold: boolean): void {
    const wasHeldBack = this.#isHeldBack;
    this.#isHeldBack = this.#findGone().length > 0;
    if (!this.#isHeldBack) this.#settledModseq = this.toldModseq;
    if (!isTold || !(wasHeldBack || this.#isHeldBack)) return;
    out.status('*', 'OK', 'Highest', `HIGHESTMODSEQ ${this.#settledModseq}`);
  }

  onFeedChange(): void {
    this.#toldFlags.letGo();
    this.updates?.letGo();
    this.onNews?.();
  }

  /** Messages in the feed that the client has been told of. */
  get #feedCount(): number {
    const { feed } = this;
    if (feed.uidNext === this.#uidNext) return feed.count;
    return lowerBound(feed.uids, feed.count, this.#uidNext);
  }

  /** Messages that the client knows of with UIDs below one. */
  readonly #countBelow = (uid: number): number => {
    const { uids } = this.feed;
    const gone = this.#findGone();
    const count = this.#feedCount;
    if (uid >= this.#uidNext) return count + gone.length;
    return lowerBound(uids, count, uid) + lowerBound(gone, gone.length, uid);
  };

  /** UIDs of messages that the client counts and that are gone by now, ascending. Replaced, never written to. */
  #findGone(): Uint32Array {
    const { expungeLog } = this.feed;
    if (this.expungePlace === expungeLog.end) return this.#untold;
    const uids = expungeLog.since(this.expungePlace);
    // Those above have come and gone without the client having heard of them.
    const known = uids.subarray(0, lowerBound(uids, uids.length, this.#uidNext));
    this.#untold = mergeUids([this.#untold, known]);
    this.expungePlace = expungeLog.end;
    return this.#untold;
  }

  async #tellGone(out: Responses, hasVanished: boolean): Promise<void> {
    for (;;) {
      const all = this.#findGone();
      const gone = this.wanted.messages ? all : intersectUids(all, this.#ownGone);
      this.#ownGone = noUids;
      if (gone.length === 0) return this.feed.compactExpungeLog();
      await this.updates?.tellGone(out, gone);
      const turn = new Turn(out);
      if (hasVanished) await writeVanished(out, rangesOf(gone), { isEarlier: false, turn });
      else await writeExpunged(out, gone, { numberOf: this.#numberOf, turn });
      for (const uid of gone) this.#recent.remove(uid);
      // More may have gone while we waited for the client.
      this.#untold = withoutUids(this.#findGone(), gone);
    }
  }

  /** Resolves to the UIDs of the messages, if the client wants to be told more of them. */
  async #tellArrived(out: Responses): Promise<Uint32Array> {
    if (this.feed.uidNext === this.#uidNext) return noUids;
    const claimed = this.isReadOnly ? undefined : await this.feed.claimRecent();
    // Before the client is told: of those that have not been told by now, what is gone came and went.
    this.#findGone();
    const before = this.#feedCount;
    this.#uidNext = this.feed.uidNext;
    const arrived = this.feed.uids.subarray(before, this.feed.count);
    this.#recent.arrive(arrived);
    if (claimed !== undefined) this.addRecent(...claimed);
    if (arrived.length === 0) return noUids;
    out.begin().number(this.count).atom('EXISTS').end();
    // What is in the feed may be gone when the client is told more.
    const told = this.wanted.tellNew === undefined ? noUids : arrived.slice();
    if (!this.enabled.has('IMAP4rev2')) {
      out.begin().number(this.#recent.count).atom('RECENT').end();
    }
    return told;
  }

  /** @param newFromUid - messages from here on the client has just been told of, and asks for their flags */
  async #tellFlags(out: Responses, newFromUid: number, hasModseq: boolean): Promise<void> {
    const { lastStep } = this.feed;
    const told = { uid: !this.enabled.has('UIDONLY'), flags: true, modseq: hasModseq };
    const turn = new Turn(out);
    let [number, index] = [0, -1];
    for (const uid of this.#toldFlags.untold()) {
      if (turn.look()) await turn.next();
      if (uid >= newFromUid) break;
      const found = this.feed.indexOf(uid, index + 1);
      const foundNumber = this.numberOf(uid, number + 1);
      if (found === -1 || foundNumber === undefined) continue;
      [number, index] = [foundNumber, found];
      if (this.#toldFlags.has(this.feed.modseqAt(index))) continue;
      this.writeFlags(out, { number, index, ...told });
      turn.wrote();
    }
    this.#toldFlags.advance(lastStep);
  }

  /** Writes `* n FETCH (…)` of a message with what is asked for of UID, flags and modseq. */
  writeFlags(out: Responses, line: FlagsLine): void {
    const { feed } = this;
    const uid = feed.uids[line.index] as number;
    if (line.flags) this.tellKeywords(out);
    out.fetchFlags(
      line.number,
      uid,
      line.uid,
      line.flags ? this.flagList(line.index) : undefined,
      line.modseq ? feed.modseqAt(line.index) : undefined,
    );
  }
}

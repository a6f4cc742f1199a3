import { encodeFlagList, type WireText } from '../../protocol/encoder.ts';
import { type Flag, systemFlags } from '../../protocol/flag.ts';
import {
  lowerBound,
  selectFromSorted,
  selectSequenceNumbers,
  type SequenceSet,
} from '../../protocol/sequence-set.ts';
import { indexOfUid, mergeUids, noUids, withoutUids } from '../../protocol/sorted-uids.ts';
import type { MailboxKey } from '../../store/mail-store.ts';
import { Turn } from '../../store/turns.ts';
import type { FeedReader, FeedStep, MailboxFeed } from './mailbox-feed.ts';
import { RecentMessages } from './recent-messages.ts';
import { ByeError, CommandRefusedError, type Responses } from './responses.ts';

/** What a view may lag behind in steps, in UIDs, before it lets go of them and compares; of a large mailbox an eighth. */
const minLagUids = 4096;

/** What {@link MailboxView.poll} may tell. */
export interface PollOptions {
  /** False while the client may use message sequence numbers, which EXPUNGE would change. */
  readonly expunge: boolean;
  /** True if FETCH responses tell the modseq. */
  readonly hasModseq: boolean;
}

/**
 * What one client has been told of the mailbox that it has selected: which messages, under which numbers, and up to which
 * modseq. {@link poll} tells the rest. While the view is up to date it shares the feed's array of UIDs.
 */
export class MailboxView implements FeedReader {
  readonly box: MailboxKey;
  readonly isReadOnly: boolean;
  /** Called after each change in the mailbox, whoever made it. */
  onNews: (() => void) | undefined;
  readonly feed: MailboxFeed;
  readonly #recent = new RecentMessages();
  readonly #unfollow: () => void;
  #uids: Uint32Array;
  #count: number;
  #uidNext: number;
  #toldModseq: number;
  /** Modseqs above it of this session's own changes, which have been told too. */
  readonly #ownModseqs = new Set<number>();
  /** The last steps of which flags, and EXPUNGE, have been told; undefined if the view has fallen too far behind. */
  #flagStep: FeedStep | undefined;
  #expungeStep: FeedStep | undefined;
  #keywordVersion: number;
  /** True once it has let go of its UIDs. */
  #isDropped = false;

  /** A view of the feed as it is now. */
  constructor(feed: MailboxFeed, isReadOnly: boolean) {
    this.feed = feed;
    this.box = feed.box;
    this.isReadOnly = isReadOnly;
    this.#uids = feed.uids;
    this.#count = feed.count;
    this.#uidNext = feed.uidNext;
    this.#toldModseq = feed.modseq;
    this.#flagStep = feed.lastStep;
    this.#expungeStep = feed.lastStep;
    this.#keywordVersion = feed.flagSets.keywordVersion;
    this.#unfollow = feed.follow(this);
  }

  /** Stops following the mailbox. */
  close(): void {
    this.onNews = undefined;
    this.#unfollow();
  }

  /** Messages that the client knows of. Throws ByeError once the view has been dropped, as do {@link uids} and the like. */
  get count(): number {
    this.#expectKept();
    return this.#count;
  }

  /** Their UIDs, ascending. They do not change while a command runs, only by {@link poll}. */
  get uids(): Uint32Array {
    this.#expectKept();
    return this.#uids.subarray(0, this.#count);
  }

  get keptUids(): Uint32Array {
    return this.#uids;
  }

  get keptModseq(): number {
    return this.#expungeStep?.modseq ?? 0;
  }

  /** True if a message has the same place here and in the feed. */
  get isShared(): boolean {
    return this.#uids === this.feed.uids;
  }

  /** UIDs from here on the client has not been told of. */
  get uidNext(): number {
    return this.#uidNext;
  }

  /** Flags up to this modseq have been told. */
  get toldModseq(): number {
    return this.#toldModseq;
  }

  get recentCount(): number {
    return this.#recent.count;
  }

  isRecent(uid: number): boolean {
    return this.#recent.has(uid);
  }

  /** True if there may be something that the client has not been told. */
  get hasNews(): boolean {
    const { lastStep, ended } = this.feed;
    return ended !== undefined || this.#flagStep !== lastStep || this.#expungeStep !== lastStep;
  }

  /**
   * The message sequence number of a UID; undefined if the client knows of no such message.
   *
   * @param hint - a number that it may have, such as the one after the number before it
   */
  numberOf(uid: number, hint = 1): number | undefined {
    this.#expectKept();
    const index = indexOfUid(this.#uids, this.#count, uid, hint - 1);
    return index === -1 ? undefined : index + 1;
  }

  /**
   * UIDs, ascending, of the messages that a set names. UIDs that do not exist are passed over (RFC 3501, section 6.4.8); a
   * message sequence number that does not is refused, unless it belongs to a range that ends in `*`.
   */
  named(set: SequenceSet, isUid: boolean): Uint32Array {
    if (isUid) return selectFromSorted(set, this.uids);
    for (const { first, last } of set) {
      const largest = Math.max(first, last);
      if (largest === Infinity || largest <= this.count) continue;
      throw new CommandRefusedError(
        'BAD',
        `No message has the sequence number ${largest}, the mailbox has ${this.#count}`,
      );
    }
    return this.uidsOfNumbers(set);
  }

  /** As {@link named} for message sequence numbers, but those that do not exist are passed over. */
  uidsOfNumbers(set: SequenceSet): Uint32Array {
    const numbers = selectSequenceNumbers(set, this.count);
    for (const [place, number] of numbers.entries()) {
      numbers[place] = this.#uids[number - 1] as number;
    }
    return numbers;
  }

  /** UIDs of the messages that are \Recent for the client, and of some that it does not know of. */
  get recentRanges(): SequenceSet {
    return this.#recent.ranges;
  }

  /** The flags of a message as FETCH tells them, \Recent among them, by its place in the feed. */
  flagList(index: number): WireText {
    const { feed } = this;
    const isRecent = this.#recent.has(feed.uids[index] as number);
    return feed.flagSets.listOf(feed.flagSetNumberAt(index), isRecent);
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
    if (modseq > this.#toldModseq) this.#ownModseqs.add(modseq);
  }

  /** True if the client has been told of a message's flags as of this modseq. */
  wasTold(modseq: number): boolean {
    return modseq <= this.#toldModseq || this.#ownModseqs.has(modseq);
  }

  /** The client claims messages `[firstUid, nextUid)` as its \Recent ones. */
  addRecent(firstUid: number, nextUid: number): void {
    this.#recent.add(firstUid, nextUid, this.uids);
  }

  /** For a read-only session, which sees what is \Recent and leaves it to others: the last so many messages. */
  showRecent(count: number): void {
    const firstUid = this.uids.at(-count);
    if (count > 0 && firstUid !== undefined) this.#recent.add(firstUid, this.#uidNext, this.uids);
  }

  /**
   * Tells the client what has changed: EXPUNGE if that is allowed, EXISTS and RECENT, flags. Waits for a client that does not
   * keep up, and lets others run. Throws ByeError if the mailbox is gone, or the view was dropped.
   */
  async poll(out: Responses, { expunge, hasModseq }: PollOptions): Promise<void> {
    const { ended } = this.feed;
    if (ended !== undefined) throw new ByeError(ended.message);
    this.#expectKept();
    if (!this.hasNews) return;
    if (expunge) await this.#tellExpunged(out);
    const newFromUid = this.#uidNext;
    await this.#tellArrived(out);
    await this.#tellFlags(out, newFromUid, hasModseq);
  }

  /** Lets go of steps that hold more than comparing costs. One step is shared by all views, and may be large. */
  onFeedChange(): void {
    const { lastStep, count } = this.feed;
    const least = lastStep.uidTotal - Math.max(minLagUids, count / 8);
    const isTooMuch = (step: FeedStep | undefined): boolean =>
      step !== undefined && step.uidTotal < least && step.next !== lastStep;
    if (isTooMuch(this.#flagStep)) this.#flagStep = undefined;
    if (isTooMuch(this.#expungeStep)) this.#expungeStep = undefined;
    this.onNews?.();
  }

  /** The client cannot be told any more what has changed, and is sent away as soon as it reads. */
  drop(): void {
    this.#isDropped = true;
    this.#uids = noUids;
    this.#count = 0;
    this.#flagStep = undefined;
    this.#expungeStep = undefined;
  }

  #expectKept(): void {
    if (this.#isDropped) throw new ByeError('Too far behind the mailbox to go on', 'LIMIT');
  }

  async #tellExpunged(out: Responses): Promise<void> {
    for (;;) {
      const { lastStep } = this.feed;
      const expunged = this.#untoldExpunged();
      let number = 0;
      const turn = new Turn(out);
      for (const [told, uid] of expunged.entries()) {
        if (turn.look()) await turn.next();
        number = this.numberOf(uid, number + 1) as number;
        out
          .begin()
          .number(number - told)
          .atom('EXPUNGE')
          .end();
        this.#recent.remove(uid);
        turn.wrote();
      }
      this.#expungeStep = lastStep;
      if (this.#share()) return;
      // More was expunged while we waited for the client.
      this.#uids = withoutUids(this.uids, expunged);
      this.#count = this.#uids.length;
    }
  }

  /** UIDs that the client knows of and that are gone, ascending. */
  #untoldExpunged(): Uint32Array {
    if (this.#expungeStep === undefined) {
      return withoutUids(this.uids, this.feed.uids.subarray(0, this.feed.count));
    }
    const lists: Uint32Array[] = [];
    for (let step = this.#expungeStep.next; step !== undefined; step = step.next) {
      lists.push(step.expungedUids);
    }
    return mergeUids(lists).filter((uid) => this.numberOf(uid) !== undefined);
  }

  /** Goes over to the feed's array if all that is missing there has been told; false if it has not. */
  #share(): boolean {
    if (this.#expungeStep !== this.feed.lastStep) {
      if (this.#untoldExpunged().length > 0) return false;
      this.#expungeStep = this.feed.lastStep;
    }
    this.#uids = this.feed.uids;
    this.#count = lowerBound(this.feed.uids, this.feed.count, this.#uidNext);
    return true;
  }

  async #tellArrived(out: Responses): Promise<void> {
    if (this.feed.uidNext === this.#uidNext) return;
    const claimed = this.isReadOnly ? undefined : await this.feed.claimRecent();
    const before = this.#count;
    this.#takeArrived();
    this.#recent.arrive(this.uids.subarray(before));
    if (claimed !== undefined) this.#recent.add(...claimed, this.uids);
    if (this.#count === before) return;
    out.begin().number(this.#count).atom('EXISTS').end();
    out.begin().number(this.#recent.count).atom('RECENT').end();
  }

  #takeArrived(): void {
    const { uids, count, uidNext } = this.feed;
    const known = this.#uidNext;
    const isShared = this.#share();
    this.#uidNext = uidNext;
    if (isShared) {
      this.#count = count;
      return;
    }
    // The client still counts messages that are gone.
    const arrived = uids.subarray(lowerBound(uids, count, known), count);
    const own = new Uint32Array(this.#count + arrived.length);
    own.set(this.uids);
    own.set(arrived, this.#count);
    this.#uids = own;
    this.#count = own.length;
  }

  /** @param newFromUid - messages from here on the client has just been told of, and asks for their flags */
  async #tellFlags(out: Responses, newFromUid: number, hasModseq: boolean): Promise<void> {
    const { lastStep } = this.feed;
    const toldModseq = this.#toldModseq;
    const turn = new Turn(out);
    let [number, index] = [0, -1];
    for (const uid of this.#untoldFlags()) {
      if (turn.look()) await turn.next();
      if (uid >= newFromUid) break;
      const found = this.feed.indexOf(uid, index + 1);
      const foundNumber = this.numberOf(uid, number + 1);
      if (found === -1 || foundNumber === undefined) continue;
      [number, index] = [foundNumber, found];
      const modseq = this.feed.modseqAt(index);
      if (modseq <= toldModseq || this.#ownModseqs.has(modseq)) continue;
      this.writeFlags(out, { number, index, uid: true, flags: true, modseq: hasModseq });
      turn.wrote();
    }
    this.#flagStep = lastStep;
    this.#toldModseq = Math.max(lastStep.modseq, toldModseq);
    for (const modseq of this.#ownModseqs) {
      if (modseq <= this.#toldModseq) this.#ownModseqs.delete(modseq);
    }
  }

  /** UIDs of messages that changed after what has been told, ascending. */
  #untoldFlags(): Iterable<number> {
    if (this.#flagStep === undefined) return this.#changedAfter(this.#toldModseq);
    const lists: Uint32Array[] = [];
    for (let step = this.#flagStep.next; step !== undefined; step = step.next) {
      lists.push(step.changedUids);
    }
    return mergeUids(lists);
  }

  /** The same by comparing, without a list of them. The feed may change between two. */
  *#changedAfter(modseq: number): Generator<number, undefined> {
    const { feed } = this;
    let [index, last] = [0, 0];
    for (;;) {
      if (index > 0 && feed.uids[index - 1] !== last) {
        index = lowerBound(feed.uids, feed.count, last + 1);
      }
      while (index < feed.count && feed.modseqAt(index) <= modseq) index += 1;
      if (index >= feed.count) return undefined;
      last = feed.uids[index] as number;
      index += 1;
      yield last;
    }
  }

  /** Writes `* n FETCH (…)` of a message with what is asked for of UID, flags and modseq. */
  writeFlags(out: Responses, line: FlagsLine): void {
    const { feed } = this;
    const uid = feed.uids[line.index] as number;
    if (line.flags) this.tellKeywords(out);
    out.fetchFlags(
      line.number,
      line.uid ? uid : undefined,
      line.flags ? this.flagList(line.index) : undefined,
      line.modseq ? feed.modseqAt(line.index) : undefined,
    );
  }
}

/** A FETCH response with nothing but what the feed knows. */
export interface FlagsLine {
  /** Message sequence number. */
  readonly number: number;
  /** Place in the feed. */
  readonly index: number;
  /** Whether to tell each of these. */
  readonly uid: boolean;
  readonly flags: boolean;
  readonly modseq: boolean;
}

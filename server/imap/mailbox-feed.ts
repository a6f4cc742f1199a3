import { lowerBound } from '../../protocol/sequence-set.ts';
import type {
  MailboxEvent,
  MailboxKey,
  MailStore,
  MessageStates,
  OpenMailbox,
} from '../../store/mail-store.ts';
import { FlagSets, type FlagSet } from './flag-sets.ts';

/**
 * What one commit changed. Steps are a chain: whoever lags walks from the last step that it has told to the newest, and
 * steps that everybody has told are collected.
 */
export interface FeedStep {
  readonly modseq: number;
  /** Messages that came or changed, ascending. */
  readonly changedUids: Uint32Array;
  /** Ascending. */
  readonly expungedUids: Uint32Array;
  /** UIDs in all steps of the feed up to this one: the difference of two says how much lies between them. */
  readonly uidTotal: number;
  /** Undefined in the newest step. */
  next: FeedStep | undefined;
}

/** The flags and the modseq of a message as they are now. */
export interface MessageState {
  readonly uid: number;
  readonly modseq: number;
  readonly flagSet: FlagSet;
}

/** Whoever follows a feed. */
export interface FeedReader {
  /** Called after each change, and when the mailbox is gone or can no longer be read. */
  onFeedChange(): void;
}

/** The feed can no longer follow its mailbox; the text is for the client. */
export class FeedEndedError extends Error {
  override readonly name = 'FeedEndedError';
}

/** Distinct sets of flags above which those of no message are looked for. */
const minFlagSets = 1024;

const noUids = new Uint32Array();

/**
 * The messages of one mailbox as they are now: UIDs, modseqs and sets of flags in typed arrays, 16 bytes a message and
 * some room to grow. All sessions of a thread that have the mailbox selected share it. It advances by the store's events.
 *
 * The array of UIDs is only ever added to at its end, and replaced by another when messages are expunged, so that a
 * view which is not up to date keeps the array it has told its client of.
 */
export class MailboxFeed {
  readonly box: MailboxKey;
  readonly #store: MailStore;
  readonly #readers = new Set<FeedReader>();
  readonly #flagSets = new FlagSets();
  #nextCompaction = minFlagSets;
  #uids = noUids;
  #modseqs = new Float64Array();
  #flags = new Uint32Array();
  #count = 0;
  #modseq = 0;
  #uidNext = 1;
  #uidValidity = 0;
  #lastStep: FeedStep = {
    modseq: 0,
    changedUids: noUids,
    expungedUids: noUids,
    uidTotal: 0,
    next: undefined,
  };
  #opened: OpenMailbox | undefined;
  /** Events that wait while the feed reads from the store; undefined while it does not. */
  #waiting: MailboxEvent[] | undefined = [];
  /** Those who wait until the feed has reached a modseq. */
  #arrivals: { readonly modseq: number; readonly settle: () => void }[] = [];
  #ended: FeedEndedError | undefined;
  /** UIDs below it are some session's \Recent messages, or were. */
  #claimedUidNext = 0;

  private constructor(store: MailStore, box: MailboxKey) {
    this.#store = store;
    this.box = box;
  }

  /** Reads the mailbox in slices and follows it from then on. `NONEXISTENT`. */
  static async open(store: MailStore, box: MailboxKey): Promise<MailboxFeed> {
    const feed = new MailboxFeed(store, box);
    try {
      await feed.#load();
    } catch (error) {
      feed.close();
      throw error;
    }
    return feed;
  }

  /** UIDs of the messages, ascending; only the first {@link count} count, and nobody but the feed writes. */
  get uids(): Uint32Array {
    return this.#uids;
  }

  get count(): number {
    return this.#count;
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

  /** Bytes of the typed arrays. */
  get sizeBytes(): number {
    return this.#uids.byteLength + this.#modseqs.byteLength + this.#flags.byteLength;
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
    return indexOfUid(this.#uids, this.#count, uid, hint);
  }

  modseqAt(index: number): number {
    return this.#modseqs[index] as number;
  }

  /** Number of the set of flags, for {@link flagSets}; good until the next change. */
  flagSetNumberAt(index: number): number {
    return this.#flags[index] as number;
  }

  flagSetAt(index: number): FlagSet {
    return this.#flagSets.get(this.#flags[index] as number);
  }

  /** Settles once everything up to the modseq is in, or the feed has ended. */
  async reach(modseq: number | undefined): Promise<void> {
    if (modseq === undefined || modseq <= this.#modseq || this.#ended !== undefined) return;
    await new Promise<void>((resolve) => this.#arrivals.push({ modseq, settle: resolve }));
  }

  /**
   * Claims the messages that no session was told of as the caller's \Recent ones: the range `[firstUid, nextUid)`,
   * undefined if there are none. A store that fails costs the client \Recent and nothing else.
   */
  async claimRecent(): Promise<readonly [firstUid: number, nextUid: number] | undefined> {
    if (this.#claimedUidNext >= this.#uidNext) return undefined;
    this.#claimedUidNext = this.#uidNext;
    try {
      const { firstUid, nextUid } = await this.#store.claimRecent(this.box);
      return nextUid > firstUid ? [firstUid, nextUid] : undefined;
    } catch {
      return undefined;
    }
  }

  async #load(): Promise<void> {
    const opened = await this.#store.open(this.box, this.#onEvent);
    this.#opened = opened;
    const { status, keywords } = opened;
    this.#modseq = status.highestModseq;
    this.#uidNext = status.uidNext;
    this.#uidValidity = status.uidValidity;
    this.#flagSets.addKeywords(keywords);
    // For the usual case at once, so that the arrays need not grow slice by slice.
    this.#reserve(status.messageCount);
    for await (const slice of this.#store.readStates(this.box, 0)) this.#append(slice);
    this.#lastStep = { ...this.#lastStep, modseq: this.#modseq };
    this.#takeWaiting();
  }

  readonly #onEvent = (event: MailboxEvent): void => {
    if (this.#ended !== undefined) return;
    if (event.kind === 'gone')
      this.#end(new FeedEndedError('The selected mailbox has been deleted'));
    else if (this.#waiting !== undefined) this.#waiting.push(event);
    else this.#take(event);
  };

  #take(event: Exclude<MailboxEvent, { kind: 'gone' }>): void {
    if (event.modseq <= this.#modseq) return;
    if (event.kind === 'changed-much' || event.modseq !== this.#modseq + 1) {
      void this.#catchUp(event.modseq);
      return;
    }
    this.#update(event.messages);
    this.#advance(event.modseq, event.messages.uids, event.expungedUids);
  }

  #takeWaiting(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const [index, event] of waiting.entries()) {
      if (event.kind !== 'gone') this.#take(event);
      // Catching up has begun: the others wait for its end.
      if (this.#waiting !== undefined) {
        (this.#waiting as MailboxEvent[]).push(...waiting.slice(index + 1));
        return;
      }
    }
  }

  /** Reads what was not told by events, in slices; events that come meanwhile wait. */
  async #catchUp(until: number): Promise<void> {
    this.#waiting = [];
    const changed: Uint32Array[] = [];
    const expunged: Uint32Array[] = [];
    const added: AddedMessage[] = [];
    try {
      for await (const slice of this.#store.readChanges(this.box, this.#modseq, until)) {
        changed.push(slice.messages.uids.toSorted());
        expunged.push(slice.expungedUids.toSorted());
        this.#update(slice.messages, added);
      }
    } catch (error) {
      this.#end(new FeedEndedError('The selected mailbox cannot be read', { cause: error }));
      return;
    }
    // Sorted by UID here, by modseq in the slices.
    added.sort((a, b) => a.uid - b.uid);
    for (const { uid, modseq, flags } of added) this.#push(uid, modseq, flags);
    this.#advance(until, mergeUids(changed), mergeUids(expunged));
    this.#takeWaiting();
  }

  /** Brings states in; messages past the end are appended, or put into `added` if they come in another order. */
  #update({ uids, modseqs, flags, flagSets }: MessageStates, added?: AddedMessage[]): void {
    const numbers = flagSets.map((set) => this.#flagSets.numberOf(set));
    const lastUid = this.#lastUid;
    let index = -1;
    for (const [place, uid] of uids.entries()) {
      const modseq = modseqs[place] as number;
      const number = numbers[flags[place] as number] as number;
      if (uid > lastUid) {
        if (added === undefined) this.#push(uid, modseq, number);
        else added.push({ uid, modseq, flags: number });
        continue;
      }
      const found = this.indexOf(uid, index + 1);
      if (found === -1) continue;
      index = found;
      // What was read may be newer than the event.
      if (modseq < this.modseqAt(index)) continue;
      this.#modseqs[index] = modseq;
      this.#flags[index] = number;
    }
  }

  /** A step is in: tells the readers. */
  #advance(modseq: number, changedUids: Uint32Array, expungedUids: Uint32Array): void {
    this.#remove(expungedUids);
    this.#modseq = modseq;
    const lastUid = Math.max(this.#lastUid, changedUids.at(-1) ?? 0, expungedUids.at(-1) ?? 0);
    this.#uidNext = Math.max(this.#uidNext, lastUid + 1);
    const uidTotal = this.#lastStep.uidTotal + changedUids.length + expungedUids.length;
    const step = { modseq, changedUids, expungedUids, uidTotal, next: undefined };
    this.#lastStep.next = step;
    this.#lastStep = step;
    if (this.#flagSets.size > this.#nextCompaction) {
      this.#flagSets.compact(this.#flags, this.#count);
      this.#nextCompaction = Math.max(minFlagSets, this.#flagSets.size * 2);
    }
    this.#settleArrivals(({ modseq: wanted }) => wanted <= modseq);
    for (const reader of this.#readers) reader.onFeedChange();
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

  get #lastUid(): number {
    return this.#count === 0 ? 0 : (this.#uids[this.#count - 1] as number);
  }

  #append({ uids, modseqs, flags, flagSets }: MessageStates): void {
    const numbers = flagSets.map((set) => this.#flagSets.numberOf(set));
    this.#reserve(this.#count + uids.length);
    this.#uids.set(uids, this.#count);
    this.#modseqs.set(modseqs, this.#count);
    for (let place = 0; place < uids.length; place++) {
      this.#flags[this.#count + place] = numbers[flags[place] as number] as number;
    }
    this.#count += uids.length;
    this.#uidNext = Math.max(this.#uidNext, this.#lastUid + 1);
  }

  #push(uid: number, modseq: number, flagSetNumber: number): void {
    this.#reserve(this.#count + 1);
    this.#uids[this.#count] = uid;
    this.#modseqs[this.#count] = modseq;
    this.#flags[this.#count] = flagSetNumber;
    this.#count += 1;
  }

  /** Room for so many messages, and for an eighth more if it must grow. */
  #reserve(count: number): void {
    if (count <= this.#uids.length) return;
    const capacity = count + 16 + (count >>> 3);
    this.#uids = grown(this.#uids, new Uint32Array(capacity));
    this.#modseqs = grown(this.#modseqs, new Float64Array(capacity));
    this.#flags = grown(this.#flags, new Uint32Array(capacity));
  }

  #remove(expungedUids: Uint32Array): void {
    if (expungedUids.length === 0) return;
    const uids = new Uint32Array(this.#uids.length);
    let kept = 0;
    let next = 0;
    for (let index = 0; index < this.#count; index++) {
      const uid = this.#uids[index] as number;
      while (next < expungedUids.length && (expungedUids[next] as number) < uid) next += 1;
      if (expungedUids[next] === uid) continue;
      uids[kept] = uid;
      this.#modseqs[kept] = this.#modseqs[index] as number;
      this.#flags[kept] = this.#flags[index] as number;
      kept += 1;
    }
    // If nothing was there the array stays, and with it what views share.
    if (kept === this.#count) return;
    this.#uids = uids;
    this.#count = kept;
    if (kept < uids.length / 4) this.#shrink();
  }

  #shrink(): void {
    const capacity = this.#count + 16;
    this.#uids = this.#uids.slice(0, capacity);
    this.#modseqs = this.#modseqs.slice(0, capacity);
    this.#flags = this.#flags.slice(0, capacity);
  }
}

interface AddedMessage {
  readonly uid: number;
  readonly modseq: number;
  readonly flags: number;
}

function grown<T extends Uint32Array | Float64Array>(before: T, after: T): T {
  after.set(before);
  return after;
}

/** The place of a UID among the first `count`, ascending; -1 if it is not there. `hint` is looked at first. */
export function indexOfUid(uids: Uint32Array, count: number, uid: number, hint = 0): number {
  if (hint < count && uids[hint] === uid) return hint;
  const index = lowerBound(uids, count, uid);
  return index < count && uids[index] === uid ? index : -1;
}

/** All UIDs of the lists, ascending, each once. A single list that is ascending is returned as it is. */
export function mergeUids(lists: readonly Uint32Array[]): Uint32Array {
  const filled = lists.filter(({ length }) => length > 0);
  if (filled.length === 0) return noUids;
  if (filled.length === 1) return filled[0] as Uint32Array;
  const merged = new Uint32Array(filled.reduce((sum, { length }) => sum + length, 0));
  let length = 0;
  for (const list of filled) {
    merged.set(list, length);
    length += list.length;
  }
  merged.sort();
  let kept = 0;
  for (const uid of merged) {
    if (kept === 0 || merged[kept - 1] !== uid) merged[kept++] = uid;
  }
  return merged.subarray(0, kept);
}

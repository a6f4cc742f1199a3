import type { SortKey } from '../../../protocol/grammar/sort.ts';
import { conditionsOf, type SearchKey } from '../../../protocol/search-key.ts';
import { resolveSequenceSet, type SequenceSet } from '../../../protocol/sequence-set.ts';
import { lowerBoundFrom, mergeUids } from '../../../protocol/sorted-uids.ts';
import type { Turn } from '../../../store/turns.ts';
import { hasUid } from '../commands/missed-changes.ts';
import type { MailboxView } from '../mailbox-view.ts';
import { ToldFlags } from '../told-flags.ts';
import type { ContextMembers } from './context-members.ts';
import { agesIn, criteriaBytes, namesLastUid } from './frozen-criteria.ts';
import { judgeMessages, type Judging } from './judge-messages.ts';
import { type UpdateTarget, writeUpdates } from './update-response.ts';

/**
 * How often it is looked whether messages have become too old, or old enough, for OLDER and YOUNGER: a pass over the mailbox, which
 * need not be exact to the second. @see RFC 5032, section 2
 */
const ageIntervalMs = 60_000;

/** Messages that are looked at before others run, when their ages are. */
const sliceMessages = 4096;

/** A search whose client is told how its results change. */
export interface ContextSearch {
  /** Of the command. */
  readonly tag: string;
  /** True if its results are UIDs, false if they are message sequence numbers. */
  readonly isUid: boolean;
  /** As `freezeCriteria` returns them. */
  readonly criteria: SearchKey;
  /** Of SORT. */
  readonly keys?: readonly SortKey[];
}

/** What of the mailbox a context has judged. */
export interface JudgedState {
  readonly told: ToldFlags;
  /** UIDs below it have been judged. */
  readonly uidNext: number;
  /** What `*` was as a UID. */
  readonly lastUid: number;
  /** Wall clock, in milliseconds. */
  readonly nowMs: number;
}

/** Everything that the client knows of has been judged, as it is now. */
export function judgedNow(view: MailboxView, nowMs: number): JudgedState {
  const { feed, uidNext, lastUid } = view;
  return { told: new ToldFlags(feed), uidNext, lastUid, nowMs };
}

/**
 * One search or sort that goes on: its results, as its client has been told of them, follow the mailbox. Only messages are judged
 * that have changed or come since.
 *
 * @see RFC 5267, section 4.3
 */
export class SearchContext {
  readonly search: ContextSearch;
  /** Memory of the criteria, about. */
  readonly criteriaBytes: number;
  /** Search keys in the criteria. */
  readonly keyCount: number;
  readonly #members: ContextMembers;
  readonly #hasLastUid: boolean;
  readonly #ages: readonly number[];
  #judged: JudgedState;

  /**
   * @param members - what the client was answered
   * @param judged - the state in which the search began: what has changed since is judged again
   */
  constructor(search: ContextSearch, members: ContextMembers, judged: JudgedState) {
    this.search = search;
    this.#members = members;
    this.#judged = judged;
    this.criteriaBytes = criteriaBytes(search.criteria);
    this.keyCount = conditionsOf(search.criteria).length;
    this.#hasLastUid = namesLastUid(search.criteria);
    this.#ages = agesIn(search.criteria);
  }

  /** Memory, about. */
  get sizeBytes(): number {
    return this.#members.sizeBytes + this.criteriaBytes;
  }

  /** True if there may be something that the client has not been told. */
  hasNews(nowMs: number): boolean {
    return this.#judged.told.isBehind || this.#isDue(nowMs);
  }

  /** As {@link ToldFlags.letGo}. */
  letGo(): void {
    this.#judged.told.letGo();
  }

  /** Tells of messages (UIDs, ascending) that are gone and have the numbers still by which the client knows them. */
  async tellGone(target: UpdateTarget, gone: Uint32Array): Promise<void> {
    const removed = gone.filter((uid) => this.#members.has(uid));
    await writeUpdates(target, 'REMOVEFROM', await this.#members.remove(removed, target.turn));
  }

  /** Tells of messages that match now and did not, and the other way round. Rejects as the store does. */
  async tellChanged(target: UpdateTarget, judging: Judging): Promise<void> {
    const { view, turn, nowMs } = judging;
    const { uidNext, lastUid, feed } = view;
    const { lastStep } = feed;
    const isDue = this.#isDue(nowMs);
    const candidates = await this.#findCandidates(judging);
    const matching = await judgeMessages(this.search.criteria, candidates, judging);
    const { removed, added } = await this.#compare(candidates, matching, turn);
    await writeUpdates(target, 'REMOVEFROM', await this.#members.remove(removed, turn));
    const came = await this.#members.add(added, turn);
    await writeUpdates(target, 'REMOVEFROM', came.removed);
    await writeUpdates(target, 'ADDTO', came.added);
    this.#judged.told.advance(lastStep);
    const { told, nowMs: agedMs } = this.#judged;
    this.#judged = { told, uidNext, lastUid, nowMs: isDue ? nowMs : agedMs };
  }

  #isDue(nowMs: number): boolean {
    if (this.#ages.length === 0) return false;
    return Math.abs(nowMs - this.#judged.nowMs) >= ageIntervalMs;
  }

  /** UIDs, ascending, of the messages that may match now and did not, or the other way round. */
  async #findCandidates({ view, nowMs, turn }: Judging): Promise<Uint32Array> {
    const { feed, uidNext, lastUid } = view;
    const { told, uidNext: judgedNext, lastUid: judgedLast } = this.#judged;
    const changed: number[] = [];
    if (told.isBehind) {
      for (const uid of told.untold()) {
        if (turn.look()) await turn.next();
        if (uid < judgedNext) changed.push(uid);
      }
    }
    const start = lowerBoundFrom(feed.uids, 0, feed.count, judgedNext);
    const end = lowerBoundFrom(feed.uids, start, feed.count, uidNext);
    const lists: Uint32Array[] = [Uint32Array.from(changed), feed.uids.slice(start, end)];
    // Whichever of them `*` stands for may match for that.
    if (this.#hasLastUid && lastUid !== judgedLast) {
      lists.push(Uint32Array.of(judgedLast, lastUid).toSorted());
    }
    if (this.#isDue(nowMs)) lists.push(...(await this.#findAged(view, nowMs, turn)));
    return mergeUids(lists);
  }

  /** Messages whose ages have come to one of those in the criteria since they were looked at last. */
  async #findAged(view: MailboxView, nowMs: number, turn: Turn): Promise<Uint32Array[]> {
    const ranges = agedRanges(this.#ages, this.#judged.nowMs, nowMs);
    const aged: Uint32Array[] = [];
    for (let start = 0; start < view.count; start += sliceMessages) {
      await turn.next();
      const uids = view.uidsBetween(start, Math.min(start + sliceMessages, view.count)).slice();
      const seconds = await view.feed.sortColumns.read('arrival', uids, turn);
      aged.push(uids.filter((_, place) => hasUid(ranges, seconds[place]!)));
    }
    return aged;
  }

  /** Which of the candidates go and come. */
  async #compare(candidates: Uint32Array, matching: Uint32Array, turn: Turn) {
    const removed: number[] = [];
    const added: number[] = [];
    let next = 0;
    for (const uid of candidates) {
      if (turn.look()) await turn.next();
      const isMatch = matching[next] === uid;
      if (isMatch) next += 1;
      if (isMatch === this.#members.has(uid)) continue;
      if (isMatch) added.push(uid);
      else removed.push(uid);
    }
    return { removed: Uint32Array.from(removed), added: Uint32Array.from(added) };
  }
}

/** Seconds since 1970 at which messages came that were as old as one of the ages at some time between two. */
function agedRanges(ages: readonly number[], sinceMs: number, untilMs: number): SequenceSet {
  const [since, until] = [sinceMs, untilMs].map((ms) => Math.floor(ms / 1000)) as [number, number];
  return resolveSequenceSet(
    ages.map((seconds) => ({ first: since - seconds, last: until - seconds })),
    0,
  );
}

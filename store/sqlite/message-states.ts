import { setImmediate } from 'node:timers/promises';
import { lowerBound } from '../../protocol/sequence-set.ts';
import { limits } from '../limits.ts';
import type { MailboxKey } from '../mail-store.ts';
import type { MailboxChanges, MessageStates } from '../mailbox-changes.ts';
import { damage } from './damage.ts';
import type { Database } from './database.ts';
import { checkRemembered, readExpunged } from './expunged.ts';
import { readKeywords } from './keywords.ts';
import { type MailboxCounters, readCounters } from './mailbox-counters.ts';
import { type ChangedStates, type Cursor, selectChanged } from './states/changed-states.ts';
import { StateColumns } from './states/state-columns.ts';
import { PageWalk } from './states/page-walk.ts';
import { filterStates, pagesFrom, sliceStates } from './states/state-pages.ts';

/**
 * If nothing changes meanwhile, there are as many as the mailbox's counter says: rows that a damaged page hides are missed.
 *
 * @see MailStore.readStates
 */
export async function* readStates(
  database: Database,
  box: MailboxKey,
  afterUid: number,
): AsyncGenerator<MessageStates> {
  let after = afterUid;
  let count: number = limits.slowSliceMessages;
  let total = 0;
  let first: MailboxCounters | undefined;
  // Ends: each slice begins behind the last UID of the one before.
  for (;;) {
    const { counters, states } = database.snapshot(() => {
      const now = readCounters(database, box);
      const keywords = readKeywords(database, box.mailboxId);
      const columns = readSlice(database, box, { after, endUid: now.uidNext, count });
      return { counters: now, states: columns.toStates(keywords) };
    });
    first ??= counters;
    total += states.uids.length;
    const isLast = states.uids.length < count;
    const isAll = isLast && afterUid === 0;
    if (isUnchanged(first, counters)) expectCount(box, counters, { total, isAll });
    if (states.uids.length > 0) yield states;
    if (isLast) return;
    count = nextSliceMessages(states);
    after = states.uids.at(-1)!;
    await setImmediate();
  }
}

/** The states of the next messages behind a UID. */
export function readSlice(
  database: Database,
  { mailboxId }: MailboxKey,
  { after, endUid, count }: { after: number; endUid: number; count: number },
): StateColumns {
  const columns = new StateColumns();
  for (const { states } of pagesFrom(database, mailboxId, after + 1)) {
    const { uids } = states;
    const start = lowerBound(uids, uids.length, after + 1);
    const end = Math.min(lowerBound(uids, uids.length, endUid), start + count - columns.count);
    if (end > start) columns.add(sliceStates(states, start, end));
    if (end < uids.length || columns.count === count) break;
  }
  return columns;
}

/**
 * The states of messages that exist.
 *
 * @param uids - ascending
 * @throws {StoreError} `CORRUPTION` if one of them has none
 */
export function readNamedStates(
  database: Database,
  mailboxId: number,
  uids: Uint32Array,
): StateColumns {
  const columns = new StateColumns();
  const endUid = Infinity;
  const walk = new PageWalk(database, { mailboxId, uids, endUid, maxMessages: uids.length });
  for (let named = walk.next(); named !== undefined; named = walk.next()) {
    columns.add(filterStates(named.page.states, named.isChosen));
  }
  if (columns.count === uids.length) return columns;
  throw damage(`Mailbox ${mailboxId} lacks states of ${uids.length - columns.count} messages`);
}

/**
 * Sees that messages of which no row was found are gone, and not only their rows.
 *
 * @throws {StoreError} `CORRUPTION`
 */
export function expectGone(database: Database, box: MailboxKey, uids: Uint32Array): void {
  const { mailboxId } = box;
  database.snapshot(() => {
    const endUid = readCounters(database, box).uidNext;
    const walk = new PageWalk(database, { mailboxId, uids, endUid, maxMessages: uids.length });
    for (let named = walk.next(); named !== undefined; named = walk.next()) {
      const { uids: found } = filterStates(named.page.states, named.isChosen);
      const [rowCount] = database.row<[number]>(
        `SELECT count(*) FROM messages WHERE mailbox_id = ? AND uid IN
           (SELECT value FROM json_each(?))`,
        mailboxId,
        `[${found.join()}]`,
      )!;
      if (rowCount < found.length) throw damage(`Mailbox ${mailboxId} lacks rows of messages`);
    }
  });
}

function isUnchanged(before: MailboxCounters, after: MailboxCounters): boolean {
  return (
    before.highestModseq === after.highestModseq &&
    before.messageCount === after.messageCount &&
    before.uidNext === after.uidNext
  );
}

/** A damaged page may hide messages, or have no end of them. */
function expectCount(
  { mailboxId }: MailboxKey,
  { messageCount }: MailboxCounters,
  { total, isAll }: { readonly total: number; readonly isAll: boolean },
): void {
  if (isAll ? total === messageCount : total <= messageCount) return;
  throw damage(`Mailbox ${mailboxId} has ${total} messages of ${messageCount}`);
}

/**
 * Messages of the slice behind this one: sets of flags take longer than messages, so that it should have no more of them
 * than an event may. The first slice is a small one, since nobody knows how many sets it has.
 */
function nextSliceMessages({ uids, flagSets }: MessageStates): number {
  if (uids.length === 0) return limits.sliceMessages;
  const count = Math.floor((limits.maxEventFlagSets * uids.length) / flagSets.length);
  return Math.min(limits.sliceMessages, Math.max(limits.slowSliceMessages, count));
}

/** @see MailStore.readChanges */
export async function* readChanges(
  database: Database,
  box: MailboxKey,
  since: number,
  until: number,
): AsyncGenerator<MailboxChanges> {
  const walk = new ChangeWalk(database, box, { since, until });
  let count: number = limits.slowSliceMessages;
  // Ends: a slice that is not the last one moves the walk on.
  for (;;) {
    const { isLast, ...slice } = database.snapshot(() => walk.read(count));
    if (slice.messages.uids.length > 0 || slice.expungedUids.length > 0) yield slice;
    if (isLast) return;
    count = nextSliceMessages(slice.messages);
    await setImmediate();
  }
}

/** Reads changes slice by slice, each in the caller's snapshot. */
class ChangeWalk {
  readonly #database: Database;
  readonly #box: MailboxKey;
  readonly #until: number;
  #changed: Cursor;
  #expunged: Cursor;
  /** What comes next of the messages, as long as nothing changes in the mailbox: the pages may be many for each slice. */
  #selected: (ChangedStates & { readonly modseq: number }) | undefined;
  /** How many of these were told. */
  #toldCount = 0;

  constructor(
    database: Database,
    box: MailboxKey,
    { since, until }: { readonly since: number; readonly until: number },
  ) {
    this.#database = database;
    this.#box = box;
    this.#until = until;
    // No UID is larger: what changed under `since` itself is passed over.
    this.#changed = [since, limits.maxUid];
    this.#expunged = this.#changed;
  }

  /**
   * The next slice. If there are more messages or expunged UIDs than it takes, it ends at the smaller of the
   * modseqs that it has reached with both, so that slices ascend.
   */
  read(count: number): MailboxChanges & { readonly isLast: boolean } {
    const { mailboxId } = this.#box;
    const counters = readCounters(this.#database, this.#box);
    const until = Math.min(this.#until, counters.highestModseq);
    const [goneModseq, goneUid] = this.#expunged;
    // Within a modseq, what is left of it must still be there.
    const since = goneUid < limits.maxUid ? goneModseq - 1 : goneModseq;
    checkRemembered(this.#database, mailboxId, since);
    const { modseqs, sets, ...selected } = this.#select(counters, until);
    const start = this.#toldCount;
    const hasMore = !selected.isAll || start + count < modseqs.length;
    const read = modseqs.subarray(start, start + count);
    const from = this.#expunged;
    const gone = readExpunged(this.#database, mailboxId, { from, until, count });
    const hasMoreGone = gone.modseqs.length === count;
    const end = Math.min(
      hasMore ? read.at(-1)! : Infinity,
      hasMoreGone ? gone.modseqs.at(-1)! : Infinity,
    );
    const columns = new StateColumns();
    const behind = start + countUpTo(read, end);
    const uids = selected.uids.subarray(start, behind);
    const flags = selected.flags.subarray(start, behind);
    columns.add({ uids, modseqs: modseqs.subarray(start, behind), flags, sets });
    const expungedUids = gone.uids.slice(0, countUpTo(gone.modseqs, end));
    this.#toldCount = behind;
    this.#changed = lastOf({ uids, modseqs: read }) ?? this.#changed;
    this.#expunged = lastOf({ uids: expungedUids, modseqs: gone.modseqs }) ?? this.#expunged;
    const messages = columns.toStates(readKeywords(this.#database, mailboxId));
    return { messages, expungedUids, isLast: end === Infinity };
  }

  /** What comes next of the messages: some, or all that there are. */
  #select({ highestModseq, uidNext }: MailboxCounters, until: number): ChangedStates {
    const known = this.#selected;
    const isUsedUp = known !== undefined && this.#toldCount === known.uids.length && !known.isAll;
    if (known?.modseq === highestModseq && !isUsedUp) return known;
    const selected = selectChanged(this.#database, this.#box.mailboxId, {
      from: this.#changed,
      until,
      endUid: uidNext,
      maxCount: limits.maxEventMessages,
    });
    this.#selected = { ...selected, modseq: highestModseq };
    this.#toldCount = 0;
    return selected;
  }
}

/** How many of ascending modseqs are not above the last one. */
function countUpTo(modseqs: Float64Array, last: number): number {
  const count = modseqs.findIndex((modseq) => modseq > last);
  return count === -1 ? modseqs.length : count;
}

function lastOf({
  uids,
  modseqs,
}: {
  readonly uids: Uint32Array;
  readonly modseqs: Float64Array;
}): Cursor | undefined {
  const last = uids.length - 1;
  return last === -1 ? undefined : [modseqs[last]!, uids[last]!];
}

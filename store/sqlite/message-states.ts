import { setImmediate } from 'node:timers/promises';
import { lowerBound } from '../../protocol/sequence-set.ts';
import { limits } from '../limits.ts';
import type { MailboxKey } from '../mail-store.ts';
import type { MailboxChanges, MessageStates } from '../mailbox-changes.ts';
import { damage } from './damage.ts';
import type { Database } from './database.ts';
import { readKeywords } from './keywords.ts';
import { type MailboxCounters, readCounters } from './mailbox-counters.ts';
import { ChangeWalk } from './states/change-walk.ts';
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
  // Ends: a step that is not the last one moves the walk on.
  for (;;) {
    const { isLast, slice } = database.snapshot(() => walk.step(count));
    if (slice !== undefined) {
      const { messages, expungedUids } = slice;
      if (messages.uids.length > 0 || expungedUids.length > 0) yield slice;
      count = nextSliceMessages(messages);
    }
    if (isLast) return;
    await setImmediate();
  }
}

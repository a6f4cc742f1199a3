import { lowerBound } from '../../protocol/sequence-set.ts';
import { joinUids } from '../../protocol/sorted-uids.ts';
import {
  type CopyResult,
  type ExpungeResult,
  type MailboxKey,
  type MessageKey,
  StoreError,
} from '../mail-store.ts';
import { damage } from './damage.ts';
import type { Database } from './database.ts';
import { rememberExpunged } from './expunged.ts';
import { readKeywords, translateKeywords } from './keywords.ts';
import {
  countAdded,
  countRemoved,
  forgetUnpublished,
  readCounters,
  readModseq,
  readTarget,
  type Totals,
} from './mailbox-counters.ts';
import { readSlice } from './message-states.ts';
import {
  changeReferences,
  deleteSelection,
  readTotals,
  releaseBodies,
  select,
  selectDeleted,
  type Selection,
} from './selection.ts';
import { PageWalk } from './states/page-walk.ts';
import { NumberColumn } from './states/state-columns.ts';
import { appendStates, filterStates, findPage, replaceStates } from './states/state-pages.ts';
import type { SlicedWork, WriteContext } from './writer/write-context.ts';

function addTotals(sum: Totals, more: Totals): void {
  for (const [index, count] of more.entries()) sum[index]! += count;
}

/** The UIDs that the slices of a copy or a move have given so far. */
class CopiedUids {
  readonly #sources = new NumberColumn(Uint32Array);
  readonly #targets = new NumberColumn(Uint32Array);

  add(uids: Uint32Array, firstTargetUid: number): void {
    this.#sources.append(uids);
    for (let index = 0; index < uids.length; index++) this.#targets.push(firstTargetUid + index);
  }

  get count(): number {
    return this.#sources.length;
  }

  /** @param count of the first so many */
  resultOf(count: number): { sourceUids: Uint32Array; targetUids: Uint32Array } {
    return {
      sourceUids: this.#sources.toArray(0, count),
      targetUids: this.#targets.toArray(0, count),
    };
  }
}

/** Only messages that are there when the work begins: not those that it adds itself. */
function walkOf(
  { database, stepMessages }: WriteContext,
  messages: { mailboxId: number; uids: Uint32Array | undefined; endUid: number },
): PageWalk {
  return new PageWalk(database, { ...messages, maxMessages: stepMessages });
}

/**
 * A copy of many messages is written in slices behind the end of the target, where nobody sees them: whoever reads goes no
 * further than `uid_next` and `highest_modseq` say, which change with the last slice. Until then a row of
 * `unpublished_copies` says that the messages there are to be deleted, see {@link discardCopies}. Nobody else may
 * change the target meanwhile.
 *
 * @see MailStore.copyMessages
 */
export function* copyMessages(
  first: WriteContext,
  { box, uids, target }: { box: MailboxKey; uids: Uint32Array; target: MailboxKey },
): SlicedWork<CopyResult> {
  let context = first;
  const { database } = context;
  const { mailboxId } = box;
  const walk = walkOf(context, { mailboxId, uids, endUid: readCounters(database, box).uidNext });
  const [uidNext, targetUidValidity] = readTarget(context, target, uids.length);
  const modseq = readModseq(database, target) + 1;
  const copied = new CopiedUids();
  const totals: Totals = [0, 0, 0, 0];
  let isSliced = false;
  while (walk.hasMore) {
    if (context.isSliceOver) {
      if (!isSliced) noteUnpublished(database, target);
      isSliced = true;
      context = yield undefined;
    }
    const selection = select(mailboxId, walk.next());
    if (selection === undefined) continue;
    const copies = { target, firstUid: uidNext + copied.count, modseq };
    copied.add(selection.states.uids, copies.firstUid);
    addTotals(totals, copyRows(context, selection, copies));
    addStates(context, selection, copies);
  }
  if (isSliced) forgetUnpublished(database, target);
  if (copied.count > 0) {
    countAdded(context, target.mailboxId, totals);
    noteCopies(context, target, { firstUid: uidNext, count: copied.count, isSliced });
  }
  const targetModseq = copied.count > 0 ? modseq : modseq - 1;
  return { targetUidValidity, ...copied.resultOf(copied.count), targetModseq };
}

function noteCopies(
  context: WriteContext,
  target: MailboxKey,
  { firstUid, count, isSliced }: { firstUid: number; count: number; isSliced: boolean },
): void {
  const { database } = context;
  const { mailboxId } = target;
  if (isSliced) return context.noteManyAdded(mailboxId);
  const range = { after: firstUid - 1, endUid: Infinity, count: Infinity };
  context.noteAdded(mailboxId, count, () =>
    readSlice(database, target, range).toStates(readKeywords(database, mailboxId)),
  );
}

/** Where copies go. */
interface CopyTarget {
  readonly target: MailboxKey;
  readonly firstUid: number;
  readonly modseq: number;
}

/** Writes rows of copies of the messages, without their states and without counting them in; returns their sums. */
function copyRows(
  context: WriteContext,
  selection: Selection,
  { target, firstUid }: CopyTarget,
): Totals {
  const { database } = context;
  const { mailboxId, conditions } = selection;
  // Before the copies are there, which the conditions would name too if the target is the source.
  const totals = readTotals(database, selection);
  changeReferences(database, selection, 'reference_count = reference_count + r.count');
  let uid = firstUid;
  for (const { sql, values, count } of conditions) {
    const added = database.run(
      `INSERT INTO messages
       SELECT ?, ? + row_number() OVER (ORDER BY m.uid), m.body_id, m.size_bytes,
         m.internal_seconds, m.zone_minutes, ?
       FROM messages m WHERE m.mailbox_id = ? AND ${sql}`,
      target.mailboxId,
      uid - 1,
      Math.floor(context.nowMs / 1000),
      mailboxId,
      ...values,
    );
    if (added !== count) throw damage(`Mailbox ${mailboxId} lacks messages that have states`);
    uid += count;
  }
  return totals;
}

/** Writes the states of the copies. */
function addStates(
  context: WriteContext,
  { mailboxId, states }: Selection,
  { target, firstUid, modseq }: CopyTarget,
): void {
  const mailboxes = { sourceId: mailboxId, targetId: target.mailboxId };
  appendStates(context.database, target.mailboxId, {
    uids: states.uids.map((_, index) => firstUid + index),
    modseqs: new Float64Array(states.uids.length).fill(modseq),
    flags: states.flags,
    sets: translateKeywords(context, states.sets, mailboxes),
  });
}

/** The mailbox has messages behind its end from now on. */
function noteUnpublished(database: Database, { mailboxId }: MailboxKey): void {
  database.run('INSERT INTO unpublished_copies (mailbox_id) VALUES (?)', mailboxId);
}

/**
 * Deletes the messages behind the end of a mailbox: the copies of a request that failed, or that ended with its process.
 * Nobody else may change the mailbox meanwhile.
 */
export function* discardCopies(
  first: WriteContext,
  { mailboxId }: { mailboxId: number },
): SlicedWork<void> {
  let context = first;
  while (deleteRows(context, mailboxId, { isBehindEnd: true }) > 0) {
    if (context.isSliceOver) context = yield undefined;
  }
  forgetUnpublished(context.database, { mailboxId });
}

/** Deletes some messages of a mailbox that nobody can reach, and takes their references; returns how many. */
export function deleteRows(
  context: WriteContext,
  mailboxId: number,
  { isBehindEnd }: { isBehindEnd: boolean },
): number {
  const { database } = context;
  const firstUid = isBehindEnd ? readUidNext(database, mailboxId) : 1;
  const [lastUid, count] = database.row<[number | null, number]>(
    `SELECT max(uid), count(*) FROM
       (SELECT uid FROM messages WHERE mailbox_id = ? AND uid >= ? ORDER BY uid LIMIT ?)`,
    mailboxId,
    firstUid,
    context.stepMessages,
  )!;
  if (lastUid === null) return 0;
  const range = { sql: 'm.uid BETWEEN ? AND ?', values: [firstUid, lastUid], count };
  const rows = { mailboxId, conditions: [range] };
  releaseBodies(context, rows);
  deleteSelection(database, rows);
  if (isBehindEnd) removeStates(database, mailboxId, { firstUid, lastUid });
  return count;
}

function removeStates(
  database: Database,
  mailboxId: number,
  { firstUid, lastUid }: { firstUid: number; lastUid: number },
): void {
  // Ends: each round removes some of them.
  for (;;) {
    const page = findPage(database, mailboxId, firstUid);
    const uids = page?.states.uids ?? new Uint32Array();
    const start = lowerBound(uids, uids.length, firstUid);
    const end = lowerBound(uids, uids.length, lastUid + 1);
    if (page === undefined || end <= start) return;
    const isKept = new Uint8Array(uids.length).fill(1).fill(0, start, end);
    replaceStates(database, mailboxId, page, filterStates(page.states, isKept));
  }
}

function readUidNext(database: Database, mailboxId: number): number {
  const row = database.row<[number]>('SELECT uid_next FROM mailboxes WHERE id = ?', mailboxId);
  return row?.[0] ?? 1;
}

/** @see MailStore.expungeMessages */
export function* expungeMessages(
  first: WriteContext,
  { box, uids }: { box: MailboxKey; uids: Uint32Array | undefined },
): SlicedWork<ExpungeResult> {
  let context = first;
  const { uidNext, deletedCount, highestModseq } = readCounters(context.database, box);
  let modseq = highestModseq;
  const expunged: Uint32Array[] = [];
  const toResult = (doneModseq: number, sliceCount: number) => ({
    modseq: doneModseq,
    uids: joinUids(expunged.slice(0, sliceCount)),
  });
  const { mailboxId } = box;
  const walk = new PageWalk(context.database, {
    mailboxId,
    uids,
    // If no message has \Deleted none is read.
    endUid: deletedCount === 0 ? 1 : uidNext,
    maxMessages: context.stepMessages,
    isDeletedOnly: true,
  });
  while (walk.hasMore) {
    if (context.isSliceOver) context = yield toResult.bind(undefined, modseq, expunged.length);
    const selection = select(mailboxId, selectDeleted(walk.next()));
    if (selection === undefined) continue;
    modseq = removeSelection(context, selection);
    expunged.push(selection.states.uids);
  }
  return toResult(modseq, expunged.length);
}

/** Expunges one message, whatever its flags; the modseq of that. `NONEXISTENT`. */
export function expungeMessage(context: WriteContext, { box, uid }: MessageKey): number {
  const { mailboxId } = box;
  const { uidNext } = readCounters(context.database, box);
  const walk = walkOf(context, { mailboxId, uids: Uint32Array.of(uid), endUid: uidNext });
  const selection = select(mailboxId, walk.next());
  if (selection === undefined) {
    throw new StoreError('NONEXISTENT', 'The message does not exist any more');
  }
  return removeSelection(context, selection);
}

/** Expunges the messages; the modseq of that. */
function removeSelection(context: WriteContext, selection: Selection): number {
  const { database } = context;
  const { mailboxId, page, isChosen, states } = selection;
  const { uids } = states;
  const modseq = context.takeModseq(mailboxId);
  countRemoved(database, { mailboxId, uids, totals: readTotals(database, selection) });
  releaseBodies(context, selection);
  rememberExpunged(database, { mailboxId, modseq, uids });
  deleteSelection(database, selection);
  const left = filterStates(
    page.states,
    isChosen.map((bit) => 1 - bit),
  );
  replaceStates(database, mailboxId, page, left);
  context.noteExpunged(mailboxId, uids);
  return modseq;
}

/**
 * Each slice is a move of its own: a message is in one of the two mailboxes, never in both or none.
 *
 * @see MailStore.moveMessages; RFC 6851, section 3.3
 */
export function* moveMessages(
  first: WriteContext,
  { box, uids, target }: { box: MailboxKey; uids: Uint32Array | undefined; target: MailboxKey },
): SlicedWork<CopyResult> {
  let context = first;
  const { database } = context;
  const { uidNext, messageCount, highestModseq } = readCounters(database, box);
  const [, targetUidValidity] = readTarget(context, target, uids?.length ?? messageCount);
  let [sourceModseq, targetModseq] = [highestModseq, readModseq(database, target)];
  const { mailboxId } = box;
  const walk = walkOf(context, { mailboxId, uids, endUid: uidNext });
  const moved = new CopiedUids();
  const resultNow = (): (() => CopyResult) => {
    const [count, modseqs] = [moved.count, { sourceModseq, targetModseq }];
    return () => ({ targetUidValidity, ...moved.resultOf(count), ...modseqs });
  };
  while (walk.hasMore) {
    if (context.isSliceOver) context = yield resultNow();
    const selection = select(mailboxId, walk.next());
    if (selection === undefined) continue;
    const { length: count } = selection.states.uids;
    const [firstUid] = readTarget(context, target, count);
    targetModseq = context.takeModseq(target.mailboxId);
    const copies = { target, firstUid, modseq: targetModseq };
    countAdded(context, target.mailboxId, copyRows(context, selection, copies));
    sourceModseq = removeSelection(context, selection);
    // After that, or the page from which they go would have changed if the target is the source.
    addStates(context, selection, copies);
    noteCopies(context, target, { firstUid, count, isSliced: false });
    moved.add(selection.states.uids, firstUid);
  }
  return resultNow()();
}

import { joinUids } from '../../protocol/sorted-uids.ts';
import type { CopyResult, ExpungeResult, MailboxKey } from '../mail-store.ts';
import type { Database } from './database.ts';
import { rememberExpunged } from './expunged.ts';
import { deletedBit, seenBit } from './flag-words.ts';
import { mapKeywords } from './keywords.ts';
import {
  countAdded,
  countRemoved,
  forgetUnpublished,
  readCounters,
  readModseq,
  readTarget,
  type Totals,
} from './mailbox-counters.ts';
import {
  NumberColumn,
  queryStates,
  stateColumnsSql,
  stepSource,
  toUids,
  type UidScan,
} from './message-states.ts';
import { type MailboxScan, scanOf, uidConditions, type UidCondition } from './uid-runs.ts';
import type { SlicedWork, WriteContext } from './writer/write-context.ts';

/** Messages of a mailbox that a step of the work is about. */
interface Selection {
  readonly mailboxId: number;
  /** Ascending. */
  readonly uids: Uint32Array;
  readonly conditions: readonly UidCondition[];
}

/** Reads what is next, and moves on: the named messages that exist, or those of them that have \Deleted. */
function selectNext(
  { database }: WriteContext,
  { mailboxId }: MailboxKey,
  scan: UidScan | MailboxScan,
  { isDeletedOnly = false } = {},
): Selection {
  const step = scan.step!;
  const { from, values } = stepSource(step, mailboxId);
  const row = database.row<[string, string]>(
    `SELECT json_group_array(uid), json_group_array(is_deleted)
     FROM (SELECT m.uid, m.system_flags & ${deletedBit} <> 0 AS is_deleted FROM ${from})`,
    ...values,
  );
  const [uids, areDeleted] = (row ?? ['[]', '[]']).map(toUids) as [Uint32Array, Uint32Array];
  const isChosen = scan.take(step, uids);
  if (isDeletedOnly) for (const [index, bit] of areDeleted.entries()) isChosen[index]! &= bit;
  return {
    mailboxId,
    uids: uids.filter((_, index) => isChosen[index] === 1),
    conditions: uidConditions(step, uids, isChosen),
  };
}

function readTotals(database: Database, { mailboxId, conditions }: Selection): Totals {
  const totals: Totals = [0, 0, 0, 0];
  for (const { sql, values } of conditions) {
    const row = database.row<Totals>(
      `SELECT count(*), total(m.system_flags & ${seenBit} = 0),
         total(m.system_flags & ${deletedBit} <> 0), total(m.size_bytes)
       FROM messages m WHERE m.mailbox_id = ? AND ${sql}`,
      mailboxId,
      ...values,
    );
    addTotals(totals, row ?? [0, 0, 0, 0]);
  }
  return totals;
}

function addTotals(sum: Totals, more: Totals): void {
  for (const [index, count] of more.entries()) sum[index]! += count;
}

/** The UIDs that the slices of a copy or a move have given so far. */
class CopiedUids {
  readonly #sources = new NumberColumn(Uint32Array);
  readonly #targets = new NumberColumn(Uint32Array);

  add(uids: Uint32Array, firstTargetUid: number): void {
    for (const [index, uid] of uids.entries()) {
      this.#sources.push(uid);
      this.#targets.push(firstTargetUid + index);
    }
  }

  get count(): number {
    return this.#sources.length;
  }

  /** @param count of the first so many */
  resultOf(count: number): { sourceUids: Uint32Array; targetUids: Uint32Array } {
    const [sourceUids, targetUids] = [this.#sources.toArray(), this.#targets.toArray()];
    return { sourceUids: sourceUids.slice(0, count), targetUids: targetUids.slice(0, count) };
  }
}

const copiesSql = stateColumnsSql('messages WHERE mailbox_id = ? AND uid >= ? ORDER BY uid');

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
  const scan = scanOf(uids, readCounters(database, box).uidNext, context.stepMessages);
  const [uidNext, targetUidValidity] = readTarget(context, target, uids.length);
  const modseq = readModseq(database, target) + 1;
  const copied = new CopiedUids();
  const totals: Totals = [0, 0, 0, 0];
  let isSliced = false;
  while (scan.step !== undefined) {
    if (context.isSliceOver) {
      if (!isSliced) noteUnpublished(database, target);
      isSliced = true;
      context = yield undefined;
    }
    const selection = selectNext(context, box, scan);
    if (selection.uids.length === 0) continue;
    const firstUid = uidNext + copied.count;
    copied.add(selection.uids, firstUid);
    addTotals(totals, copySelection(context, selection, { target, firstUid, modseq }));
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
  { mailboxId }: MailboxKey,
  { firstUid, count, isSliced }: { firstUid: number; count: number; isSliced: boolean },
): void {
  if (isSliced) context.noteManyAdded(mailboxId);
  else {
    context.noteChanged(mailboxId, count, () =>
      queryStates(context.database, mailboxId, copiesSql, mailboxId, firstUid),
    );
  }
}

/** Writes copies of the messages, without counting them in; returns their sums. */
function copySelection(
  context: WriteContext,
  selection: Selection,
  { target, firstUid, modseq }: { target: MailboxKey; firstUid: number; modseq: number },
): Totals {
  const { database } = context;
  const { mailboxId, conditions } = selection;
  // Before the copies are there, which the conditions would name too if the target is the source.
  const totals = readTotals(database, selection);
  changeReferences(database, selection, 'reference_count = reference_count + r.count');
  let uid = firstUid;
  for (const condition of conditions) {
    const { sql, values, count } = condition;
    const keywords = mapKeywords(context, { mailboxId, condition, targetId: target.mailboxId });
    database.run(
      `INSERT INTO messages ${keywords.before}
       SELECT ?, ? + row_number() OVER (ORDER BY m.uid), ?, ?, m.body_id, m.size_bytes,
         m.internal_seconds, m.zone_minutes, m.system_flags, ${keywords.columns}, ?
       FROM messages m ${keywords.join} WHERE m.mailbox_id = ? AND ${sql}`,
      ...keywords.values,
      target.mailboxId,
      uid - 1,
      modseq,
      modseq,
      Math.floor(context.nowMs / 1000),
      mailboxId,
      ...values,
    );
    uid += count;
  }
  return totals;
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

/** Deletes some rows of a mailbox that nobody can reach, and takes their references; returns how many. */
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
  const selection = { mailboxId, conditions: [range] };
  releaseBodies(context, selection);
  deleteSelection(database, selection);
  return count;
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
  // If no message has \Deleted none is read.
  const scan = scanOf(uids, deletedCount === 0 ? 1 : uidNext, context.stepMessages);
  while (scan.step !== undefined) {
    if (context.isSliceOver) context = yield toResult.bind(undefined, modseq, expunged.length);
    const selection = selectNext(context, box, scan, { isDeletedOnly: true });
    if (selection.uids.length === 0) continue;
    modseq = removeSelection(context, selection);
    expunged.push(selection.uids);
  }
  return toResult(modseq, expunged.length);
}

/** Expunges the messages; the modseq of that. */
function removeSelection(context: WriteContext, selection: Selection): number {
  const { database } = context;
  const { mailboxId, uids } = selection;
  const modseq = context.takeModseq(mailboxId);
  countRemoved(database, { mailboxId, uids, totals: readTotals(database, selection) });
  releaseBodies(context, selection);
  rememberExpunged(database, { mailboxId, modseq, uids });
  deleteSelection(database, selection);
  context.noteExpunged(mailboxId, uids);
  return modseq;
}

/** Changes the reference counts of the messages' bodies; `r.count` is how many of the messages have the body. */
function changeReferences(
  database: Database,
  { mailboxId, conditions }: Pick<Selection, 'mailboxId' | 'conditions'>,
  assignments: string,
  ...assigned: number[]
): void {
  for (const { sql, values } of conditions) {
    database.run(
      `UPDATE bodies SET ${assignments}
       FROM (SELECT m.body_id, count(*) AS count FROM messages m
         WHERE m.mailbox_id = ? AND ${sql} GROUP BY m.body_id) r
       WHERE id = r.body_id`,
      ...assigned,
      mailboxId,
      ...values,
    );
  }
}

/** Takes one reference for each message; bodies without any are readable for a while. */
function releaseBodies(
  { database, nowMs }: WriteContext,
  selection: Pick<Selection, 'mailboxId' | 'conditions'>,
): void {
  changeReferences(
    database,
    selection,
    `reference_count = reference_count - r.count,
       unreferenced_at = CASE WHEN reference_count = r.count THEN ? END`,
    nowMs,
  );
}

/** Deletes the rows of the messages, and nothing else. */
function deleteSelection(
  database: Database,
  { mailboxId, conditions }: Pick<Selection, 'mailboxId' | 'conditions'>,
): void {
  for (const { sql, values } of conditions) {
    database.run(
      `DELETE FROM messages AS m WHERE m.mailbox_id = ? AND ${sql}`,
      mailboxId,
      ...values,
    );
  }
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
  const scan = scanOf(uids, uidNext, context.stepMessages);
  const moved = new CopiedUids();
  const resultNow = (): (() => CopyResult) => {
    const [count, modseqs] = [moved.count, { sourceModseq, targetModseq }];
    return () => ({ targetUidValidity, ...moved.resultOf(count), ...modseqs });
  };
  while (scan.step !== undefined) {
    if (context.isSliceOver) context = yield resultNow();
    const selection = selectNext(context, box, scan);
    if (selection.uids.length === 0) continue;
    const [firstUid] = readTarget(context, target, selection.uids.length);
    targetModseq = context.takeModseq(target.mailboxId);
    const copies = { target, firstUid, modseq: targetModseq };
    countAdded(context, target.mailboxId, copySelection(context, selection, copies));
    noteCopies(context, target, { firstUid, count: selection.uids.length, isSliced: false });
    moved.add(selection.uids, firstUid);
    sourceModseq = removeSelection(context, selection);
  }
  return resultNow()();
}

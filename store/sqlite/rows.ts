import { lowerBound } from '../../protocol/sequence-set.ts';
import { withoutUids } from '../../protocol/sorted-uids.ts';
import { limits } from '../limits.ts';
import type { MailboxKey } from '../mail-store.ts';
import type { MessageColumn, MessageRows } from '../message-rows.ts';
import type { Database } from './database.ts';
import { readCounters } from './mailbox-counters.ts';
import { expectGone } from './message-states.ts';
import { firstOfRun, lastOfRun, toRuns } from './number-runs.ts';
import { RowBatch, RowPlan, type ValueRow } from './row-columns.ts';
import { addUsualFields } from './usual-field-rows.ts';

/**
 * The messages of the named UIDs that exist, batch by batch. Nothing of the database is held while the
 * caller has a batch.
 *
 * @see MailStore.rows
 */
export async function* readRows(
  database: Database,
  box: MailboxKey,
  uids: Uint32Array,
  columns: ReadonlySet<MessageColumn>,
): AsyncGenerator<MessageRows> {
  const reader = new RowReader(database, box, new RowPlan(columns));
  const hasFields = columns.has('usualFields');
  let position = 0;
  // Ends: each batch goes on behind the last UID of the one before.
  while (position < uids.length) {
    const { batch, lastUid } = reader.read(uids.subarray(position, position + limits.batchRows));
    position = lowerBound(uids, uids.length, lastUid + 1);
    if (batch.count === 0) continue;
    yield hasFields ? addUsualFields(database, batch.toRows()) : batch.toRows();
  }
}

class RowReader {
  readonly #database: Database;
  readonly #box: MailboxKey;
  readonly #plan: RowPlan;

  constructor(database: Database, box: MailboxKey, plan: RowPlan) {
    this.#database = database;
    this.#box = box;
    this.#plan = plan;
  }

  /** As many as a batch may have; `lastUid` is the last one that was looked at. */
  read(uids: Uint32Array): { batch: RowBatch; lastUid: number } {
    const batch = new RowBatch(this.#plan, uids.length);
    // Messages behind the end of the mailbox are not to be seen.
    const { uidNext } = readCounters(this.#database, this.#box);
    const end = lowerBound(uids, uids.length, uidNext);
    for (let position = 0; position < end; position += limits.stepRows) {
      const step = uids.subarray(position, Math.min(position + limits.stepRows, end));
      for (const row of this.#rows(step, this.#plan.boundedSelect)) {
        if (!batch.add(row)) this.#addWhole(batch, row[0]);
        if (batch.bytes < limits.batchBytes) continue;
        this.#expectAll(batch, uids.subarray(0, lowerBound(uids, end, row[0] + 1)));
        return { batch, lastUid: row[0] };
      }
    }
    this.#expectAll(batch, uids.subarray(0, end));
    return { batch, lastUid: uids.at(-1)! };
  }

  /** A message that was not found must be gone: its row can be lost. */
  #expectAll(batch: RowBatch, lookedAt: Uint32Array): void {
    if (batch.count === lookedAt.length) return;
    const missing = withoutUids(lookedAt, batch.uids.subarray(0, batch.count));
    expectGone(this.#database, this.#box, missing);
  }

  /** Adds a message with a value that is too large to be read together with others', unless it is gone by now. */
  #addWhole(batch: RowBatch, uid: number): void {
    for (const row of this.#rows(Uint32Array.of(uid), this.#plan.select)) batch.add(row);
  }

  #rows(uids: Uint32Array, select: string): ValueRow[] {
    return this.#database.rows<ValueRow>(
      `SELECT ${select} FROM json_each(?) run CROSS JOIN messages m ON m.mailbox_id = ?
         AND m.uid BETWEEN ${firstOfRun} AND ${lastOfRun} ${this.#plan.joins}`,
      toRuns(uids),
      this.#box.mailboxId,
    );
  }
}

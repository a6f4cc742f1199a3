import type { Database } from './database.ts';
import { deletedBit } from './flag-words.ts';
import type { Totals } from './mailbox-counters.ts';
import type { PackedStates } from './states/packed-states.ts';
import type { PageSelection } from './states/page-walk.ts';
import { countStates, filterStates, type StatePage } from './states/state-pages.ts';
import { uidConditions, type UidCondition } from './uid-runs.ts';
import type { WriteContext } from './writer/write-context.ts';

/** Messages of a page that a step of the work is about. */
export interface Selection {
  readonly mailboxId: number;
  readonly page: StatePage;
  /** For each message of the page: 1 or 0. */
  readonly isChosen: Uint8Array;
  /** Those of the page. */
  readonly states: PackedStates;
  /** Name the rows of the same messages. */
  readonly conditions: readonly UidCondition[];
}

/** The messages that a walk has come to; undefined if it has come to none. */
export function select(
  mailboxId: number,
  selection: PageSelection | undefined,
): Selection | undefined {
  if (selection === undefined) return undefined;
  const { page, isChosen, chosenCount } = selection;
  const { uids } = page.states;
  const states = chosenCount === uids.length ? page.states : filterStates(page.states, isChosen);
  return { mailboxId, page, isChosen, states, conditions: uidConditions(uids, isChosen) };
}

/** Those of them that have \Deleted; undefined if none has. */
export function selectDeleted(selection: PageSelection | undefined): PageSelection | undefined {
  if (selection === undefined) return undefined;
  const { page, isChosen } = selection;
  const { flags, sets } = page.states;
  const isDeleted = Uint8Array.from(sets, ([system]) => ((system & deletedBit) === 0 ? 0 : 1));
  let chosenCount = 0;
  for (let index = 0; index < flags.length; index++) {
    isChosen[index]! &= isDeleted[flags[index]!]!;
    chosenCount += isChosen[index]!;
  }
  return chosenCount === 0 ? undefined : { page, isChosen, chosenCount };
}

/** Their sums. */
export function readTotals(
  database: Database,
  { mailboxId, states, conditions }: Selection,
): Totals {
  let sizeBytes = 0;
  for (const { sql, values } of conditions) {
    const row = database.row<[number]>(
      `SELECT total(m.size_bytes) FROM messages m WHERE m.mailbox_id = ? AND ${sql}`,
      mailboxId,
      ...values,
    );
    sizeBytes += row?.[0] ?? 0;
  }
  const { unseenCount, deletedCount } = countStates(states);
  return [states.uids.length, unseenCount, deletedCount, sizeBytes];
}

/** Changes the reference counts of the messages' bodies; `r.count` is how many of the messages have the body. */
export function changeReferences(
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
export function releaseBodies(
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
export function deleteSelection(
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

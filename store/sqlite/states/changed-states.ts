import { limits } from '../../limits.ts';
import { lowerBound } from '../../../protocol/sequence-set.ts';
import type { Database } from '../database.ts';
import { ChangedRuns, type ChangedStates, type Cursor, sliceRun } from './changed-runs.ts';
import type { PackedStates } from './packed-states.ts';
import { StateColumns } from './state-columns.ts';
import { filterStates, findPage, pageOf, pageOfUid } from './state-pages.ts';

/** Which messages changed. */
export interface ChangedRange {
  readonly from: Cursor;
  /** The largest modseq. All that has one up to it is there: messages of the range may go, and none comes. */
  readonly until: number;
}

/** Of a selection at one time; above it the last of them are dropped. */
export interface SelectionBounds {
  readonly maxMessages: number;
  /** Sets of flags. */
  readonly maxSets: number;
}

type PageRow = [firstUid: number, id: number, lowest: number, highest: number];

/**
 * Finds the messages of a range in bounded steps, between which pages may change, be divided or joined: it goes by UID, so that none
 * is missed that stays as it is. What it has found may have changed since; {@link checkChanged} tells.
 *
 * It reads no page without such messages, and none that only has some that would be dropped.
 */
export class ChangeSelection {
  readonly found = new ChangedRuns();
  readonly #database: Database;
  readonly #mailboxId: number;
  readonly #from: Cursor;
  readonly #bounds: SelectionBounds;
  /** Of those that are wanted. */
  #last: Cursor;
  #isAll = true;
  /** All up to this UID is read. */
  #readUid = 0;

  constructor(
    database: Database,
    mailboxId: number,
    { from, until }: ChangedRange,
    bounds: SelectionBounds = { maxMessages: limits.maxChanges, maxSets: limits.maxEventMessages },
  ) {
    this.#database = database;
    this.#mailboxId = mailboxId;
    this.#from = from;
    this.#last = [until, Infinity];
    this.#bounds = bounds;
  }

  /** False if there are more behind those that were found. */
  get isAll(): boolean {
    return this.#isAll;
  }

  /** The next step; false if there is no further one. */
  step(): boolean {
    const rows = this.#database.rows<PageRow>(
      `SELECT first_uid, id, lowest_modseq, highest_modseq FROM state_pages
       WHERE mailbox_id = ?1 AND first_uid >= ${pageOfUid} ORDER BY first_uid LIMIT ?3`,
      this.#mailboxId,
      this.#readUid + 1,
      limits.stepPageHeads,
    );
    const columns = new StateColumns();
    let readCount = 0;
    for (const [index, row] of rows.entries()) {
      // The last one ends where that of the next step begins.
      const endUid = rows[index + 1]?.[0] ?? (rows.length < limits.stepPageHeads ? Infinity : 0);
      if (this.#isWanted(row, endUid)) {
        if (readCount++ === limits.stepPages) return this.#add(columns, true);
        const { states } = pageOf(this.#database, row[1]);
        this.#choose(states, columns);
      }
      this.#readUid = Math.max(this.#readUid, endUid - 1);
    }
    return this.#add(columns, rows.length === limits.stepPageHeads);
  }

  #isWanted([firstUid, , lowest, highest]: PageRow, endUid: number): boolean {
    // Not known: the next step looks at it.
    if (endUid === 0) return false;
    const [from, last] = [this.#from, this.#last];
    const hasBehind = highest > from[0] || (highest === from[0] && endUid - 1 > from[1]);
    return hasBehind && (lowest < last[0] || (lowest === last[0] && firstUid <= last[1]));
  }

  /** Takes those of a page that are in the range and were not read. */
  #choose(states: PackedStates, columns: StateColumns): void {
    const { uids, modseqs } = states;
    const [[fromModseq, fromUid], [lastModseq, lastUid]] = [this.#from, this.#last];
    const isChosen = new Uint8Array(uids.length);
    let count = 0;
    const start = lowerBound(uids, uids.length, this.#readUid + 1);
    for (let index = start; index < uids.length; index++) {
      const [uid, modseq] = [uids[index]!, modseqs[index]!];
      const isBehind = modseq > fromModseq || (modseq === fromModseq && uid > fromUid);
      if (!isBehind || modseq > lastModseq || (modseq === lastModseq && uid > lastUid)) continue;
      isChosen[index] = 1;
      count++;
    }
    if (count > 0) columns.add(count < uids.length ? filterStates(states, isChosen) : states);
  }

  #add(columns: StateColumns, hasMore: boolean): boolean {
    this.found.add(columns);
    const { maxMessages, maxSets } = this.#bounds;
    // Ends: with one message, there is one set.
    while (
      this.found.count > 1 &&
      (this.found.count > maxMessages || this.found.setCount > maxSets)
    ) {
      this.#isAll = false;
      this.#last = this.found.keepFirst(this.found.count >>> 1);
    }
    return hasMore;
  }
}

/**
 * Of states in their order, those that are still so, up to the bound of pages that one step reads.
 *
 * @returns also how many were looked at
 */
export function checkChanged(
  database: Database,
  mailboxId: number,
  changed: ChangedStates,
): { readonly states: ChangedStates; readonly count: number } {
  const { uids, modseqs } = changed;
  const isSame = new Uint8Array(uids.length);
  const pages: { from: number; to: number; states: PackedStates | undefined }[] = [];
  let count = 0;
  for (; count < uids.length; count++) {
    const uid = uids[count]!;
    let page = pages.find(({ from, to }) => from <= uid && uid <= to);
    if (page === undefined) {
      if (pages.length === limits.stepPages) break;
      const found = findPage(database, mailboxId, uid);
      const from = Math.min(uid, found?.firstUid ?? uid);
      page = { from, to: found?.states.uids.at(-1) ?? Infinity, states: found?.states };
      pages.push(page);
    }
    if (page.states === undefined) continue;
    const place = lowerBound(page.states.uids, page.states.uids.length, uid);
    const isThere = page.states.uids[place] === uid;
    if (isThere && page.states.modseqs[place] === modseqs[count]) isSame[count] = 1;
  }
  const keeps = (_: number, index: number): boolean => isSame[index] === 1;
  const looked = sliceRun(changed, 0, count);
  const states = {
    uids: looked.uids.filter(keeps),
    modseqs: looked.modseqs.filter(keeps),
    flags: looked.flags.filter(keeps),
    sets: looked.sets,
  };
  return { states, count };
}

import type { Database } from '../database.ts';
import type { FlagWords } from '../flag-words.ts';
import type { PackedStates } from './packed-states.ts';
import { StateColumns } from './state-columns.ts';
import { filterStates, pageOf } from './state-pages.ts';

/** How far a walk by modseq and UID has come. */
export type Cursor = readonly [modseq: number, uid: number];

/** States by modseq, and by UID within a modseq. */
export interface ChangedStates {
  readonly uids: Uint32Array;
  readonly modseqs: Float64Array;
  /** For each message the number of its flags in `sets`. */
  readonly flags: Uint32Array;
  readonly sets: readonly FlagWords[];
  /** False if there are more behind the last one. */
  readonly isAll: boolean;
}

/** What is selected. */
interface Selection {
  readonly from: Cursor;
  /** The largest modseq. */
  readonly until: number;
  /** UIDs from here on are not to be seen. */
  readonly endUid: number;
  readonly maxCount: number;
}

/**
 * The first messages behind a modseq and a UID, at most `maxCount` of them. Pages are read in the order of their lowest modseqs,
 * and no more of them than can have such messages: of mail that came and was never changed just those that are told.
 */
export function selectChanged(
  database: Database,
  mailboxId: number,
  selection: Selection,
): ChangedStates {
  const { from, until, maxCount } = selection;
  const pages = database.rows<[id: number, lowest: number, firstUid: number]>(
    `SELECT id, lowest_modseq, first_uid FROM state_pages
     WHERE mailbox_id = ?1 AND lowest_modseq <= ?4 AND highest_modseq >= ?2 AND
       (highest_modseq > ?2 OR first_uid >= coalesce(
         (SELECT max(first_uid) FROM state_pages WHERE mailbox_id = ?1 AND first_uid <= ?3), 0))
     ORDER BY lowest_modseq, first_uid`,
    mailboxId,
    ...from,
    until,
  );
  const found = new FoundStates();
  let last: Cursor = [until, Infinity];
  let isAll = true;
  for (const [id, lowest, firstUid] of pages) {
    if (lowest > last[0] || (lowest === last[0] && firstUid > last[1])) break;
    found.add(pageOf(database, id).states, { ...selection, until: last[0] });
    if (found.count < (isAll ? maxCount : 2 * maxCount)) continue;
    isAll = false;
    last = found.keepFirst(maxCount);
  }
  found.keepFirst(maxCount);
  return { ...found.all, isAll };
}

/** States that may be among the first ones. */
class FoundStates {
  #columns = new StateColumns();

  get count(): number {
    return this.#columns.count;
  }

  add(states: PackedStates, { from, until, endUid }: Omit<Selection, 'maxCount'>): void {
    const { uids, modseqs } = states;
    const isChosen = new Uint8Array(uids.length);
    let count = 0;
    for (let index = 0; index < uids.length; index++) {
      const [uid, modseq] = [uids[index]!, modseqs[index]!];
      const isBehind = modseq > from[0] || (modseq === from[0] && uid > from[1]);
      if (!isBehind || modseq > until || uid >= endUid) continue;
      isChosen[index] = 1;
      count++;
    }
    if (count > 0) this.#columns.add(count < uids.length ? filterStates(states, isChosen) : states);
  }

  /** Brings them into their order, and drops all but the first ones; returns the last that is left. */
  keepFirst(maxCount: number): Cursor {
    const { uids, modseqs, flags, sets } = this.all;
    const order = Uint32Array.from(uids.keys());
    const isOrdered = isInOrder(uids, modseqs);
    if (!isOrdered) order.sort((a, b) => modseqs[a]! - modseqs[b]! || uids[a]! - uids[b]!);
    const kept = order.subarray(0, maxCount);
    if (!isOrdered || kept.length < order.length) {
      // Anew, with none of the sets that only those have had that are dropped.
      this.#columns = new StateColumns();
      this.#columns.add({
        uids: kept.map((place) => uids[place]!),
        modseqs: Float64Array.from(kept, (place) => modseqs[place]!),
        flags: kept.map((place) => flags[place]!),
        sets,
      });
    }
    const last = kept.at(-1);
    return last === undefined ? [Infinity, Infinity] : [modseqs[last]!, uids[last]!];
  }

  get all(): Omit<ChangedStates, 'isAll'> {
    const { uids, modseqs, flags, sets } = this.#columns;
    const columns = { uids: uids.toArray(), modseqs: modseqs.toArray(), flags: flags.toArray() };
    return { ...columns, sets: sets.all };
  }
}

function isInOrder(uids: Uint32Array, modseqs: Float64Array): boolean {
  for (let index = 1; index < uids.length; index++) {
    const difference = modseqs[index]! - modseqs[index - 1]!;
    if (difference < 0 || (difference === 0 && uids[index]! < uids[index - 1]!)) return false;
  }
  return true;
}

import type { SQLInputValue } from 'node:sqlite';
import { limits } from '../limits.ts';

/** Rows of a trial, by which the scan sees how dense the wanted UIDs are. */
const trialRows = 64;

/** Of the rows of a range so many must be wanted (one in eight), or looking each UID up is quicker. */
const minDensity = 1 / 8;

/** What to read next. */
export type UidStep =
  | {
      /** The first rows of a range, wanted or not. */
      readonly kind: 'range';
      readonly firstUid: number;
      readonly lastUid: number;
      readonly maxRows: number;
    }
  | {
      /** Just these. */
      readonly kind: 'list';
      readonly uids: Uint32Array;
    };

/**
 * Walks through those messages of a mailbox whose UIDs are named, in bounded steps. UIDs that lie close are
 * read as ranges, which costs a fifth of looking each up; UIDs that are scattered are looked up, so that
 * nothing is ever read that costs more than the named ones. Loop while there is a {@link step}: read it with
 * {@link stepSource}, then give {@link take} the UIDs that were read.
 */
export class UidScan {
  readonly #uids: Uint32Array;
  readonly #maxRows: number;
  #position = 0;
  /** Rows of the next range; 0: the next step is a list. */
  #rangeRows: number;

  /** @param uids ascending, without duplicates */
  constructor(uids: Uint32Array, maxRows: number = limits.sliceMessages) {
    this.#uids = uids;
    this.#maxRows = maxRows;
    const span = uids.length === 0 ? 0 : uids.at(-1)! - uids[0]! + 1;
    this.#rangeRows = Math.min(maxRows, span <= 2 * uids.length ? maxRows : trialRows);
  }

  /** Undefined at the end. */
  get step(): UidStep | undefined {
    if (this.#position >= this.#uids.length) return undefined;
    if (this.#rangeRows === 0) {
      const end = this.#position + this.#maxRows;
      return { kind: 'list', uids: this.#uids.subarray(this.#position, end) };
    }
    return {
      kind: 'range',
      firstUid: this.#uids[this.#position]!,
      lastUid: this.#uids.at(-1)!,
      maxRows: this.#rangeRows,
    };
  }

  /**
   * Moves on behind the step.
   *
   * @param read the UIDs that reading the step has yielded, ascending
   * @returns for each whether it is wanted
   */
  take(step: UidStep, read: ArrayLike<number>): Uint8Array {
    const isWanted = new Uint8Array(read.length);
    if (step.kind === 'list') {
      this.#position += step.uids.length;
      this.#rangeRows = Math.min(this.#maxRows, trialRows);
      return isWanted.fill(1);
    }
    let wantedCount = 0;
    for (let index = 0; index < read.length; index++) {
      const uid = read[index]!;
      while (this.#position < this.#uids.length && this.#uids[this.#position]! < uid) {
        this.#position++;
      }
      if (this.#uids[this.#position] !== uid) continue;
      isWanted[index] = 1;
      wantedCount++;
      this.#position++;
    }
    // The range ended before its rows did: there is nothing behind.
    if (read.length < step.maxRows) this.#position = this.#uids.length;
    this.#rangeRows =
      wantedCount < read.length * minDensity ? 0 : Math.min(this.#maxRows, 4 * step.maxRows);
    return isWanted;
  }
}

/**
 * The messages of a step, ascending, as what follows FROM in a query on `messages m`.
 *
 * @param join tables that are joined to it, each row of `messages` with one of theirs
 */
export function stepSource(
  step: UidStep,
  mailboxId: number,
  join = '',
): { readonly from: string; readonly values: readonly SQLInputValue[] } {
  if (step.kind === 'list') {
    return {
      from: `json_each(?) j CROSS JOIN messages m ON m.mailbox_id = ? AND m.uid = j.value ${join}`,
      values: [`[${step.uids.join()}]`, mailboxId],
    };
  }
  return {
    from: `messages m ${join} WHERE m.mailbox_id = ? AND m.uid BETWEEN ? AND ?
      ORDER BY m.uid LIMIT ?`,
    values: [mailboxId, step.firstUid, step.lastUid, step.maxRows],
  };
}

import { lowerBound } from '../../protocol/sequence-set.ts';
import { UidScan, type UidStep } from './message-states.ts';

/** Messages that lie side by side: between the ends lies no message that is not meant. */
interface UidRun {
  readonly firstUid: number;
  lastUid: number;
  count: number;
}

/** Some messages of a mailbox, for a statement that names the table `m`. */
export interface UidCondition {
  /** Stands behind `m.mailbox_id = ? AND`. */
  readonly sql: string;
  /** What it binds. */
  readonly values: readonly (number | string)[];
  readonly count: number;
}

/** Above this many runs one statement that looks each UID up is quicker than one for each run. */
const maxRuns = 64;

/**
 * Conditions that together name the chosen ones of the messages that a step has read, each message in one of them, in
 * the order of the UIDs: ranges if there are few, which cost a fifth of looking each UID up.
 *
 * @param uids what the step has read, ascending
 * @param isChosen for each of them
 */
export function uidConditions(
  step: UidStep,
  uids: Uint32Array,
  isChosen: Uint8Array,
): readonly UidCondition[] {
  const runs = findRuns(uids, isChosen);
  // What lies between the UIDs of a list has not been read.
  if (step.kind === 'range' && runs.length <= maxRuns) return runs.map(toCondition);
  const chosen = uids.filter((_, index) => isChosen[index] === 1);
  return chosen.length === 0 ? [] : [uidListCondition(chosen)];
}

function uidListCondition(uids: Uint32Array): UidCondition {
  return {
    sql: 'm.uid IN (SELECT value FROM json_each(?))',
    values: [`[${uids.join()}]`],
    count: uids.length,
  };
}

function toCondition({ firstUid, lastUid, count }: UidRun): UidCondition {
  return { sql: 'm.uid BETWEEN ? AND ?', values: [firstUid, lastUid], count };
}

function findRuns(uids: Uint32Array, isChosen: Uint8Array): UidRun[] {
  const runs: UidRun[] = [];
  let open: UidRun | undefined;
  for (let index = 0; index < uids.length; index++) {
    if (isChosen[index] === 0) {
      open = undefined;
      continue;
    }
    const uid = uids[index]!;
    if (open === undefined) runs.push((open = { firstUid: uid, lastUid: uid, count: 0 }));
    open.lastUid = uid;
    open.count++;
  }
  return runs;
}

/** As {@link UidScan}, for all messages with UIDs below one. */
export class MailboxScan {
  readonly #uidNext: number;
  readonly #maxRows: number;
  #firstUid = 1;

  constructor(uidNext: number, maxRows: number) {
    this.#uidNext = uidNext;
    this.#maxRows = maxRows;
  }

  get step(): UidStep | undefined {
    if (this.#firstUid >= this.#uidNext) return undefined;
    const [firstUid, lastUid] = [this.#firstUid, this.#uidNext - 1];
    return { kind: 'range', firstUid, lastUid, maxRows: this.#maxRows };
  }

  take(_step: UidStep, read: ArrayLike<number>): Uint8Array {
    this.#firstUid = read.length < this.#maxRows ? this.#uidNext : read[read.length - 1]! + 1;
    return new Uint8Array(read.length).fill(1);
  }
}

/** The messages with UIDs below `uidNext`, or those of them that are named: not those that the work itself adds. */
export function scanOf(
  uids: Uint32Array | undefined,
  uidNext: number,
  maxRows: number,
): UidScan | MailboxScan {
  if (uids === undefined) return new MailboxScan(uidNext, maxRows);
  return new UidScan(uids.subarray(0, lowerBound(uids, uids.length, uidNext)), maxRows);
}

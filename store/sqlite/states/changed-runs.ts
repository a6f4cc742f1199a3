import type { FlagWords } from '../flag-words.ts';
import { StateColumns } from './state-columns.ts';

/** How far a walk by modseq and UID has come. */
export type Cursor = readonly [modseq: number, uid: number];

/** States by modseq, and by UID within a modseq. */
export interface ChangedStates {
  readonly uids: Uint32Array;
  readonly modseqs: Float64Array;
  /** For each message the number of its flags in `sets`. */
  readonly flags: Uint32Array;
  readonly sets: readonly FlagWords[];
}

/**
 * States that were found page by page, as runs that each are in their order: so no step has to sort more than it has found.
 * The UIDs of a run are larger than those of the runs before it.
 */
export class ChangedRuns {
  #runs: ChangedStates[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Sets of flags, each counted once for each run that has it. */
  get setCount(): number {
    return this.#runs.reduce((sum, { sets }) => sum + sets.length, 0);
  }

  /** @param columns - by UID, larger ones than all that are there */
  add(columns: StateColumns): void {
    if (columns.count === 0) return;
    this.#runs.push(inOrder(columns));
    this.#count += columns.count;
  }

  /** How many are not above a modseq. */
  countUpTo(modseq: number): number {
    return this.#runs.reduce((sum, { modseqs }) => sum + countUpTo(modseqs, modseq), 0);
  }

  /** The first ones of all, in their order. */
  first(count: number): ChangedStates {
    const ends = this.#cut(count);
    const columns = new StateColumns();
    for (const [place, run] of this.#runs.entries()) columns.add(sliceRun(run, 0, ends[place]));
    return inOrder(columns);
  }

  /** Drops the first ones. */
  drop(count: number): void {
    const ends = this.#cut(count);
    this.#replace(this.#runs.map((run, place) => sliceRun(run, ends[place]!)));
  }

  /** Drops all but the first ones, with the memory that they take; returns the last that is left. */
  keepFirst(count: number): Cursor {
    const ends = this.#cut(count);
    let last: Cursor = [-Infinity, 0];
    const kept = this.#runs.map((run, place) => {
      const end = ends[place]!;
      // Of equal modseqs, that of the later run has the larger UID.
      if (end > 0 && run.modseqs[end - 1]! >= last[0]) {
        last = [run.modseqs[end - 1]!, run.uids[end - 1]!];
      }
      const columns = new StateColumns();
      columns.add(sliceRun(run, 0, end));
      return arraysOf(columns);
    });
    this.#replace(kept);
    return last;
  }

  #replace(runs: readonly ChangedStates[]): void {
    this.#runs = runs.filter(({ uids }) => uids.length > 0);
    this.#count = this.#runs.reduce((sum, { uids }) => sum + uids.length, 0);
  }

  /** For each run how many of it are among the first ones of all. */
  #cut(count: number): number[] {
    if (count >= this.#count) return this.#runs.map(({ uids }) => uids.length);
    let low = Math.min(...this.#runs.map(({ modseqs }) => modseqs[0]!)) - 1;
    let high = Math.max(...this.#runs.map(({ modseqs }) => modseqs.at(-1)!));
    // The lowest modseq up to which there are so many is above `low`, and not above `high`.
    while (high - low > 1) {
      const middle = low + Math.floor((high - low) / 2);
      if (this.countUpTo(middle) < count) low = middle;
      else high = middle;
    }
    let left = count - this.countUpTo(low);
    return this.#runs.map(({ modseqs }) => {
      const below = countUpTo(modseqs, low);
      const taken = Math.min(left, countUpTo(modseqs, high) - below);
      left -= taken;
      return below + taken;
    });
  }
}

/** How many of ascending modseqs are not above the last one. */
export function countUpTo(modseqs: Float64Array, last: number): number {
  let low = 0;
  let high = modseqs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (modseqs[middle]! <= last) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Those at places from `start` on to before `end`. */
export function sliceRun(run: ChangedStates, start: number, end?: number): ChangedStates {
  return {
    uids: run.uids.subarray(start, end),
    modseqs: run.modseqs.subarray(start, end),
    flags: run.flags.subarray(start, end),
    sets: run.sets,
  };
}

function arraysOf({ uids, modseqs, flags, sets }: StateColumns): ChangedStates {
  return {
    uids: uids.toArray(),
    modseqs: modseqs.toArray(),
    flags: flags.toArray(),
    sets: sets.all,
  };
}

/** By modseq; those of one modseq stay as they are. */
function inOrder(columns: StateColumns): ChangedStates {
  const { uids, modseqs, flags, sets } = arraysOf(columns);
  if (isAscending(modseqs)) return { uids, modseqs, flags, sets };
  const order = orderOf(modseqs);
  return {
    uids: order.map((place) => uids[place]!),
    modseqs: Float64Array.from(order, (place) => modseqs[place]!),
    flags: order.map((place) => flags[place]!),
    sets,
  };
}

function isAscending(modseqs: Float64Array): boolean {
  for (let index = 1; index < modseqs.length; index++) {
    if (modseqs[index]! < modseqs[index - 1]!) return false;
  }
  return true;
}

/** The places of the modseqs in their order. They are sorted as numbers, which is five times as fast as with a function. */
function orderOf(modseqs: Float64Array): Uint32Array {
  const count = modseqs.length;
  const lowest = modseqs.reduce((least, modseq) => Math.min(least, modseq), Infinity);
  const keys = modseqs.map((modseq, place) => (modseq - lowest) * count + place);
  if (keys.some((key) => key > Number.MAX_SAFE_INTEGER)) {
    // Modseqs that are as far apart as no two changes of a mailbox ever were.
    const places = Uint32Array.from(modseqs.keys());
    return places.toSorted((a, b) => modseqs[a]! - modseqs[b]! || a - b);
  }
  return Uint32Array.from(keys.toSorted(), (key) => key % count);
}

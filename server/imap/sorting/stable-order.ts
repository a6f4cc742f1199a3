import type { Turn } from '../../../store/turns.ts';

/** Above 0 if the first place comes behind the second, below 0 if before, 0 if they are equal. */
export type Compare = (place: number, other: number) => number;

/**
 * Puts places in order; equal ones keep the order that they are given in. Mail mostly comes in order, so runs that are in order
 * already are only merged: what is in order, or in the opposite order, takes one comparison each.
 *
 * @param order - is written to, and returned
 * @param turn - of the client that waits for it: others run between slices
 */
export async function orderPlaces(
  order: Uint32Array,
  compare: Compare,
  turn: Turn,
): Promise<Uint32Array> {
  let runs = await findRuns(order, compare, turn);
  let from = order;
  let to: Uint32Array = new Uint32Array(runs.length > 2 ? order.length : 0);
  // Ends: each round leaves half of the runs.
  while (runs.length > 2) {
    runs = await mergeRuns({ from, to, runs }, compare, turn);
    [from, to] = [to, from];
  }
  if (from !== order) order.set(from);
  return order;
}

/** The ends of the runs that are in order, with 0 before them. A run that descends without equal ones is turned round. */
async function findRuns(order: Uint32Array, compare: Compare, turn: Turn): Promise<number[]> {
  const runs = [0];
  let start = 0;
  while (start < order.length) {
    let end = start + 1;
    const isAhead = () => compare(order[end - 1]!, order[end]!) > 0;
    const isDescending = end < order.length && isAhead();
    while (end < order.length && isAhead() === isDescending) {
      if (turn.look()) await turn.next();
      end += 1;
    }
    if (isDescending) order.subarray(start, end).reverse();
    if (turn.look()) await turn.next();
    runs.push(end);
    start = end;
  }
  return runs;
}

interface Merge {
  readonly from: Uint32Array;
  readonly to: Uint32Array;
  readonly runs: readonly number[];
}

/** Merges each two runs into one. */
async function mergeRuns(merge: Merge, compare: Compare, turn: Turn): Promise<number[]> {
  const { from, to, runs } = merge;
  const merged = [0];
  for (let index = 1; index < runs.length; index += 2) {
    const [start, middle] = [runs[index - 1]!, runs[index]!];
    const end = runs[index + 1] ?? middle;
    let [left, right] = [start, middle];
    for (let place = start; place < end; place++) {
      if (turn.look()) await turn.next();
      const isLeft = left < middle && (right === end || compare(from[left]!, from[right]!) <= 0);
      to[place] = (isLeft ? from[left++] : from[right++]) as number;
    }
    merged.push(end);
  }
  return merged;
}

import { lowerBound } from './sequence-set.ts';

/*
 * Lists of UIDs: ascending, each once. With a `count` only so many at the beginning belong to the list, and the rest is
 * room to grow.
 */

/** The empty list; nobody writes to it. */
export const noUids = new Uint32Array();

/** The place of a UID among the first `count`; -1 if it is not there. `hint` is looked at first. */
export function indexOfUid(uids: Uint32Array, count: number, uid: number, hint = 0): number {
  if (hint < count && uids[hint] === uid) return hint;
  const index = lowerBound(uids, count, uid);
  return index < count && uids[index] === uid ? index : -1;
}

/**
 * As `lowerBound`, of which it is known that all before `start` are smaller. What lies close behind `start` is found in few
 * steps, so that a list can be walked along another, however many there are between two.
 */
export function lowerBoundFrom(
  uids: Uint32Array,
  start: number,
  count: number,
  uid: number,
): number {
  let low = start;
  let high = start;
  for (let step = 1; high < count && uids[high]! < uid; step *= 2) {
    low = high + 1;
    high += step;
  }
  if (high > count) high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (uids[middle]! < uid) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The lists one behind the other, in a new one. */
export function joinUids(lists: readonly Uint32Array[]): Uint32Array {
  const joined = new Uint32Array(lists.reduce((sum, { length }) => sum + length, 0));
  let length = 0;
  for (const list of lists) {
    joined.set(list, length);
    length += list.length;
  }
  return joined;
}

/** All UIDs of the lists. A single list is returned as it is. */
export function mergeUids(lists: readonly Uint32Array[]): Uint32Array {
  const filled = lists.filter(({ length }) => length > 0);
  if (filled.length === 0) return noUids;
  if (filled.length === 1) return filled[0] as Uint32Array;
  if (areInOrder(filled)) return joinUids(filled);
  if (filled.length === 2) return mergeTwo(filled[0] as Uint32Array, filled[1] as Uint32Array);
  const merged = joinUids(filled);
  merged.sort();
  let kept = 0;
  for (const uid of merged) {
    if (kept === 0 || merged[kept - 1] !== uid) merged[kept++] = uid;
  }
  return merged.subarray(0, kept);
}

function mergeTwo(low: Uint32Array, high: Uint32Array): Uint32Array {
  const merged = new Uint32Array(low.length + high.length);
  let [lowIndex, highIndex, length] = [0, 0, 0];
  while (lowIndex < low.length || highIndex < high.length) {
    const [uid, other] = [low[lowIndex] ?? Infinity, high[highIndex] ?? Infinity];
    merged[length++] = Math.min(uid, other);
    if (uid <= other) lowIndex += 1;
    if (other <= uid) highIndex += 1;
  }
  return merged.subarray(0, length);
}

/** True if each list begins above the end of the one before it, as slices of one large change do. */
function areInOrder(lists: readonly Uint32Array[]): boolean {
  let lastUid = -1;
  for (const list of lists) {
    if ((list[0] as number) <= lastUid) return false;
    lastUid = list.at(-1) as number;
  }
  return true;
}

/** The UIDs that are in both lists, in a new one. */
export function intersectUids(uids: Uint32Array, others: Uint32Array): Uint32Array {
  let next = 0;
  return uids.filter((uid) => {
    next = lowerBoundFrom(others, next, others.length, uid);
    return others[next] === uid;
  });
}

/** The UIDs without those that are in `others`. */
export function withoutUids(uids: Uint32Array, others: Uint32Array): Uint32Array {
  let next = 0;
  return uids.filter((uid) => {
    next = lowerBoundFrom(others, next, others.length, uid);
    return others[next] !== uid;
  });
}

/**
 * UIDs at the places from `start` up to `end` of two lists merged, which have none in common. Costs a search, and as much as
 * they are.
 */
export function mergedBetween(
  uids: Uint32Array,
  others: Uint32Array,
  start: number,
  end: number,
): Uint32Array {
  let [index, last] = [0, uids.length];
  while (index < last) {
    const middle = (index + last) >>> 1;
    if (middle + lowerBound(others, others.length, uids[middle]!) < start) index = middle + 1;
    else last = middle;
  }
  let otherIndex = start - index;
  return new Uint32Array(end - start).map(() => {
    const isOther =
      index === uids.length || (others[otherIndex] ?? Infinity) < (uids[index] as number);
    return (isOther ? others[otherIndex++] : uids[index++]) as number;
  });
}

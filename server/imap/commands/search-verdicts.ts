import type { SearchKey } from '../../../protocol/search-key.ts';
import {
  lowerBound,
  resolveSequenceSet,
  type SequenceRange,
} from '../../../protocol/sequence-set.ts';
import { lowerBoundFrom } from '../../../protocol/sorted-uids.ts';
import type { UidSet } from '../../../protocol/uid-set.ts';
import type { FlagSets } from '../flag-sets.ts';
import type { MailboxView } from '../mailbox-view.ts';

/*
 * What the feed knows decides a search as far as it can: flags, modseqs, UIDs, message sequence numbers and \Recent. A
 * slice of the messages is judged at a time, in columns: each key gives one byte a message, and `AND`, `OR` and `NOT`
 * join columns. Keys of flags alone are judged for each set of flags that the slice has, of which there are few. So the
 * work is a few plain loops over typed arrays, which are quick before V8 has compiled them, in the first search after a
 * start, and a slice takes as long as its messages times its keys, whatever the mailbox.
 */

/** A verdict on a message. `AND` is the least of its operands, `OR` the greatest, `NOT` is 2 less the operand. */
export const verdicts = {
  /** It does not match, or is gone. */
  no: 0,
  /** The store has to say. */
  open: 1,
  /** It matches. */
  yes: 2,
} as const;

/** Messages side by side in a view, as columns; a place is an index less `start`. */
interface Slice {
  /** Index in the view of the first. */
  readonly start: number;
  readonly uids: Uint32Array;
  readonly modseqs: Float64Array;
  /** The distinct sets of flags, by number. */
  readonly sets: readonly number[];
  /** Places in `sets`. */
  readonly flags: Uint32Array;
}

/** A key that has been prepared: verdicts on the messages of a slice, in a column that is the caller's. */
type Condition = (slice: Slice) => Uint8Array;

/** The verdicts of one search key on the messages that a client knows of. The key is prepared once, then used slice by slice. */
export class SearchVerdicts {
  readonly #view: MailboxView;
  readonly #condition: Condition;
  /** By the number of a set of flags one more than its place in the slice; 0 if the slice does not have it. */
  #placesOfSets = new Uint32Array();

  /** Good while the client's messages stay the same, so for one command. */
  constructor(key: SearchKey, view: MailboxView) {
    this.#view = view;
    this.#condition = prepare(key, new SearchedView(view));
  }

  /** One verdict each on the messages from the index `start` in the view up to `end`. */
  of(start: number, end: number): Uint8Array {
    const view = this.#view;
    const { feed } = view;
    const uids = view.uidsBetween(start, end);
    if (view.isShared) {
      const numbers = feed.flagSetNumbers.subarray(start, end);
      const modseqs = feed.modseqs.subarray(start, end);
      return this.#condition({ start, uids, modseqs, ...this.#groupSets(numbers) });
    }
    const numbers = new Uint32Array(uids.length);
    const modseqs = new Float64Array(uids.length);
    const gone: number[] = [];
    let index = -1;
    for (const [place, uid] of uids.entries()) {
      const found = feed.indexOf(uid, index + 1);
      if (found === -1) {
        gone.push(place);
        continue;
      }
      index = found;
      numbers[place] = feed.flagSetNumberAt(index);
      modseqs[place] = feed.modseqAt(index);
    }
    const column = this.#condition({ start, uids, modseqs, ...this.#groupSets(numbers) });
    for (const place of gone) column[place] = verdicts.no;
    return column;
  }

  #groupSets(numbers: Uint32Array): Pick<Slice, 'sets' | 'flags'> {
    const { size } = this.#view.feed.flagSets;
    // At least one: messages that are gone have the set with the number 0.
    if (this.#placesOfSets.length < size + 1) this.#placesOfSets = new Uint32Array(size + 1);
    const places = this.#placesOfSets;
    const sets: number[] = [];
    const flags = new Uint32Array(numbers.length);
    for (let index = 0; index < numbers.length; index++) {
      const number = numbers[index] as number;
      if (places[number] === 0) places[number] = sets.push(number);
      flags[index] = (places[number] as number) - 1;
    }
    for (const number of sets) places[number] = 0;
    return { sets, flags };
  }
}

/** A view with what a key needs of it that costs a pass over its messages, made once for however many keys. */
class SearchedView {
  readonly view: MailboxView;
  #savedUids: Uint32Array | undefined;

  constructor(view: MailboxView) {
    this.view = view;
  }

  get savedUids(): Uint32Array {
    this.#savedUids ??= this.view.savedUids;
    return this.#savedUids;
  }
}

function prepare(key: SearchKey, searched: SearchedView): Condition {
  const { view } = searched;
  if (isOfFlags(key)) return ({ sets, flags }) => judgeFlags(key, sets, flags, view.feed.flagSets);
  switch (key.key) {
    case 'and': {
      const operands = joinFlags(key.keys).map((operand) => prepare(operand, searched));
      return (slice) => join(operands, slice, leastOf);
    }
    case 'or': {
      const operands = [prepare(key.left, searched), prepare(key.right, searched)];
      return (slice) => join(operands, slice, greatestOf);
    }
    case 'not': {
      const operand = prepare(key.operand, searched);
      return (slice) => negate(operand(slice));
    }
    case 'modseq':
      return ({ modseqs }) => judgeModseqs(key.modseq, modseqs);
    case 'recent':
      return ({ uids }) => judgeRecent(view, uids);
    case 'uid': {
      const ranges = resolveSequenceSet(key.set, view.lastUid);
      return ({ uids }) => judgeUids(ranges, uids);
    }
    case 'saved': {
      const saved = searched.savedUids;
      return ({ uids }) => judgeSaved(saved, uids);
    }
    case 'fixed':
      return ({ uids }) => judgeFixed(key.uids, uids);
    case 'sequence': {
      // Numbers that no message has match nothing (FETCH refuses them; clients rely on this).
      const ranges = resolveSequenceSet(key.set, view.count);
      return (slice) => judgeNumbers(ranges, slice);
    }
    default:
      return ({ uids }) => new Uint8Array(uids.length).fill(verdicts.open);
  }
}

/** True if a message's flags decide the key. */
function isOfFlags(key: SearchKey): boolean {
  switch (key.key) {
    case 'all':
    case 'flag':
      return true;
    case 'and':
      return key.keys.every(isOfFlags);
    case 'or':
      return isOfFlags(key.left) && isOfFlags(key.right);
    case 'not':
      return isOfFlags(key.operand);
    default:
      return false;
  }
}

/** The operands of `AND`, with one for all that are of flags alone. */
function joinFlags(keys: readonly SearchKey[]): readonly SearchKey[] {
  const ofFlags = keys.filter(isOfFlags);
  const others = keys.filter((key) => !isOfFlags(key));
  return ofFlags.length === 0 ? others : [{ key: 'and', keys: ofFlags }, ...others];
}

function judgeFlags(
  key: SearchKey,
  sets: readonly number[],
  flags: Uint32Array,
  flagSets: FlagSets,
): Uint8Array {
  const matches = testOf(key, flagSets);
  const bySet = Uint8Array.from(sets, (number) =>
    matches(flagSets.charactersOfSet(number)) ? verdicts.yes : verdicts.no,
  );
  const column = new Uint8Array(flags.length);
  for (let place = 0; place < flags.length; place++) {
    column[place] = bySet[flags[place] as number] as number;
  }
  return column;
}

/** Whether a set of flags, as characters, matches a key of flags alone; good until the feed's next change. */
function testOf(key: SearchKey, flagSets: FlagSets): (set: string) => boolean {
  switch (key.key) {
    case 'flag': {
      const [first = '', ...others] = flagSets.charactersOf(key.flag);
      if (first === '') return () => false;
      if (others.length === 0) return (set) => set.includes(first);
      return (set) => set.includes(first) || others.some((each) => set.includes(each));
    }
    case 'and': {
      const tests = key.keys.map((operand) => testOf(operand, flagSets));
      return (set) => tests.every((test) => test(set));
    }
    case 'or': {
      const left = testOf(key.left, flagSets);
      const right = testOf(key.right, flagSets);
      return (set) => left(set) || right(set);
    }
    case 'not': {
      const test = testOf(key.operand, flagSets);
      return (set) => !test(set);
    }
    default:
      return () => key.key === 'all';
  }
}

function judgeModseqs(least: number, modseqs: Float64Array): Uint8Array {
  const column = new Uint8Array(modseqs.length);
  for (let place = 0; place < modseqs.length; place++) {
    if ((modseqs[place] as number) >= least) column[place] = verdicts.yes;
  }
  return column;
}

function judgeRecent(view: MailboxView, uids: Uint32Array): Uint8Array {
  const column = new Uint8Array(uids.length);
  if (view.recentCount === 0) return column;
  for (let place = 0; place < uids.length; place++) {
    if (view.isRecent(uids[place] as number)) column[place] = verdicts.yes;
  }
  return column;
}

function judgeSaved(saved: Uint32Array, uids: Uint32Array): Uint8Array {
  const column = new Uint8Array(uids.length);
  let next = lowerBound(saved, saved.length, uids[0] ?? 0);
  for (let place = 0; place < uids.length; place++) {
    const uid = uids[place] as number;
    next = lowerBoundFrom(saved, next, saved.length, uid);
    if (saved[next] === uid) column[place] = verdicts.yes;
  }
  return column;
}

function judgeFixed(fixed: UidSet, uids: Uint32Array): Uint8Array {
  const column = new Uint8Array(uids.length);
  for (let place = 0; place < uids.length; place++) {
    if (fixed.has(uids[place]!)) column[place] = verdicts.yes;
  }
  return column;
}

/** @param ranges - ascending; they do not overlap */
function judgeUids(ranges: readonly SequenceRange[], uids: Uint32Array): Uint8Array {
  const column = new Uint8Array(uids.length);
  const placeOf = (uid: number) => lowerBound(uids, uids.length, uid);
  const highest = uids.at(-1) ?? 0;
  for (let index = firstEndingAt(ranges, uids[0] ?? Infinity); index < ranges.length; index++) {
    const { first, last } = ranges[index] as SequenceRange;
    if (first > highest) break;
    column.fill(verdicts.yes, placeOf(first), placeOf(last + 1));
  }
  return column;
}

/** @param ranges - ascending; they do not overlap */
function judgeNumbers(ranges: readonly SequenceRange[], { start, uids }: Slice): Uint8Array {
  const column = new Uint8Array(uids.length);
  for (let index = firstEndingAt(ranges, start + 1); index < ranges.length; index++) {
    const { first, last } = ranges[index] as SequenceRange;
    if (first > start + uids.length) break;
    // A negative place would count from the end.
    column.fill(verdicts.yes, Math.max(0, first - 1 - start), last - start);
  }
  return column;
}

/** The index of the first range that ends at the number or above it. */
function firstEndingAt(ranges: readonly SequenceRange[], number: number): number {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[middle] as SequenceRange).last < number) low = middle + 1;
    else high = middle;
  }
  return low;
}

function negate(column: Uint8Array): Uint8Array {
  for (let place = 0; place < column.length; place++) {
    column[place] = verdicts.yes - (column[place] as number);
  }
  return column;
}

/** Joins the columns of the operands, of which there is at least one. */
function join(
  operands: readonly Condition[],
  slice: Slice,
  into: (column: Uint8Array, other: Uint8Array) => void,
): Uint8Array {
  const [first, ...others] = operands as readonly [Condition, ...Condition[]];
  const column = first(slice);
  for (const operand of others) into(column, operand(slice));
  return column;
}

function leastOf(column: Uint8Array, other: Uint8Array): void {
  for (let place = 0; place < column.length; place++) {
    const verdict = other[place] as number;
    if (verdict < (column[place] as number)) column[place] = verdict;
  }
}

function greatestOf(column: Uint8Array, other: Uint8Array): void {
  for (let place = 0; place < column.length; place++) {
    const verdict = other[place] as number;
    if (verdict > (column[place] as number)) column[place] = verdict;
  }
}

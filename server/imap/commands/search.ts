import type { SearchKey } from '../../../protocol/search-key.ts';
import {
  lowerBound,
  resolveSequenceSet,
  type SequenceRange,
  type SequenceSet,
} from '../../../protocol/sequence-set.ts';
import { mergeUids } from '../../../protocol/sorted-uids.ts';
import { Turn } from '../../../store/turns.ts';
import type { FlagSets } from '../flag-sets.ts';
import type { MailboxView } from '../mailbox-view.ts';
import type { CommandHandler } from '../dispatch.ts';
import type { Session } from '../session.ts';

/** Conditions that are tried on messages before others run: a millisecond or two. */
const sliceConditions = 32_768;

/** Numbers that are written before others run: half a millisecond. */
const sliceNumbers = 4096;

/** @see RFC 3501, section 6.4.4; RFC 7162, section 3.1.5 (MODSEQ) */
export const search: CommandHandler<'SEARCH'> = async (session, { isUid, criteria }) => {
  const { view, out } = session;
  const hasModseq = usesModseq(criteria);
  if (hasModseq) session.hasCondstore = true;
  const uids = await find(session, criteria);
  const turn = new Turn(out);
  let modseq = 1;
  out.begin().atom('SEARCH');
  for (let start = 0; start < uids.length; start += sliceNumbers) {
    if (start > 0) await turn.next();
    const slice = uids.subarray(start, start + sliceNumbers);
    out.numbers(isUid ? slice : numbersOf(slice, view));
    if (hasModseq) modseq = Math.max(modseq, highestModseq(slice, view));
  }
  if (hasModseq && uids.length > 0) out.open().atom('MODSEQ').number(modseq).close();
  out.end();
  return { text: 'SEARCH completed' };
};

/** Message sequence numbers of messages that the client knows of. */
function numbersOf(uids: Uint32Array, view: MailboxView): Uint32Array {
  let number = 0;
  return uids.map((uid) => (number = view.numberOf(uid, number + 1) ?? number));
}

/** Of those of the messages that are still there; 0 if none is. */
function highestModseq(uids: Uint32Array, { feed }: MailboxView): number {
  let [index, highest] = [-1, 0];
  for (const uid of uids) {
    const found = feed.indexOf(uid, index + 1);
    if (found === -1) continue;
    index = found;
    highest = Math.max(highest, feed.modseqAt(index));
  }
  return highest;
}

function usesModseq(criteria: SearchKey): boolean {
  return conditionsOf(criteria).some(({ key }) => key === 'modseq');
}

/** The keys of which others are made. */
function conditionsOf(key: SearchKey): readonly SearchKey[] {
  switch (key.key) {
    case 'and':
      return key.keys.flatMap(conditionsOf);
    case 'or':
      return [...conditionsOf(key.left), ...conditionsOf(key.right)];
    case 'not':
      return conditionsOf(key.operand);
    default:
      return [key];
  }
}

/** UIDs, ascending, of the messages that match. The store is asked for those only that the feed leaves open. */
async function find({ view, store, out }: Session, criteria: SearchKey): Promise<Uint32Array> {
  const matching = new Uint32Array(view.count);
  const open: Uint32Array[] = [];
  const turn = new Turn(out);
  const sliceMessages = Math.ceil(sliceConditions / Math.max(1, conditionsOf(criteria).length));
  let matchCount = 0;
  for (let start = 0; start < view.count; start += sliceMessages) {
    if (start > 0) await turn.next();
    const end = Math.min(start + sliceMessages, view.count);
    const column = judgeMessages(criteria, view, start, end);
    const uids = view.uids.subarray(start, end);
    for (let place = 0; place < column.length; place++) {
      if (column[place] === verdicts.yes) matching[matchCount++] = uids[place] as number;
    }
    if (column.includes(verdicts.open)) {
      open.push(uids.filter((_, place) => column[place] === verdicts.open));
    }
  }
  const matched = matching.subarray(0, matchCount);
  if (open.length === 0) return matched;
  const candidates = mergeUids(open);
  const found = await store.search(view.box, resolveForStore(criteria, view), candidates);
  return mergeUids([matched, found]);
}

/*
 * What the feed knows decides a search as far as it can: flags, modseqs, UIDs, message sequence numbers and \Recent. A
 * slice of the messages is judged at a time, in columns: each key gives one byte a message, and `AND`, `OR` and `NOT`
 * join columns. A key of flags alone is judged once for each set of flags, of which there are few. So the work is a few
 * plain loops over typed arrays, which are quick before V8 has compiled them, in the first search after a start.
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

const unknown = 255;

/** Messages side by side in a view, as columns; a place is an index less `start`. */
interface Slice {
  readonly view: MailboxView;
  /** Index in the view of the first. */
  readonly start: number;
  readonly uids: Uint32Array;
  /** Numbers of sets of flags. */
  readonly flags: Uint32Array;
  readonly modseqs: Float64Array;
}

/** Judges messages that the client knows of, from the index `start` in the view up to `end`; one verdict each. */
export function judgeMessages(
  key: SearchKey,
  view: MailboxView,
  start: number,
  end: number,
): Uint8Array {
  const { feed } = view;
  const uids = view.uids.subarray(start, end);
  if (view.isShared) {
    const flags = feed.flagSetNumbers.subarray(start, end);
    return judge(key, { view, start, uids, flags, modseqs: feed.modseqs.subarray(start, end) });
  }
  const flags = new Uint32Array(uids.length);
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
    flags[place] = feed.flagSetNumberAt(index);
    modseqs[place] = feed.modseqAt(index);
  }
  const column = judge(key, { view, start, uids, flags, modseqs });
  for (const place of gone) column[place] = verdicts.no;
  return column;
}

/** Returns a column that is the caller's. */
function judge(key: SearchKey, slice: Slice): Uint8Array {
  if (isOfFlags(key)) return judgeFlags(key, slice.flags, slice.view.feed.flagSets);
  switch (key.key) {
    case 'and':
      return join(key.keys, slice, leastOf);
    case 'or':
      return join([key.left, key.right], slice, greatestOf);
    case 'not':
      return negate(judge(key.operand, slice));
    case 'modseq':
      return judgeModseqs(key.modseq, slice.modseqs);
    case 'recent':
      return judgeRecent(slice);
    case 'uid':
      return judgeUids(resolveSequenceSet(key.set, slice.view.uids.at(-1) ?? 0), slice.uids);
    case 'sequence':
      // Numbers that no message has match nothing (FETCH refuses them; clients rely on this).
      return judgeNumbers(resolveSequenceSet(key.set, slice.view.count), slice);
    default:
      return new Uint8Array(slice.uids.length).fill(verdicts.open);
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

function judgeFlags(key: SearchKey, flags: Uint32Array, flagSets: FlagSets): Uint8Array {
  // Only the sets that are met: a mailbox may have as many as messages.
  const bySet = new Uint8Array(flagSets.size).fill(unknown);
  const column = new Uint8Array(flags.length);
  for (let place = 0; place < flags.length; place++) {
    const set = flags[place] as number;
    if (bySet[set] === unknown) {
      bySet[set] = hasFlags(key, set, flagSets) ? verdicts.yes : verdicts.no;
    }
    column[place] = bySet[set] as number;
  }
  return column;
}

/** Whether a set of flags matches a key of flags alone. */
function hasFlags(key: SearchKey, set: number, flagSets: FlagSets): boolean {
  switch (key.key) {
    case 'flag':
      return flagSets.has(set, key.flag);
    case 'and':
      return key.keys.every((operand) => hasFlags(operand, set, flagSets));
    case 'or':
      return hasFlags(key.left, set, flagSets) || hasFlags(key.right, set, flagSets);
    case 'not':
      return !hasFlags(key.operand, set, flagSets);
    default:
      return key.key === 'all';
  }
}

function judgeModseqs(least: number, modseqs: Float64Array): Uint8Array {
  const column = new Uint8Array(modseqs.length);
  for (let place = 0; place < modseqs.length; place++) {
    if ((modseqs[place] as number) >= least) column[place] = verdicts.yes;
  }
  return column;
}

function judgeRecent({ view, uids }: Slice): Uint8Array {
  const column = new Uint8Array(uids.length);
  if (view.recentCount === 0) return column;
  for (let place = 0; place < uids.length; place++) {
    if (view.isRecent(uids[place] as number)) column[place] = verdicts.yes;
  }
  return column;
}

/** @param ranges - ascending; they do not overlap */
function judgeUids(ranges: readonly SequenceRange[], uids: Uint32Array): Uint8Array {
  const column = new Uint8Array(uids.length);
  const placeOf = (uid: number) => lowerBound(uids, uids.length, uid);
  const [lowest, highest] = [uids[0] ?? Infinity, uids.at(-1) ?? 0];
  for (const { first, last } of ranges) {
    if (last < lowest || first > highest) continue;
    column.fill(verdicts.yes, placeOf(first), placeOf(last + 1));
  }
  return column;
}

/** @param ranges - ascending; they do not overlap */
function judgeNumbers(ranges: readonly SequenceRange[], { start, uids }: Slice): Uint8Array {
  const column = new Uint8Array(uids.length);
  for (const { first, last } of ranges) {
    // A negative place would count from the end.
    column.fill(verdicts.yes, Math.max(0, first - 1 - start), Math.max(0, last - start));
  }
  return column;
}

function negate(column: Uint8Array): Uint8Array {
  for (let place = 0; place < column.length; place++) {
    column[place] = verdicts.yes - (column[place] as number);
  }
  return column;
}

/** Joins the columns of the operands, of which there is at least one. */
function join(
  operands: readonly SearchKey[],
  slice: Slice,
  into: (column: Uint8Array, other: Uint8Array) => void,
): Uint8Array {
  const [first, ...others] = operands as readonly [SearchKey, ...SearchKey[]];
  const column = judge(first, slice);
  for (const operand of others) into(column, judge(operand, slice));
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

/** The key for the store, which knows neither message sequence numbers nor \Recent nor what `*` is for this client. */
export function resolveForStore(key: SearchKey, view: MailboxView): SearchKey {
  switch (key.key) {
    case 'sequence':
      return { key: 'uid', set: rangesOf(view.uidsOfNumbers(key.set)) };
    case 'uid':
      return { key: 'uid', set: resolveSequenceSet(key.set, view.uids.at(-1) ?? 0) };
    case 'recent':
      return { key: 'uid', set: rangesOf(view.recentUids()) };
    case 'and':
      return { key: 'and', keys: key.keys.map((operand) => resolveForStore(operand, view)) };
    case 'or':
      return {
        key: 'or',
        left: resolveForStore(key.left, view),
        right: resolveForStore(key.right, view),
      };
    case 'not':
      return { key: 'not', operand: resolveForStore(key.operand, view) };
    default:
      return key;
  }
}

/** Ascending UIDs as ranges; no UIDs give the empty set. */
function rangesOf(uids: Uint32Array): SequenceSet {
  const ranges: { readonly first: number; last: number }[] = [];
  for (const uid of uids) {
    const last = ranges.at(-1);
    if (last?.last === uid - 1) last.last = uid;
    else ranges.push({ first: uid, last: uid });
  }
  return ranges;
}

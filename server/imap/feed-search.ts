import type { SearchKey } from '../../protocol/search-key.ts';
import {
  resolveSequenceSet,
  type SequenceRange,
  type SequenceSet,
} from '../../protocol/sequence-set.ts';
import type { MailboxView } from './mailbox-view.ts';

/** A message by its place in the feed, and as the client knows it. */
export interface SearchedMessage {
  uid: number;
  /** Message sequence number. */
  number: number;
  /** Place in the feed. */
  index: number;
}

/** Whether a message matches; undefined if the store has to say. */
export type FeedTest = (message: Readonly<SearchedMessage>) => boolean | undefined;

/**
 * Makes a search key ready that what the feed knows decides, as far as it does: flags, modseqs, UIDs, message sequence
 * numbers and \Recent. Good until something is awaited.
 */
export function makeFeedTest(key: SearchKey, view: MailboxView): FeedTest {
  switch (key.key) {
    case 'all':
      return () => true;
    case 'and':
      return allOf(key.keys.map((operand) => makeFeedTest(operand, view)));
    case 'or':
      return not(allOf([key.left, key.right].map((side) => not(makeFeedTest(side, view)))));
    case 'not':
      return not(makeFeedTest(key.operand, view));
    case 'flag': {
      const isSet = view.feed.flagSets.testFor(key.flag);
      return ({ index }) => isSet(view.feed.flagSetNumberAt(index));
    }
    case 'modseq':
      return ({ index }) => view.feed.modseqAt(index) >= key.modseq;
    case 'recent':
      return ({ uid }) => view.isRecent(uid);
    case 'uid': {
      const ranges = resolveSequenceSet(key.set, view.uids.at(-1) ?? 0);
      return ({ uid }) => isWithin(ranges, uid);
    }
    case 'sequence': {
      // Numbers that no message has match nothing (FETCH refuses them; clients rely on this).
      const ranges = resolveSequenceSet(key.set, view.count);
      return ({ number }) => isWithin(ranges, number);
    }
    default:
      return () => undefined;
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

/** False if any operand is; undefined if none is, but one is open. */
function allOf(operands: readonly FeedTest[]): FeedTest {
  return (message) => {
    let isOpen = false;
    for (const operand of operands) {
      const verdict = operand(message);
      if (verdict === false) return false;
      isOpen ||= verdict === undefined;
    }
    return isOpen ? undefined : true;
  };
}

function not(operand: FeedTest): FeedTest {
  return (message) => {
    const verdict = operand(message);
    return verdict === undefined ? undefined : !verdict;
  };
}

/** @param ranges - ascending; they do not overlap */
function isWithin(ranges: readonly SequenceRange[], value: number): boolean {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[middle]?.last ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return (ranges[low]?.first ?? Infinity) <= value;
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

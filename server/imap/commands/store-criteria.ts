import { conditionsOf, type SearchKey } from '../../../protocol/search-key.ts';
import {
  rangesOf,
  resolveSequenceSet,
  type SequenceRange,
  type SequenceSet,
} from '../../../protocol/sequence-set.ts';
import type { MailboxView } from '../mailbox-view.ts';

/** What a feed decides; see {@link SearchVerdicts}. */
const feedKeys: ReadonlySet<SearchKey['key']> = new Set([
  'all',
  'fixed',
  'flag',
  'modseq',
  'recent',
  'saved',
  'sequence',
  'uid',
]);

/**
 * The key for the store, which knows neither message sequence numbers nor \Recent nor what `*` is for this client, nor
 * the time. Of an `AND` it gets what the feed cannot decide: the messages that are left to it match the rest.
 */
export function resolveForStore(key: SearchKey, view: MailboxView, nowMs: number): SearchKey {
  const recent = { key: 'uid', set: view.recentRanges } as const;
  // Once, however often it is named: it may have as many ranges as there are messages.
  let saved: SearchKey | undefined;
  const resolve = (inner: SearchKey): SearchKey => {
    switch (inner.key) {
      case 'sequence':
        return { key: 'uid', set: uidRangesOf(inner.set, view) };
      case 'uid':
        return { key: 'uid', set: resolveSequenceSet(inner.set, view.lastUid) };
      case 'recent':
        return recent;
      case 'age': {
        const relation = inner.relation === 'younger' ? 'since' : 'until';
        return { key: 'received', relation, second: Math.floor(nowMs / 1000) - inner.seconds };
      }
      case 'saved':
        saved ??= { key: 'uid', set: rangesOf(view.savedUids) };
        return saved;
      case 'and':
        return { key: 'and', keys: inner.keys.map(resolve) };
      case 'or':
        return { key: 'or', left: resolve(inner.left), right: resolve(inner.right) };
      case 'not':
        return { key: 'not', operand: resolve(inner.operand) };
      default:
        return inner;
    }
  };
  if (key.key !== 'and') return resolve(key);
  return { key: 'and', keys: key.keys.filter(needsStore).map(resolve) };
}

function needsStore(key: SearchKey): boolean {
  return conditionsOf(key).some((condition) => !feedKeys.has(condition.key));
}

/** Ranges of UIDs that hold, of the messages that the client knows of, those with the numbers of a set and no others. */
export function uidRangesOf(set: SequenceSet, view: MailboxView): SequenceRange[] {
  const { count } = view;
  const uidOf = (number: number): number => view.uidsBetween(number - 1, number)[0] as number;
  return resolveSequenceSet(set, count)
    .filter(({ first }) => first <= count)
    .map(({ first, last }) => ({ first: uidOf(first), last: uidOf(Math.min(last, count)) }));
}

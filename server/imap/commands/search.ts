import { quoteReceived } from '../../../protocol/decoder.ts';
import type { SearchProgram } from '../../../protocol/grammar/search.ts';
import type { SearchKey } from '../../../protocol/search-key.ts';
import type { SearchReturn } from '../../../protocol/grammar/search-return.ts';
import { rangesOf, resolveSequenceSet, type SequenceSet } from '../../../protocol/sequence-set.ts';
import { mergeUids, noUids } from '../../../protocol/sorted-uids.ts';
import { Turn } from '../../../store/turns.ts';
import type { MailboxView } from '../mailbox-view.ts';
import type { CommandHandler } from '../dispatch.ts';
import { completeWithin, searchWithinLimit } from '../message-limit.ts';
import { CommandRefusedError } from '../responses.ts';
import { answerExtended, writeSearch } from '../search-response.ts';
import type { Session } from '../session.ts';
import { SearchVerdicts, verdicts } from './search-verdicts.ts';

/** Conditions that are tried on messages before others run: a millisecond or two. */
const sliceConditions = 32_768;

/** What a client of IMAP4rev2 is told that asks for nothing else. @see RFC 9051, section 6.4.4 */
const allFound: SearchReturn = { items: new Set(['ALL']) };

/** @see RFC 3501, section 6.4.4; RFC 7162, section 3.1.5 (MODSEQ); RFC 4731 (RETURN); RFC 9738 */
export const search: CommandHandler<'SEARCH'> = async (session, asked, { tag }) => {
  const { command, limitCode } = searchWithinLimit(session, asked);
  const { isUid, criteria } = command;
  const returned = command.returned ?? (session.isRev2 ? allFound : undefined);
  const hasModseq = usesModseq(criteria);
  if (hasModseq) session.enableCondstore();
  try {
    const found = { uids: await findMatching(session, command), isUid, hasModseq };
    if (returned === undefined) await writeSearch(session, found);
    else await answerExtended(session, found, { tag, returned });
  } catch (error) {
    // A search that was to be saved and is refused leaves nothing (RFC 5182, section 2.1).
    if (returned?.items.has('SAVE') === true) session.view.savedUids = noUids;
    throw error;
  }
  return completeWithin(session, { text: 'SEARCH completed' }, limitCode);
};

/** True if the search is for modseqs, so that the client knows them. */
export function usesModseq(criteria: SearchKey): boolean {
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

/**
 * UIDs, ascending, of the messages that match. The store is asked for those only that the feed leaves open.
 *
 * @throws CommandRefusedError if the charset is unknown (RFC 3501, section 6.4.4)
 */
export async function findMatching(
  session: Session,
  { criteria, unknownCharset }: SearchProgram,
): Promise<Uint32Array> {
  if (unknownCharset !== undefined) {
    const text = `Unknown charset ${quoteReceived(unknownCharset)}`;
    throw new CommandRefusedError('NO', text, 'BADCHARSET (US-ASCII UTF-8)');
  }
  const { view, store, out } = session;
  const matching = new Uint32Array(view.count);
  const open: Uint32Array[] = [];
  const judged = new SearchVerdicts(criteria, view);
  const turn = new Turn(out);
  const sliceMessages = Math.ceil(sliceConditions / Math.max(1, conditionsOf(criteria).length));
  let matchCount = 0;
  for (let start = 0; start < view.count; start += sliceMessages) {
    if (start > 0) await turn.next();
    const end = Math.min(start + sliceMessages, view.count);
    const column = judged.of(start, end);
    const uids = view.uidsBetween(start, end);
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
  const resolved = resolveForStore(criteria, view, session.context.clock());
  const found = await store.search(view.box, resolved, candidates);
  return mergeUids([matched, found]);
}

/** What a feed decides; see {@link SearchVerdicts}. */
const feedKeys: ReadonlySet<SearchKey['key']> = new Set([
  'all',
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
function uidRangesOf(set: SequenceSet, view: MailboxView): SequenceSet {
  const { count } = view;
  const uidOf = (number: number): number => view.uidsBetween(number - 1, number)[0] as number;
  return resolveSequenceSet(set, count)
    .filter(({ first }) => first <= count)
    .map(({ first, last }) => ({ first: uidOf(first), last: uidOf(Math.min(last, count)) }));
}

import { quoteReceived } from '../../../protocol/decoder.ts';
import type { SearchProgram } from '../../../protocol/grammar/search.ts';
import { conditionsOf, type SearchKey } from '../../../protocol/search-key.ts';
import type { SearchReturn } from '../../../protocol/grammar/search-return.ts';
import { mergeUids, noUids } from '../../../protocol/sorted-uids.ts';
import { Relevancies } from '../../../store/relevancies.ts';
import { Turn } from '../../../store/turns.ts';
import { prepareContext } from '../contexts/begin-context.ts';
import type { CommandHandler } from '../dispatch.ts';
import { completeWithin, searchWithinLimit } from '../message-limit.ts';
import { CommandRefusedError } from '../responses.ts';
import { answerExtended, writeSearch } from '../search-response.ts';
import type { SearchScope } from '../search-scope.ts';
import { SearchVerdicts, verdicts } from './search-verdicts.ts';
import { resolveForStore } from './store-criteria.ts';

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
  const beginContext = await prepareContext(session, command, tag);
  let outcome: string | undefined;
  try {
    const relevancies = new Relevancies();
    const uids = await findMatching(session, command, relevancies);
    const found = { uids, isUid, hasModseq, relevancies };
    if (returned === undefined) await writeSearch(session, found);
    else await answerExtended(session, found, { tag, returned });
    outcome = await beginContext?.(uids);
  } catch (error) {
    // A search that was to be saved and is refused leaves nothing (RFC 5182, section 2.1).
    if (returned?.items.has('SAVE') === true) session.view.savedUids = noUids;
    throw error;
  }
  const text = `SEARCH ${outcome ?? 'completed'}`;
  return completeWithin(session, { text }, limitCode);
};

/** True if the search is for modseqs, so that the client knows them. */
export function usesModseq(criteria: SearchKey): boolean {
  return conditionsOf(criteria).some(({ key }) => key === 'modseq');
}

/** @throws CommandRefusedError if the charset is unknown (RFC 3501, section 6.4.4) */
export function expectKnownCharset({ unknownCharset }: SearchProgram): void {
  if (unknownCharset === undefined) return;
  const text = `Unknown charset ${quoteReceived(unknownCharset)}`;
  throw new CommandRefusedError('NO', text, 'BADCHARSET (US-ASCII UTF-8)');
}

/**
 * UIDs, ascending, of the messages that match. The store is asked for those only that the feed leaves open.
 *
 * @param relevancies - told how relevant these are, if keys are fuzzy
 * @throws CommandRefusedError if the charset is unknown (RFC 3501, section 6.4.4)
 */
export async function findMatching(
  scope: SearchScope,
  program: SearchProgram,
  relevancies?: Relevancies,
): Promise<Uint32Array> {
  expectKnownCharset(program);
  const { criteria } = program;
  const { view, store, out } = scope;
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
  const resolved = resolveForStore(criteria, view, scope.context.clock());
  const found = await store.search(view.box, resolved, candidates, relevancies);
  return mergeUids([matched, found]);
}

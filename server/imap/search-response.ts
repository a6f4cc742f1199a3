import { placesOf, type SearchReturn } from '../../protocol/grammar/search-return.ts';
import type { Relevancies } from '../../store/relevancies.ts';
import { Turn } from '../../store/turns.ts';
import type { SearchedMailbox } from '../../protocol/encoder.ts';
import type { MailboxView } from './mailbox-view.ts';
import type { SearchScope } from './search-scope.ts';

/** Numbers that are written before others run: half a millisecond. */
const sliceNumbers = 4096;

/** What a search of the selected mailbox has found. */
export interface SearchFound {
  /** UIDs of messages that the client knows of, in the order in which they are answered. */
  readonly uids: Uint32Array;
  /** True if the answer has UIDs, false if it has message sequence numbers. */
  readonly isUid: boolean;
  /** True if the answer has the highest modseq, since the search was for one. */
  readonly hasModseq: boolean;
  /** How relevant they are, for a client that asks. */
  readonly relevancies: Relevancies;
}

/**
 * Writes a SEARCH or SORT response.
 *
 * @see RFC 3501, section 7.2.5; RFC 5256, section 4; RFC 7162, sections 3.1.5 and 3.1.6
 */
export async function writeSearch(
  { view, out }: Pick<SearchScope, 'view' | 'out'>,
  found: SearchFound,
  name: 'SEARCH' | 'SORT' = 'SEARCH',
): Promise<void> {
  const { uids, isUid, hasModseq } = found;
  const turn = new Turn(out);
  out.begin().atom(name);
  for await (const slice of slicesOf(uids, turn)) {
    out.numbers(isUid ? slice : numbersOf(slice, view));
  }
  if (hasModseq && uids.length > 0) {
    const modseq = await highestModseq(uids, view, turn);
    out.open().atom('MODSEQ').number(modseq).close();
  }
  out.end();
}

/** What an extended search is answered with. */
export interface EsearchAnswer {
  /** Of the command. */
  readonly tag: string;
  readonly returned: SearchReturn;
  /** The mailbox, if the answer is to name it. */
  readonly source?: SearchedMailbox;
}

/**
 * Answers an extended search, and keeps for the client what it has found if that is to be saved: with nothing but MIN, MAX and
 * PARTIAL only the messages that these are. If nothing but SAVE was asked for there is no answer.
 *
 * @see RFC 5182, section 2.4; RFC 9394, section 3.2
 */
export async function answerExtended(
  { view, out }: Pick<SearchScope, 'view' | 'out'>,
  found: SearchFound,
  answer: EsearchAnswer,
): Promise<void> {
  const { items, partial } = answer.returned;
  const isSaved = items.has('SAVE');
  const isAnswered = !isSaved || items.size > 1 || partial !== undefined;
  if (isAnswered) await writeEsearch({ view, out }, found, answer);
  if (isSaved) view.savedUids = returnedOf(found.uids, answer.returned).toSorted();
}

/**
 * Writes an ESEARCH response. MIN and MAX are the first and the last of what was found, in its order.
 *
 * @see RFC 4731, section 3; RFC 5267, section 3 (the same of SORT); RFC 9394, section 3.1 (PARTIAL);
 * RFC 6203, section 4 (RELEVANCY)
 */
export async function writeEsearch(
  { view, out }: Pick<SearchScope, 'view' | 'out'>,
  { uids, isUid, hasModseq, relevancies }: SearchFound,
  { tag, returned, source }: EsearchAnswer,
): Promise<void> {
  const { items, partial } = returned;
  const turn = new Turn(out);
  const inAnswer = (slice: Uint32Array) => (isUid ? slice : numbersOf(slice, view));
  const isAny = uids.length > 0;
  out.beginEsearch(tag, isUid, source);
  if (items.has('MIN') && isAny) out.atom('MIN').numbers(inAnswer(uids.subarray(0, 1)));
  if (items.has('MAX') && isAny) out.atom('MAX').numbers(inAnswer(uids.subarray(-1)));
  const writeSet = async (members: Uint32Array) => {
    out.beginSet();
    for await (const slice of slicesOf(members, turn)) out.addToSet(inAnswer(slice));
    out.endSet();
  };
  if (items.has('ALL') && isAny) {
    out.atom('ALL');
    await writeSet(uids);
  }
  if (partial !== undefined) {
    const members = uids.subarray(...placesOf(uids.length, partial));
    out.atom('PARTIAL').open().atom(partial.text);
    if (members.length === 0) out.nstring(undefined);
    else await writeSet(members);
    out.close();
  }
  if (items.has('COUNT')) out.atom('COUNT').number(uids.length);
  if (items.has('RELEVANCY') && isAny) {
    out.atom('RELEVANCY').open();
    for await (const slice of slicesOf(returnedOf(uids, returned), turn)) {
      out.numbers(slice.map((uid) => relevancies.of(uid)));
    }
    out.close();
  }
  if (hasModseq && isAny) {
    const modseq = await highestModseq(returnedOf(uids, returned), view, turn);
    out.atom('MODSEQ').number(modseq);
  }
  out.end();
}

/** The messages that an answer is about: with nothing but MIN, MAX and PARTIAL only those, in their order. */
function returnedOf(uids: Uint32Array, { items, partial }: SearchReturn): Uint32Array {
  const [hasMin, hasMax] = [items.has('MIN'), items.has('MAX')];
  const isPart = hasMin || hasMax || partial !== undefined;
  if (!isPart || items.has('ALL') || items.has('COUNT')) return uids;
  const [start, end] = partial === undefined ? [0, 0] : placesOf(uids.length, partial);
  const last = uids.length - 1;
  return uids.filter(
    (_, place) =>
      (place >= start && place < end) || (hasMin && place === 0) || (hasMax && place === last),
  );
}

async function* slicesOf(uids: Uint32Array, turn: Turn): AsyncGenerator<Uint32Array> {
  for (let start = 0; start < uids.length; start += sliceNumbers) {
    if (start > 0) await turn.next();
    yield uids.subarray(start, start + sliceNumbers);
  }
}

/** Message sequence numbers of messages that the client knows of. */
function numbersOf(uids: Uint32Array, view: MailboxView): Uint32Array {
  let number = 0;
  return uids.map((uid) => (number = view.numberOf(uid, number + 1) ?? number));
}

/** Of those of the messages that are still there; 1 if none is. */
async function highestModseq(
  uids: Uint32Array,
  { feed }: MailboxView,
  turn: Turn,
): Promise<number> {
  let highest = 1;
  for await (const slice of slicesOf(uids, turn)) {
    let index = -1;
    for (const uid of slice) {
      const found = feed.indexOf(uid, index + 1);
      if (found === -1) continue;
      index = found;
      highest = Math.max(highest, feed.modseqAt(index));
    }
  }
  return highest;
}

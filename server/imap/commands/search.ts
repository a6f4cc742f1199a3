import type { SearchKey } from '../../../protocol/search-key.ts';
import type { CommandHandler } from '../command.ts';
import { makeFeedTest, resolveForStore } from '../feed-search.ts';
import type { MailboxView } from '../mailbox-view.ts';
import type { Session } from '../session.ts';
import { Turn } from '../turns.ts';

/** Conditions that are tried on messages before others run: a millisecond or two. */
const sliceConditions = 32_768;

/** Numbers that are written at once. */
const sliceNumbers = 1024;

/** @see RFC 3501, section 6.4.4; RFC 7162, section 3.1.5 (MODSEQ) */
export const search: CommandHandler<'SEARCH'> = async (session, { isUid, criteria }) => {
  const { view, out } = session;
  const hasModseq = usesModseq(criteria);
  if (hasModseq) session.hasCondstore = true;
  const uids = await find(session, criteria);
  const numbers: number[] = [];
  const turn = new Turn(out);
  let [number, index, modseq] = [0, -1, 1];
  for (const uid of uids) {
    if (turn.look()) await turn.next();
    const foundNumber = view.numberOf(uid, number + 1);
    const foundIndex = view.feed.indexOf(uid, index + 1);
    if (foundNumber === undefined || foundIndex === -1) continue;
    [number, index] = [foundNumber, foundIndex];
    numbers.push(isUid ? uid : number);
    modseq = Math.max(modseq, view.feed.modseqAt(index));
  }
  out.begin().atom('SEARCH');
  for (let start = 0; start < numbers.length; start += sliceNumbers) {
    if (start > 0) await turn.next();
    out.numbers(numbers.slice(start, start + sliceNumbers));
  }
  if (hasModseq && numbers.length > 0) out.open().atom('MODSEQ').number(modseq).close();
  out.end();
  return { text: 'SEARCH completed' };
};

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
async function find(
  { view, store, out }: Session,
  criteria: SearchKey,
): Promise<readonly number[] | Uint32Array> {
  const matching: number[] = [];
  const open: number[] = [];
  const turn = new Turn(out);
  const sliceMessages = Math.ceil(sliceConditions / Math.max(1, conditionsOf(criteria).length));
  for (let start = 0; start < view.count; start += sliceMessages) {
    if (start > 0) await turn.next();
    const slice = { start, end: Math.min(start + sliceMessages, view.count) };
    examine(view, criteria, slice, { matching, open });
  }
  if (open.length === 0) return matching;
  const candidates = Uint32Array.from(open);
  const found = await store.search(view.box, resolveForStore(criteria, view), candidates);
  return matching.length === 0 ? found : Uint32Array.from([...matching, ...found]).toSorted();
}

/** Looks at a slice of the messages that the client knows of and that are still there. */
function examine(
  view: MailboxView,
  criteria: SearchKey,
  { start, end }: { readonly start: number; readonly end: number },
  found: { readonly matching: number[]; readonly open: number[] },
): void {
  const { uids, feed } = view;
  const test = makeFeedTest(criteria, view);
  const message = { uid: 0, number: 0, index: -1 };
  for (let place = start; place < end; place++) {
    message.uid = uids[place] as number;
    message.number = place + 1;
    const index = feed.indexOf(message.uid, message.index + 1);
    if (index === -1) continue;
    message.index = index;
    const verdict = test(message);
    if (verdict === true) found.matching.push(message.uid);
    else if (verdict === undefined) found.open.push(message.uid);
  }
}

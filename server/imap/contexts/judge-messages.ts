import { conditionsOf, type SearchKey } from '../../../protocol/search-key.ts';
import { mergeUids, noUids } from '../../../protocol/sorted-uids.ts';
import type { MailStore } from '../../../store/mail-store.ts';
import type { Turn } from '../../../store/turns.ts';
import { SearchVerdicts, verdicts } from '../commands/search-verdicts.ts';
import { resolveForStore } from '../commands/store-criteria.ts';
import type { MailboxView } from '../mailbox-view.ts';
import { nameFixed } from './frozen-criteria.ts';

/** Conditions that are tried on messages before others run: a millisecond or two. */
const turnConditions = 32_768;

/** What trying conditions costs for messages that stand apart from others, as if it were so many messages. */
const runMessages = 16;

/** What messages are judged with. */
export interface Judging {
  readonly view: MailboxView;
  readonly store: Pick<MailStore, 'search'>;
  /** Wall clock, in milliseconds. */
  readonly nowMs: number;
  readonly turn: Turn;
}

/**
 * Which of some messages (UIDs, ascending) match criteria now, of those that the client knows of and that are there. The store is
 * asked for those only that the feed leaves open. Others run meanwhile.
 */
export async function judgeMessages(
  criteria: SearchKey,
  candidates: Uint32Array,
  { view, store, nowMs, turn }: Judging,
): Promise<Uint32Array> {
  if (candidates.length === 0) return noUids;
  const judged = new SearchVerdicts(criteria, view);
  const conditionCount = Math.max(1, conditionsOf(criteria).length);
  const maxMessages = Math.ceil(turnConditions / conditionCount);
  const matching: number[] = [];
  const open: number[] = [];
  let messagesLeft = maxMessages;
  for (const { first, last } of numberRuns(candidates, view, maxMessages)) {
    if (messagesLeft <= 0) {
      await turn.next();
      messagesLeft = maxMessages;
    }
    messagesLeft -= last - first + runMessages;
    const column = judged.of(first - 1, last);
    const uids = view.uidsBetween(first - 1, last);
    for (let place = 0; place < column.length; place++) {
      if (column[place] === verdicts.yes) matching.push(uids[place]!);
      else if (column[place] === verdicts.open) open.push(uids[place]!);
    }
  }
  if (open.length === 0) return Uint32Array.from(matching);
  const asked = Uint32Array.from(open);
  const resolved = resolveForStore(nameFixed(criteria, asked), view, nowMs);
  const found = await store.search(view.box, resolved, asked);
  return mergeUids([Uint32Array.from(matching), found]);
}

/** Runs of message sequence numbers, of at most so many, that belong to messages which the client knows of. */
function* numberRuns(uids: Uint32Array, view: MailboxView, maxMessages: number) {
  let [first, last] = [0, 0];
  for (const uid of uids) {
    const number = view.numberOf(uid, last + 1);
    if (number === undefined) continue;
    if (last > 0 && number === last + 1 && last - first + 1 < maxMessages) {
      last = number;
      continue;
    }
    if (last > 0) yield { first, last };
    [first, last] = [number, number];
  }
  if (last > 0) yield { first, last };
}

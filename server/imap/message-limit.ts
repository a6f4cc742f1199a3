import { maxNumber } from '../../protocol/limits.ts';
import type { ResponseCode } from '../../protocol/response-code.ts';
import type { SearchKey } from '../../protocol/search-key.ts';
import {
  intersectRanges,
  lowerBound,
  rangesOf,
  resolveSequenceSet,
  type SequenceRange,
} from '../../protocol/sequence-set.ts';
import { uidRangesOf } from './commands/store-criteria.ts';
import type { Completion } from './dispatch.ts';
import type { MailboxView } from './mailbox-view.ts';
import { CommandRefusedError } from './responses.ts';
import type { SearchScope } from './search-scope.ts';
import type { Session } from './session.ts';

/*
 * What one command may be about, if a limit is announced: so many messages, of those that it names the ones with the highest
 * UIDs. The client is told the lowest of these, and asks again for the rest. Without MESSAGELIMIT and SAVELIMIT there is
 * no limit.
 */

/** The messages of a command that are within the limit. */
interface WithinLimit {
  /** UIDs, ascending. */
  readonly uids: Uint32Array;
  /** Present if they are not all. */
  readonly limitCode?: ResponseCode;
}

/** The messages with the highest UIDs, as many as one command may be about. @see RFC 9738, section 3.1 */
export function withinLimit(
  { messageLimit }: Pick<SearchScope, 'messageLimit'>,
  uids: Uint32Array,
): WithinLimit {
  if (uids.length <= messageLimit) return { uids };
  const highest = uids.subarray(uids.length - messageLimit);
  return { uids: highest, limitCode: `MESSAGELIMIT ${messageLimit} ${highest[0]!}` };
}

/** Refuses to copy more messages than one command may: it takes all or none. @throws CommandRefusedError */
export function expectWithinSaveLimit({ saveLimit }: Session, uids: Uint32Array): void {
  if (uids.length <= saveLimit) return;
  const code = `MESSAGELIMIT ${saveLimit} ${uids[uids.length - saveLimit]!}` as const;
  throw new CommandRefusedError('NO', `More than ${saveLimit} messages, nothing was copied`, code);
}

/** Refuses what is about more messages and cannot be done in part. @throws CommandRefusedError */
export function expectCountWithinLimit({ messageLimit }: Session, count: number): void {
  if (count <= messageLimit) return;
  const text = `It is about more than ${messageLimit} messages`;
  throw new CommandRefusedError('NO', text, `MESSAGELIMIT ${messageLimit}`);
}

/** How a command is answered of which some messages are left: a code of its own goes first, and this one before it. */
export function completeWithin(
  { out }: Session,
  completion: Completion,
  limitCode: ResponseCode | undefined,
): Completion {
  if (limitCode === undefined) return completion;
  const text = 'Only the newest messages were looked at';
  if (completion.code === undefined) return { ...completion, text, code: limitCode };
  out.status('*', 'NO', text, limitCode);
  return completion;
}

/** A search within the limit. */
export interface SearchWithin<Command> {
  readonly command: Command;
  readonly limitCode?: ResponseCode;
}

/**
 * The search, of no more messages than one command may be about: whether they match or not, but for those that it excludes by
 * a set of UIDs or of numbers.
 */
export function searchWithinLimit<Command extends { readonly criteria: SearchKey }>(
  scope: Pick<SearchScope, 'view' | 'messageLimit'>,
  command: Command,
): SearchWithin<Command> {
  const { view, messageLimit } = scope;
  if (view.count <= messageLimit) return { command };
  const { count, uidAt } = searchedMessages(view, command.criteria);
  if (count <= messageLimit) return { command };
  const lastUid = uidAt(count - messageLimit);
  const searched: SearchKey = { key: 'uid', set: [{ first: lastUid, last: maxNumber }] };
  return {
    command: { ...command, criteria: { key: 'and', keys: [searched, command.criteria] } },
    limitCode: `MESSAGELIMIT ${messageLimit} ${lastUid}`,
  };
}

/** Refuses to put more messages in order than one command may be about. @see RFC 9738, section 3.3 */
export function expectSearchWithinLimit(
  session: Session,
  { criteria }: { readonly criteria: SearchKey },
): void {
  const { view, messageLimit } = session;
  if (view.count <= messageLimit) return;
  expectCountWithinLimit(session, searchedMessages(view, criteria).count);
}

/** The messages that the sets of a search leave: how many they are, and the UID of each, from the lowest, which is at 0. */
interface SearchedMessages {
  readonly count: number;
  readonly uidAt: (place: number) => number;
}

/** Costs as much as the sets have ranges, not as much as there are messages. */
function searchedMessages(view: MailboxView, criteria: SearchKey): SearchedMessages {
  const { uids } = view;
  const placeOf = (uid: number) => lowerBound(uids, uids.length, uid);
  const slices = searchedRanges(view, criteria).map(({ first, last }) => {
    const start = placeOf(first);
    return { start, count: placeOf(last + 1) - start };
  });
  return {
    count: slices.reduce((sum, { count }) => sum + count, 0),
    uidAt: (place) => {
      let before = 0;
      for (const { start, count } of slices) {
        if (place < before + count) return uids[start + place - before]!;
        before += count;
      }
      throw new RangeError(`No message is at ${place}`);
    },
  };
}

/** UIDs as ranges that ascend and do not touch. */
function searchedRanges(view: MailboxView, criteria: SearchKey): readonly SequenceRange[] {
  let ranges: readonly SequenceRange[] = [{ first: 1, last: maxNumber }];
  let isOfSaved = false;
  const narrow = (key: SearchKey): void => {
    if (key.key === 'and') key.keys.forEach(narrow);
    if (key.key === 'uid')
      ranges = intersectRanges(ranges, resolveSequenceSet(key.set, view.lastUid));
    if (key.key === 'sequence') ranges = intersectRanges(ranges, uidRangesOf(key.set, view));
    // Once, however often it is named: it may have as many ranges as there are messages.
    if (key.key !== 'saved' || isOfSaved) return;
    isOfSaved = true;
    ranges = intersectRanges(ranges, rangesOf(view.savedUids));
  };
  narrow(criteria);
  return ranges;
}

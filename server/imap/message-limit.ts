import { maxNumber } from '../../protocol/limits.ts';
import type { ResponseCode } from '../../protocol/response-code.ts';
import type { SearchKey } from '../../protocol/search-key.ts';
import { selectFromSorted } from '../../protocol/sequence-set.ts';
import { intersectUids } from '../../protocol/sorted-uids.ts';
import type { Completion } from './dispatch.ts';
import type { MailboxView } from './mailbox-view.ts';
import { uidsOfNumbers } from './named-messages.ts';
import { CommandRefusedError } from './responses.ts';
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
export function withinLimit({ messageLimit }: Session, uids: Uint32Array): WithinLimit {
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
  session: Session,
  command: Command,
): SearchWithin<Command> {
  const { view } = session;
  if (view.count <= session.messageLimit) return { command };
  const { uids, limitCode } = withinLimit(session, searchedUids(view, command.criteria));
  if (limitCode === undefined) return { command };
  const set = [{ first: uids[0]!, last: maxNumber }];
  const criteria: SearchKey = { key: 'and', keys: [{ key: 'uid', set }, command.criteria] };
  return { command: { ...command, criteria }, limitCode };
}

/** Refuses to put more messages in order than one command may be about. @see RFC 9738, section 3.3 */
export function expectSearchWithinLimit(
  session: Session,
  { criteria }: { readonly criteria: SearchKey },
): void {
  const { view } = session;
  if (view.count <= session.messageLimit) return;
  expectCountWithinLimit(session, searchedUids(view, criteria).length);
}

/** UIDs, ascending, of the messages that the sets of a search leave. */
function searchedUids(view: MailboxView, criteria: SearchKey): Uint32Array {
  const keys = criteria.key === 'and' ? criteria.keys : [criteria];
  let uids = view.uids;
  for (const key of keys) {
    if (key.key === 'uid') uids = selectFromSorted(key.set, uids);
    else if (key.key === 'sequence') uids = intersectUids(uids, uidsOfNumbers(view, key.set));
    else if (key.key === 'saved') uids = intersectUids(uids, view.savedUids);
    else if (key.key === 'and') uids = intersectUids(uids, searchedUids(view, key));
  }
  return uids;
}

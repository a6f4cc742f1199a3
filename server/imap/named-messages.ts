import {
  type MessageSet,
  resolveSequenceSet,
  selectFromSorted,
  type SequenceSet,
} from '../../protocol/sequence-set.ts';
import { joinUids } from '../../protocol/sorted-uids.ts';
import type { MailboxView } from './mailbox-view.ts';
import { CommandRefusedError } from './responses.ts';

/**
 * UIDs, ascending, of the messages that a command names. UIDs that do not exist are passed over (RFC 3501, section 6.4.8); a
 * message sequence number that does not is refused, unless it belongs to a range that ends in `*`.
 */
export function namedUids(view: MailboxView, set: MessageSet, isUid: boolean): Uint32Array {
  if (set === '$') return view.savedUids;
  if (isUid) return selectFromSorted(set, view.uids);
  for (const { first, last } of set) {
    const largest = Math.max(first, last);
    if (largest === Infinity || largest <= view.count) continue;
    throw new CommandRefusedError(
      'BAD',
      `No message has the sequence number ${largest}, the mailbox has ${view.count}`,
    );
  }
  return uidsOfNumbers(view, set);
}

/** As {@link namedUids} for message sequence numbers, but those that do not exist are passed over. */
export function uidsOfNumbers(view: MailboxView, set: SequenceSet): Uint32Array {
  const { count } = view;
  const slices = resolveSequenceSet(set, count)
    .filter(({ first }) => first <= count)
    .map(({ first, last }) => view.uidsBetween(first - 1, Math.min(last, count)));
  return joinUids(slices);
}

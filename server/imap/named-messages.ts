import {
  selectFromSorted,
  selectSequenceNumbers,
  type SequenceSet,
} from '../../protocol/sequence-set.ts';
import { CommandRefusedError } from './command-error.ts';
import type { SelectedMailbox } from './selected-mailbox.ts';

/**
 * UIDs, ascending, of the messages that a set names in the mailbox as the client knows it. UIDs that do not
 * exist are passed over (RFC 3501, section 6.4.8); a message sequence number that does not is refused.
 */
export function namedMessages(
  selected: SelectedMailbox,
  set: SequenceSet,
  isUid: boolean,
): Uint32Array {
  const { uids } = selected.snapshot;
  if (isUid) return selectFromSorted(set, uids);
  checkSequenceNumbers(set, uids.length);
  return selectSequenceNumbers(set, uids.length).map((number) => uids[number - 1] as number);
}

/** A range that ends in `*` is never refused: clients send `1:*` to an empty mailbox too. */
function checkSequenceNumbers(set: SequenceSet, messageCount: number): void {
  for (const { first, last } of set) {
    const largest = Math.max(first, last);
    if (largest === Infinity || largest <= messageCount) continue;
    throw new CommandRefusedError(
      'BAD',
      `No message has the sequence number ${largest}, the mailbox has ${messageCount}`,
    );
  }
}

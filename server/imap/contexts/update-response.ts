import type { Turn } from '../../../store/turns.ts';
import type { MailboxView } from '../mailbox-view.ts';
import type { Responses } from '../responses.ts';

/** Messages that are told before others run: half a millisecond. */
const sliceMessages = 4096;

/** Places in one response: a line of some KiB, if their messages are few. */
const linePlaces = 256;

/** Messages that come to a place in a list of results, or go from there. */
export interface ResultUpdate {
  /** From 1; 0 of a search, whose results are in the order of the mailbox. @see RFC 5267, section 4.3.3 */
  readonly position: number;
  /** In the order of the list; at least one. */
  readonly uids: Uint32Array;
}

/** Whom an update is for. */
export interface UpdateTarget {
  readonly view: MailboxView;
  readonly out: Responses;
  readonly turn: Turn;
  /** Of the command that asked for updates. */
  readonly tag: string;
  /** True if it was for UIDs, not for message sequence numbers. */
  readonly isUid: boolean;
}

/**
 * Writes updates in their order, in as many ESEARCH responses as it takes; none if there are no updates.
 *
 * @see RFC 5267, sections 4.3.3 (ADDTO) and 4.3.4 (REMOVEFROM)
 */
export async function writeUpdates(
  { view, out, turn, tag, isUid }: UpdateTarget,
  name: 'ADDTO' | 'REMOVEFROM',
  updates: Iterable<ResultUpdate>,
): Promise<void> {
  let places = 0;
  for (const { position, uids } of updates) {
    if (places === 0) out.beginEsearch(tag, isUid).atom(name).open();
    out.number(position).beginSet();
    for (let start = 0; start < uids.length; start += sliceMessages) {
      if (start > 0) await turn.next();
      const slice = uids.subarray(start, start + sliceMessages);
      out.addToSet(isUid ? slice : numbersOf(slice, view));
    }
    out.endSet();
    turn.wrote();
    places += 1;
    if (places < linePlaces) continue;
    out.close().end();
    places = 0;
    await turn.next();
  }
  if (places > 0) out.close().end();
}

/** Message sequence numbers of messages that the client knows of. */
function numbersOf(uids: Uint32Array, view: MailboxView): Uint32Array {
  let number = 0;
  return uids.map((uid) => (number = view.numberOf(uid, number + 1) ?? number));
}

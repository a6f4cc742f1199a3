import type { Flag } from '../../../protocol/flag.ts';
import type { KnownMailbox } from '../../../protocol/grammar/select.ts';
import {
  resolveSequenceSet,
  type SequenceRange,
  type SequenceSet,
} from '../../../protocol/sequence-set.ts';
import { mergeUids } from '../../../protocol/sorted-uids.ts';
import {
  ChangesForgottenError,
  type MailboxKey,
  type MailboxStatus,
  type MailStore,
} from '../../../store/mail-store.ts';
import type { MessageStates } from '../../../store/mailbox-changes.ts';
import { Turn } from '../../../store/turns.ts';
import type { Session } from '../session.ts';
import { rangesOf, writeVanished } from '../vanished.ts';

/** Messages that are found one by one, each at the cost of a page of states; for more the mailbox is loaded, in 20 ms. */
const maxMessages = 128;

/** What a client has missed of a mailbox whose messages are not loaded. */
export interface MissedChanges {
  /** Ascending. */
  readonly expungedUids: Uint32Array;
  /** Those that came or changed, ascending. */
  readonly messages: readonly MissedMessage[];
}

interface MissedMessage {
  /** Message sequence number. */
  readonly number: number;
  readonly uid: number;
  readonly modseq: number;
  /** Without \Recent. */
  readonly flags: readonly Flag[];
}

/** The ranges of a set of UIDs, ascending, up to a last one; all if there is no set. `*` is that last one. */
export function rangesUpTo(lastUid: number, set: SequenceSet | undefined): SequenceRange[] {
  return resolveSequenceSet(set ?? [{ first: 1, last: lastUid }], lastUid)
    .filter(({ first }) => first <= lastUid)
    .map(({ first, last }) => ({ first, last: Math.min(last, lastUid) }));
}

/** True if one of the ranges, which ascend and do not overlap, has the UID. */
export function hasUid(ranges: readonly SequenceRange[], uid: number): boolean {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle]!.last < uid) low = middle + 1;
    else high = middle;
  }
  return low < ranges.length && ranges[low]!.first <= uid;
}

/**
 * Reads what a client has missed from the modseq that it knows up to that of the status. Undefined if that is too much to be found
 * without loading the mailbox, if some of it is forgotten, or if the mailbox has changed since the status.
 */
export async function readMissed(
  store: MailStore,
  box: MailboxKey,
  { known, status }: { readonly known: KnownMailbox; readonly status: MailboxStatus },
): Promise<MissedChanges | undefined> {
  const ranges = rangesUpTo(status.uidNext - 1, known.uids);
  const found: Omit<MissedMessage, 'number'>[] = [];
  const expunged: Uint32Array[] = [];
  try {
    for await (const slice of store.readChanges(box, known.modseq, status.highestModseq)) {
      for (const message of messagesOf(slice.messages)) {
        if (hasUid(ranges, message.uid) && found.push(message) > maxMessages) return undefined;
      }
      expunged.push(slice.expungedUids.filter((uid) => hasUid(ranges, uid)).toSorted());
    }
  } catch (error) {
    if (error instanceof ChangesForgottenError) return undefined;
    throw error;
  }
  found.sort((a, b) => a.uid - b.uid);
  const { counts, highestModseq } = await store.countBelow(
    box,
    Uint32Array.from(found, ({ uid }) => uid),
  );
  if (highestModseq !== status.highestModseq) return undefined;
  const messages = found.map((message, place) => ({ ...message, number: counts[place]! + 1 }));
  return { expungedUids: mergeUids(expunged), messages };
}

function* messagesOf({ uids, modseqs, flags, flagSets }: MessageStates) {
  for (const [place, uid] of uids.entries()) {
    yield { uid, modseq: modseqs[place]!, flags: flagSets[flags[place]!]! };
  }
}

/** Tells what was missed. @see RFC 7162, section 3.2.5.1 */
export async function tellMissed(
  { view, out, isUidOnly }: Session,
  { expungedUids, messages }: MissedChanges,
): Promise<void> {
  await writeVanished(out, rangesOf(expungedUids), { isEarlier: true, turn: new Turn(out) });
  for (const { number, uid, modseq, flags } of messages) {
    out.fetchFlags(number, uid, !isUidOnly, view.encodeFlags(uid, flags), modseq);
  }
}

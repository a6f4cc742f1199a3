import type { KnownMailbox, MatchData } from '../../../protocol/grammar/select.ts';
import {
  lowerBound,
  type SequenceRange,
  type SequenceSet,
} from '../../../protocol/sequence-set.ts';
import { lowerBoundFrom, mergeUids } from '../../../protocol/sorted-uids.ts';
import { ChangesForgottenError } from '../../../store/mail-store.ts';
import { Turn } from '../../../store/turns.ts';
import type { MailboxView } from '../mailbox-view.ts';
import { CommandRefusedError } from '../responses.ts';
import type { Session } from '../session.ts';
import { rangesOf, writeVanished } from '../vanished.ts';
import { hasUid, rangesUpTo } from './missed-changes.ts';

/** Refuses what only a client may use that has enabled QRESYNC. @see RFC 7162, section 3.2.3 */
export function expectQresync(session: Session): void {
  if (!session.hasQresync) throw new CommandRefusedError('BAD', 'QRESYNC was not enabled');
}

/** What a client wants to know of what is gone. */
export interface VanishedQuery {
  /** What was expunged up to this modseq it knows. */
  readonly since: number;
  /** The UIDs that it asks for; absent: all. `*` is the highest that there ever was. */
  readonly set: SequenceSet | undefined;
  /** By which it shows what it knows; looked at if the mailbox has forgotten what was expunged. */
  readonly matches?: MatchData | undefined;
}

/**
 * Tells what is gone since a modseq, of messages that the client does not count. Of those that it still counts it is told without
 * EARLIER.
 *
 * @see RFC 7162, sections 3.2.5, 3.2.6 and 3.2.10.1
 */
export async function tellVanished(session: Session, query: VanishedQuery): Promise<void> {
  const { view, out } = session;
  // Others may still come to be, or have not been told of.
  const ranges = rangesUpTo(view.uidNext - 1, query.set);
  const vanished =
    (await findExpunged(session, ranges, query.since)) ??
    missingUids(view, withoutMatched(view, ranges, query.matches));
  await writeVanished(out, vanished, { isEarlier: true, turn: new Turn(out) });
}

/** What was expunged, of the UIDs in ranges; undefined if the mailbox has forgotten some of it. */
async function findExpunged(
  { view, store }: Session,
  ranges: readonly SequenceRange[],
  since: number,
): Promise<Iterable<SequenceRange> | undefined> {
  const found: Uint32Array[] = [];
  const { modseq } = view.feed;
  try {
    for await (const { expungedUids } of store.readChanges(view.box, since, modseq)) {
      const gone = expungedUids.filter(
        (uid) => hasUid(ranges, uid) && view.numberOf(uid) === undefined,
      );
      found.push(gone.toSorted());
    }
  } catch (error) {
    if (error instanceof ChangesForgottenError) return undefined;
    throw error;
  }
  return rangesOf(mergeUids(found));
}

/** The UIDs in the ranges that no message has which the client knows of. They are found as they are asked for. */
function* missingUids(
  view: MailboxView,
  ranges: readonly SequenceRange[],
): Generator<SequenceRange, void> {
  // A copy: between two ranges others may run.
  const uids = view.uids.slice();
  let index = 0;
  for (const { first, last } of ranges) {
    index = lowerBoundFrom(uids, index, uids.length, first);
    let next = first;
    for (; index < uids.length && uids[index]! <= last; index++) {
      const uid = uids[index]!;
      if (uid > next) yield { first: next, last: uid - 1 };
      next = uid + 1;
    }
    if (next <= last) yield { first: next, last };
  }
}

/**
 * The ranges without the UIDs of which the client has shown that it knows what is gone: those up to the last message of which it
 * knows both number and UID (RFC 7162, section 3.2.5.2).
 */
function withoutMatched(
  view: MailboxView,
  ranges: readonly SequenceRange[],
  matches: MatchData | undefined,
): readonly SequenceRange[] {
  const known = matches === undefined ? 0 : lastMatch(view.uids, matches);
  return ranges
    .filter(({ last }) => last > known)
    .map(({ first, last }) => ({ first: Math.max(first, known + 1), last }));
}

/** The highest UID that stands at its number; 0 if none does. */
function lastMatch(uids: Uint32Array, matches: MatchData): number {
  for (const { number, uid, count } of pairsFromEnd(matches)) {
    // From one message to the next the UID less the number never falls, and in the pairs it stays the same.
    const offset = uid - number;
    let [low, high] = [number - 1, Math.min(number - 1 + count, uids.length)];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (uids[middle]! - (middle + 1) <= offset) low = middle + 1;
      else high = middle;
    }
    const place = low - 1;
    if (place >= number - 1 && place < uids.length && uids[place]! - (place + 1) === offset) {
      return uids[place]!;
    }
  }
  return 0;
}

/** Runs of numbers whose UIDs are a run, too, from the last one on: their first pair, and how many there are. */
function* pairsFromEnd({ numbers, uids }: MatchData) {
  let [numberAt, uidAt] = [numbers.length - 1, uids.length - 1];
  let [numberEnd, uidEnd] = [numbers[numberAt]!.last, uids[uidAt]!.last];
  // Ends: each round uses up a range of the numbers or of the UIDs, of which there are equally many in all.
  for (;;) {
    const count = Math.min(
      numberEnd - numbers[numberAt]!.first + 1,
      uidEnd - uids[uidAt]!.first + 1,
    );
    yield { number: numberEnd - count + 1, uid: uidEnd - count + 1, count };
    numberEnd -= count;
    uidEnd -= count;
    if (numberEnd < numbers[numberAt]!.first) {
      if (numberAt === 0) return;
      numberEnd = numbers[--numberAt]!.last;
    }
    if (uidEnd < uids[uidAt]!.first) uidEnd = uids[--uidAt]!.last;
  }
}

/** Tells flags and modseqs of the messages that have changed, for a view whose messages are there. */
export async function tellChanged(
  { view, out, isUidOnly }: Session,
  { modseq, uids }: KnownMailbox,
): Promise<void> {
  const { feed } = view;
  const ranges = rangesUpTo(view.uidNext - 1, uids);
  const turn = new Turn(out);
  let [number, index] = [0, -1];
  for (const uid of changedUids(view, modseq)) {
    if (turn.look()) await turn.next();
    if (!hasUid(ranges, uid)) continue;
    const found = feed.indexOf(uid, index + 1);
    if (found === -1) continue;
    index = found;
    number = view.numberOf(uid, number + 1) ?? number;
    view.writeFlags(out, { number, index, uid: !isUidOnly, flags: true, modseq: true });
    turn.wrote();
  }
}

/** UIDs, ascending, of the messages that the client knows of and that have a larger modseq; a millisecond for a million. */
function changedUids({ feed, uidNext }: MailboxView, modseq: number): readonly number[] {
  const { uids, modseqs } = feed;
  const count = lowerBound(uids, feed.count, uidNext);
  const changed: number[] = [];
  for (let index = 0; index < count; index++) {
    if (modseqs[index]! > modseq) changed.push(uids[index]!);
  }
  return changed;
}

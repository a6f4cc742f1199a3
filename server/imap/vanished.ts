import type { SequenceRange } from '../../protocol/sequence-set.ts';
import type { Turn } from '../../store/turns.ts';
import type { Responses } from './responses.ts';

/** Ranges of UIDs in one VANISHED response: a line of 10 KiB at most, and a turn for a few of them. */
const lineRanges = 512;

/** How VANISHED is written. */
interface VanishedOptions {
  /** True for messages that were gone before the mailbox was selected: those of the client's cache. */
  readonly isEarlier: boolean;
  readonly turn: Turn;
}

/**
 * Tells the client of messages that are gone, by their UIDs, in as many responses as it takes; none if there are no ranges.
 *
 * @see RFC 7162, section 3.2.10
 */
export async function writeVanished(
  out: Responses,
  ranges: Iterable<SequenceRange>,
  { isEarlier, turn }: VanishedOptions,
): Promise<void> {
  let line: SequenceRange[] = [];
  const write = (): void => {
    if (line.length === 0) return;
    out.begin().atom('VANISHED');
    if (isEarlier) out.open().atom('EARLIER').close();
    out.ranges(line).end();
    line = [];
  };
  for (const range of ranges) {
    line.push(range);
    turn.wrote();
    if (line.length < lineRanges) continue;
    write();
    await turn.next();
  }
  write();
}

/** How EXPUNGE is written. */
interface ExpungedOptions {
  /** The number of a message before any of those that go; the second argument is a number that it may have. */
  readonly numberOf: (uid: number, hint: number) => number | undefined;
  readonly turn: Turn;
}

/** Tells the client of messages (UIDs, ascending) that it counts and that are gone. @see RFC 3501, section 7.4.1 */
export async function writeExpunged(
  out: Responses,
  gone: Uint32Array,
  { numberOf, turn }: ExpungedOptions,
): Promise<void> {
  let number = 0;
  for (const [told, uid] of gone.entries()) {
    if (turn.look()) await turn.next();
    number = numberOf(uid, number + 1) as number;
    out
      .begin()
      .number(number - told)
      .atom('EXPUNGE')
      .end();
    turn.wrote();
  }
}

/** The runs of UIDs that follow each other. */
export function* rangesOf(uids: Uint32Array): Generator<SequenceRange, void> {
  let start = 0;
  for (let end = 1; end <= uids.length; end++) {
    if (uids[end] === uids[end - 1]! + 1) continue;
    yield { first: uids[start]!, last: uids[end - 1]! };
    start = end;
  }
}

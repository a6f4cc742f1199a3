import { CommandError, quoteReceived, type Decoder, type SentMailbox } from '../decoder.ts';
import { maxSelectParameters } from '../limits.ts';
import type { SequenceSet } from '../sequence-set.ts';
import { expectSentMailboxArgument } from './command-grammar.ts';
import { expectModseq } from './modseq.ts';

/** The arguments of SELECT and EXAMINE. */
export interface SelectArguments extends SentMailbox {
  /** The `(CONDSTORE)` parameter of RFC 7162, section 3.1.8. */
  readonly isCondstore: boolean;
  /** The `(QRESYNC (…))` parameter. */
  readonly known?: KnownMailbox;
}

/** What a client knows of a mailbox from an earlier connection. @see RFC 7162, section 3.2.5 */
export interface KnownMailbox {
  readonly uidValidity: number;
  readonly modseq: number;
  /** What it wants to know of; absent: all. Without `*`. */
  readonly uids?: SequenceSet;
  /** Some message sequence numbers with their UIDs; absent: none. */
  readonly matches?: MatchData;
}

/** Message sequence numbers and as many UIDs, each with the one at its place; both ascending, without `*`. */
export interface MatchData {
  readonly numbers: SequenceSet;
  readonly uids: SequenceSet;
}

/** @see RFC 3501, section 6.3.1; RFC 7162, sections 3.1.8 and 3.2.5 */
export function expectSelectArguments(decoder: Decoder): SelectArguments {
  const mailbox = expectSentMailboxArgument(decoder);
  let isCondstore = false;
  let known: KnownMailbox | undefined;
  if (decoder.accept(' ')) {
    decoder.expectList('parameters', maxSelectParameters, () => {
      const parameter = decoder.expectAtom('parameter').toUpperCase();
      if (parameter === 'CONDSTORE' && !decoder.isOff('CONDSTORE')) {
        isCondstore = true;
      } else if (parameter === 'QRESYNC' && !decoder.isOff('QRESYNC')) {
        if (known !== undefined) throw new CommandError('Parameter "QRESYNC" comes twice');
        decoder.expectSpace();
        known = expectKnownMailbox(decoder);
      } else throw new CommandError(`Unknown parameter ${quoteReceived(parameter)}`);
    });
  }
  return { ...mailbox, isCondstore, ...(known !== undefined && { known }) };
}

/** `(uidvalidity modseq [known-uids] [(numbers uids)])` */
function expectKnownMailbox(decoder: Decoder): KnownMailbox {
  decoder.expect('(');
  const uidValidity = decoder.expectNumber('UIDVALIDITY above 0', 1);
  decoder.expectSpace();
  const modseq = expectModseq(decoder);
  let uids: SequenceSet | undefined;
  let matches: MatchData | undefined;
  if (decoder.accept(' ')) {
    if (!decoder.isNext('(')) uids = expectSetWithoutStar(decoder);
    if (uids === undefined || decoder.accept(' ')) matches = expectMatchData(decoder);
  }
  decoder.expect(')');
  return { uidValidity, modseq, ...(uids && { uids }), ...(matches && { matches }) };
}

function expectMatchData(decoder: Decoder): MatchData {
  decoder.expect('(');
  const numbers = expectAscendingSet(decoder);
  decoder.expectSpace();
  const uids = expectAscendingSet(decoder);
  decoder.expect(')');
  const [numberCount, uidCount] = [countOf(numbers), countOf(uids)];
  if (numberCount !== uidCount) {
    throw new CommandError(`Expected ${numberCount} UIDs for the numbers, got ${uidCount}`);
  }
  return { numbers, uids };
}

function expectSetWithoutStar(decoder: Decoder): SequenceSet {
  const start = decoder.position;
  const set = decoder.expectSequenceSet();
  if (set.some(({ first, last }) => first === Infinity || last === Infinity)) {
    throw decoder.expected('set without "*"', start);
  }
  return set;
}

function expectAscendingSet(decoder: Decoder): SequenceSet {
  const start = decoder.position;
  const set = expectSetWithoutStar(decoder);
  let before = 0;
  for (const { first, last } of set) {
    if (first <= before || last < first) throw decoder.expected('ascending set', start);
    before = last;
  }
  return set;
}

function countOf(set: SequenceSet): number {
  return set.reduce((count, { first, last }) => count + last - first + 1, 0);
}

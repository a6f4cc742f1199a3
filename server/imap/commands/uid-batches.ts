import type { SequenceRange } from '../../../protocol/sequence-set.ts';
import { Turn } from '../../../store/turns.ts';
import type { CommandHandler } from '../dispatch.ts';
import { minBatchMessages } from '../limits.ts';
import type { MailboxView } from '../mailbox-view.ts';
import { CommandRefusedError } from '../responses.ts';

/** Ranges that are written before others run: 10 KB, for each of which one message is looked up. */
const sliceRanges = 512;

/** Batches that a client asks for: those with the indices from `start` up to `end`, from 0. */
interface WantedBatches {
  /** Messages in each. */
  readonly size: number;
  readonly start: number;
  readonly end: number;
}

/** Which batches of one size a client has been told of, and what its mailbox was like. */
interface ToldBatches {
  readonly size: number;
  readonly count: number;
  readonly uidNext: number;
  /** By the index of a batch 1 if it was told, with room for one more than there were. */
  readonly told: Uint8Array;
}

/** As long as the mailbox is selected. */
const toldOf = new WeakMap<MailboxView, ToldBatches>();

/**
 * Tells by which ranges of UIDs the client can go through the mailbox, so many messages at a time, from the newest on. Each begins
 * below the one before it, and the last ends at 1, so that they have all UIDs.
 *
 * @see RFC 10022, section 3.1
 */
export const uidBatches: CommandHandler<'UIDBATCHES'> = async (session, command, { tag }) => {
  const { size, batches } = command;
  const { view, out } = session;
  if (size < minBatchMessages) {
    throw new CommandRefusedError(
      'NO',
      `A batch has ${minBatchMessages} messages or more`,
      'TOOFEW',
    );
  }
  const batchCount = Math.ceil(view.count / size);
  const start = (batches?.first ?? 1) - 1;
  const end = Math.min(batches?.last ?? batchCount, batchCount);
  const wanted = { size, start, end };
  noteTold(view, wanted);
  out.begin().atom('UIDBATCHES').open().atom('TAG').string(tag).close();
  if (start < end) {
    const turn = new Turn(out);
    out.beginSet();
    for (let index = start; index < end; index += sliceRanges) {
      if (index > start) await turn.next();
      out.addUidRanges(
        rangesOf(view, { size, start: index, end: Math.min(index + sliceRanges, end) }),
      );
    }
    out.endSet();
  }
  out.end();
  return { text: 'UIDBATCHES completed' };
};

function rangesOf(view: MailboxView, { size, start, end }: WantedBatches): SequenceRange[] {
  return Array.from({ length: end - start }, (_, place) => ({
    first: highestUid(view, size, start + place),
    last: highestUid(view, size, start + place + 1) + 1,
  }));
}

/** The highest UID that belongs to a batch, whether a message has it or not; 0 behind the last batch. */
function highestUid(view: MailboxView, size: number, index: number): number {
  if (index === 0) return view.uidNext - 1;
  const number = view.count - index * size + 1;
  return number <= 1 ? 0 : (view.uidsBetween(number - 1, number)[0] as number) - 1;
}

/**
 * Refuses what the client has been told, unless half as many messages have come or gone as a batch has: it need not ask again.
 * What has no batch costs nothing, and always has its empty answer.
 *
 * @see RFC 10022, sections 3.1.1 and 6
 */
function noteTold(view: MailboxView, { size, start, end }: WantedBatches): void {
  if (start >= end) return;
  let asked = toldOf.get(view);
  if (asked === undefined || asked.size !== size || hasChangedMuch(view, asked)) {
    const { count, uidNext } = view;
    asked = { size, count, uidNext, told: new Uint8Array(Math.ceil(count / size) + 1) };
    toldOf.set(view, asked);
  }
  if (!asked.told.subarray(start, end).includes(0)) {
    const text = 'These batches have been told, and few messages have come or gone since';
    throw new CommandRefusedError('NO', text, 'LIMIT');
  }
  asked.told.fill(1, start, end);
}

function hasChangedMuch(view: MailboxView, { size, count, uidNext }: ToldBatches): boolean {
  const arrivedCount = view.uidNext - uidNext;
  const goneCount = count + arrivedCount - view.count;
  return Math.max(arrivedCount, goneCount) >= size / 2;
}

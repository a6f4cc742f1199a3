import { formatSequenceSet } from '../../../protocol/sequence-set.ts';
import type { FlagChangeResult } from '../../../store/mail-store.ts';
import { CommandRefusedError } from '../command-error.ts';
import type { CommandHandler } from '../command-handler.ts';
import type { Completion } from '../completion.ts';
import { namedMessages } from '../named-messages.ts';
import type { SelectedMailbox } from '../selected-mailbox.ts';

/** @see RFC 3501, section 6.4.6; RFC 7162, section 3.1.3 (UNCHANGEDSINCE) */
export const store: CommandHandler<'STORE'> = async (session, command) => {
  const { isUid, isSilent, mode, flags, unchangedSince } = command;
  const selected = session.writableMailbox;
  const uids = namedMessages(selected, command.set, isUid);
  if (unchangedSince !== undefined) session.hasCondstore = true;
  // Where others have changed something that the client has not been told, it is told of this too.
  const isUpToDate = !selected.hasForeignChanges;
  const result = await session.store.storeFlags(selected.mailbox.id, uids, {
    mode,
    flags,
    ...(unchangedSince === undefined ? {} : { unchangedSince }),
  });
  if (!isSilent || isUpToDate) selected.markReported(result.modseq);
  const hasModseq = session.hasCondstore;
  if (!isSilent || hasModseq) {
    for (const message of result.messages) {
      selected.writeFlags(session.out, message, { hasFlags: !isSilent, hasUid: isUid, hasModseq });
      if (session.out.isFull) await session.out.ready();
    }
  }
  return complete(selected, uids, result, isUid);
};

function complete(
  selected: SelectedMailbox,
  uids: Uint32Array,
  { messages, modifiedUids }: FlagChangeResult,
  isUid: boolean,
): Completion {
  if (!isUid && messages.length + modifiedUids.length < uids.length) {
    throw new CommandRefusedError('NO', 'Some of the messages no longer exist', 'EXPUNGEISSUED');
  }
  if (modifiedUids.length === 0) return { text: 'STORE completed' };
  const numbers = isUid
    ? modifiedUids
    : modifiedUids.map((uid) => selected.snapshot.sequenceNumberOf(uid) as number);
  return { text: 'Conditional STORE failed', code: `MODIFIED ${formatSequenceSet(numbers)}` };
}

import { formatSequenceSet } from '../../../protocol/sequence-set.ts';
import type { CopyResult } from '../../../store/mail-store.ts';
import { CommandRefusedError } from '../command-error.ts';
import type { CommandHandler } from '../command-handler.ts';
import { namedMessages } from '../named-messages.ts';

/** @see RFC 3501, section 6.4.7; RFC 6851 (MOVE); RFC 4315, section 3 (COPYUID) */
export const copyOrMove: CommandHandler<'COPY' | 'MOVE'> = async (session, command) => {
  const { name, set, isUid, mailboxName } = command;
  const selected = name === 'MOVE' ? session.writableMailbox : session.mailbox;
  const uids = namedMessages(selected, set, isUid);
  const target = await session.store.findMailbox(session.accountId, mailboxName);
  if (target?.isSelectable !== true) {
    throw new CommandRefusedError('NO', 'No mailbox of that name, create it first', 'TRYCREATE');
  }
  const sourceId = selected.mailbox.id;
  if (name === 'COPY') {
    const result = await session.store.copyMessages(sourceId, uids, target.id);
    refuseLoss(result, uids, isUid);
    return { text: 'COPY completed', ...copyUidCode(result) };
  }
  const result = await session.store.moveMessages(sourceId, uids, target.id);
  const { code } = copyUidCode(result);
  // Before the EXPUNGE responses, so that the client can still tell which message went where.
  if (code !== undefined) session.out.untagged(`OK [${code}] Moved`);
  return { text: 'MOVE completed' };
};

function copyUidCode({ targetUidValidity, sourceUids, targetUids }: CopyResult): { code?: string } {
  if (sourceUids.length === 0) return {};
  const sets = `${formatSequenceSet(sourceUids)} ${formatSequenceSet(targetUids)}`;
  return { code: `COPYUID ${targetUidValidity} ${sets}` };
}

/** Messages that another session has expunged meanwhile could not be copied (RFC 5530). */
function refuseLoss({ sourceUids }: CopyResult, uids: Uint32Array, isUid: boolean): void {
  if (isUid || sourceUids.length === uids.length) return;
  throw new CommandRefusedError('NO', 'Some of the messages no longer exist', 'EXPUNGEISSUED');
}

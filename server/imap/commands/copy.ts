import type { ResponseCode } from '../../../protocol/response-code.ts';
import { formatSequenceSet } from '../../../protocol/sequence-set.ts';
import { StoreError, type CopyResult, type Mailbox } from '../../../store/mail-store.ts';
import { CommandRefusedError } from '../responses.ts';
import type { CommandHandler } from '../dispatch.ts';
import type { MailboxView } from '../mailbox-view.ts';
import type { Session } from '../session.ts';

/**
 * Takes the messages that still exist (RFC 2180, section 4.4.2): a client that was answered NO would do it again.
 *
 * @see RFC 3501, section 6.4.7; RFC 6851 (MOVE); RFC 4315, section 3 (COPYUID)
 */
export const copyOrMove: CommandHandler<'COPY' | 'MOVE'> = async (session, command) => {
  const { name, set, isUid, mailboxName } = command;
  const view = name === 'MOVE' ? session.writableView : session.view;
  const uids = view.named(set, isUid);
  const target = await findTarget(session, mailboxName);
  const transferred =
    name === 'COPY'
      ? session.store.copyMessages(view.box, uids, target)
      : session.store.moveMessages(view.box, uids, target);
  const result = await transferred.catch((error: unknown) => refuse(view, error));
  const code = session.isOff('UIDPLUS') ? undefined : copyUidCode(result);
  if (name === 'COPY') return { text: 'COPY completed', ...(code !== undefined && { code }) };
  await view.feed.reach(result.sourceModseq);
  // Before the EXPUNGE responses, so that the client can still tell which message went where.
  if (code !== undefined) session.out.status('*', 'OK', 'Moved', code);
  return { text: 'MOVE completed' };
};

async function findTarget(session: Session, mailboxName: string): Promise<Mailbox> {
  const target = await session.store.findMailbox(session.accountId, mailboxName);
  if (target?.isSelectable !== true) throw noTarget();
  return target;
}

/** If the source is there, it is the target that has vanished meanwhile. */
function refuse(view: MailboxView, error: unknown): never {
  const isGone = error instanceof StoreError && error.code === 'NONEXISTENT';
  if (isGone && view.feed.ended === undefined) throw noTarget();
  throw error;
}

function noTarget(): CommandRefusedError {
  return new CommandRefusedError('NO', 'No mailbox of that name, create it first', 'TRYCREATE');
}

function copyUidCode(result: CopyResult): ResponseCode | undefined {
  const { targetUidValidity, sourceUids, targetUids } = result;
  if (sourceUids.length === 0) return undefined;
  return `COPYUID ${targetUidValidity} ${formatSequenceSet(sourceUids)} ${formatSequenceSet(targetUids)}`;
}

import type { ResponseCode } from '../../../protocol/response-code.ts';
import { formatSequenceSet } from '../../../protocol/sequence-set.ts';
import { StoreError, type CopyResult } from '../../../store/mail-store.ts';
import type { CommandHandler } from '../dispatch.ts';
import type { MailboxView } from '../mailbox-view.ts';
import { findTarget, noTarget } from './target-mailbox.ts';
import { completeWithin, expectWithinSaveLimit, withinLimit } from '../message-limit.ts';
import { namedUids } from '../named-messages.ts';

/**
 * Takes the messages that still exist (RFC 2180, section 4.4.2): a client that was answered NO would do it again.
 *
 * @see RFC 3501, section 6.4.7; RFC 6851 (MOVE); RFC 4315, section 3 (COPYUID); RFC 9738
 */
export const copyOrMove: CommandHandler<'COPY' | 'MOVE'> = async (session, command) => {
  const { name, set, isUid, mailboxName } = command;
  const view = name === 'MOVE' ? session.writableView : session.view;
  const named = namedUids(view, set, isUid);
  // COPY takes all or none.
  if (name === 'COPY') expectWithinSaveLimit(session, named);
  const { uids, limitCode } = name === 'COPY' ? { uids: named } : withinLimit(session, named);
  const target = await findTarget(session, mailboxName);
  const transferred =
    name === 'COPY'
      ? session.store.copyMessages(view.box, uids, target)
      : session.store.moveMessages(view.box, uids, target);
  const result = await transferred.catch((error: unknown) => refuse(error, view, mailboxName));
  session.notifications?.noteOwnMessages(target.mailboxId, result.targetModseq, result.targetUids);
  const code = session.isOff('UIDPLUS') ? undefined : copyUidCode(result);
  if (name === 'COPY') return { text: 'COPY completed', ...(code !== undefined && { code }) };
  await view.feed.reach(result.sourceModseq);
  view.noteOwnExpunge(result.sourceUids);
  // Before the EXPUNGE responses, so that the client can still tell which message went where; also if only some went.
  if (code !== undefined) session.out.status('*', 'OK', 'Moved', code);
  if (result.failure !== undefined) throw result.failure;
  const { sourceModseq, sourceUids } = result;
  const hasCode = sourceModseq !== undefined && sourceUids.length > 0 && session.hasCondstore;
  const completion = {
    text: 'MOVE completed',
    ...(hasCode && { code: `HIGHESTMODSEQ ${sourceModseq}` as const }),
  };
  return completeWithin(session, completion, limitCode);
};

/** If the source is there, it is the target that has vanished meanwhile. */
function refuse(error: unknown, view: MailboxView, targetName: string): never {
  const isGone = error instanceof StoreError && error.code === 'NONEXISTENT';
  if (isGone && view.feed.ended === undefined) throw noTarget(targetName);
  throw error;
}

function copyUidCode(result: CopyResult): ResponseCode | undefined {
  const { targetUidValidity, sourceUids, targetUids } = result;
  if (sourceUids.length === 0) return undefined;
  return `COPYUID ${targetUidValidity} ${formatSequenceSet(sourceUids)} ${formatSequenceSet(targetUids)}`;
}

import { StoreError } from '../../../store/mail-store.ts';
import type { CommandHandler } from '../dispatch.ts';
import type { MailboxView } from '../mailbox-view.ts';
import type { Session } from '../session.ts';

/** Removes what has \Deleted without telling, unless read-only. @see RFC 3501, section 6.4.2 */
export const closeMailbox: CommandHandler<'CLOSE'> = async (session) => {
  const { view } = session;
  // If it fails the answer is NO, and then the mailbox stays selected.
  if (!view.isReadOnly) await expunge(session, view);
  session.unselect();
  return { text: 'CLOSE completed' };
};

/** A mailbox that has been deleted has nothing to remove, and can be closed all the same. */
async function expunge({ store }: Session, { box, feed }: MailboxView): Promise<void> {
  try {
    const { modseq, failure } = await store.expungeMessages(box, undefined);
    if (failure === undefined) return;
    await feed.reach(modseq);
    throw failure;
  } catch (error) {
    if (!(error instanceof StoreError && error.code === 'NONEXISTENT')) throw error;
  }
}

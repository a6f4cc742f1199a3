import type { Mailbox } from '../../../store/mail-store.ts';
import type { AddedMessages } from '../../../store/message-draft.ts';
import { formatSequenceSet } from '../../../protocol/sequence-set.ts';
import type { CommandHandler, Completion } from '../dispatch.ts';
import type { Session } from '../session.ts';
import { AppendInput } from './append-input.ts';
import { findTarget } from './target-mailbox.ts';
import { tellName } from './tell-name.ts';

/**
 * Streams messages into the store, which gets all of them or none.
 *
 * @see RFC 3501, section 6.3.11; RFC 9051, section 6.3.12; RFC 4315, section 3 (APPENDUID); RFC 3502 (MULTIAPPEND); RFC 4469 (CATENATE)
 */
export const append: CommandHandler<'APPEND'> = async (session, command, request) => {
  const input = new AppendInput(session);
  try {
    const mailbox = await findAppendTarget(session, command.mailboxName);
    if (command.oldName !== undefined && session.isRev2)
      tellName(session, mailbox, command.oldName);
    const messages = await input.receive({ part: command, isWaiting: request.isWaiting });
    const [first] = messages;
    if (messages.length > 1 || first === undefined) {
      const added = await session.store.addMessages(mailbox, messages);
      return complete(session, mailbox, added);
    }
    const { draft, flags, internalDate } = first;
    const adding = draft.addTo(mailbox, { flags, internalDate });
    // The store adds messages in the order in which it is asked to, as far as they are small.
    request.onRead?.();
    const { uid, ...added } = await adding;
    return complete(session, mailbox, { ...added, uids: Uint32Array.of(uid) });
  } finally {
    await input.discard();
  }
};

function complete(
  session: Session,
  { mailboxId }: Mailbox,
  { uids, uidValidity, modseq }: AddedMessages,
): Completion {
  session.notifications?.noteOwnMessages(mailboxId, modseq, uids);
  const text = 'APPEND completed';
  if (session.isOff('UIDPLUS')) return { text };
  return { text, code: `APPENDUID ${uidValidity} ${formatSequenceSet(uids)}` };
}

/** The mailbox that messages are to go to; if there is none the client need not send them. */
export async function findAppendTarget(session: Session, name: string): Promise<Mailbox> {
  try {
    return await findTarget(session, name);
  } catch (error) {
    session.connection.rejectLiteral();
    throw error;
  }
}

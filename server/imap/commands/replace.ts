import { type Mailbox, type MessageKey, StoreError } from '../../../store/mail-store.ts';
import type { AddedMessages, DraftedMessage } from '../../../store/message-draft.ts';
import type { ReplaceArguments } from '../../../protocol/grammar/replace.ts';
import { formatSequenceSet } from '../../../protocol/sequence-set.ts';
import type { CommandHandler } from '../dispatch.ts';
import { CommandRefusedError } from '../responses.ts';
import type { Session } from '../session.ts';
import { AppendInput } from './append-input.ts';
import { findAppendTarget } from './append.ts';
import { noTarget } from './target-mailbox.ts';
import { namedUids } from '../named-messages.ts';

/** Adds a message and expunges the one that it replaces, in one step. @see RFC 8508 */
export const replace: CommandHandler<'REPLACE'> = async (session, command, request) => {
  const input = new AppendInput(session);
  try {
    const replaced = findReplaced(session, command);
    const mailbox = await findAppendTarget(session, command.mailboxName);
    const messages = await input.receive({ part: command, isWaiting: request.isWaiting });
    const added = await addInstead(session, { mailbox, messages, replaced });
    const modseq = added.replacedModseq!;
    await session.view.feed.reach(modseq);
    session.view.noteOwnExpunge(Uint32Array.of(replaced.uid));
    session.notifications?.noteOwnMessages(mailbox.mailboxId, added.modseq, added.uids);
    // Before the EXPUNGE response, so that the client can tell which message has come for which.
    if (!session.isOff('UIDPLUS')) {
      const code = `APPENDUID ${added.uidValidity} ${formatSequenceSet(added.uids)}` as const;
      session.out.status('*', 'OK', 'Replaced', code);
    }
    if (!session.hasCondstore) return { text: 'REPLACE completed' };
    return { text: 'REPLACE completed', code: `HIGHESTMODSEQ ${modseq}` };
  } finally {
    await input.discard();
  }
};

/** The message that is to go; if there is none, the client need not send the other. */
function findReplaced(session: Session, { set, isUid }: ReplaceArguments & { isUid: boolean }) {
  try {
    const view = session.writableView;
    const [uid] = namedUids(view, set, isUid);
    if (uid === undefined) throw new CommandRefusedError('NO', 'There is no such message');
    return { box: view.box, uid };
  } catch (error) {
    session.connection.rejectLiteral();
    throw error;
  }
}

async function addInstead(
  { store, view }: Session,
  {
    mailbox,
    messages,
    replaced,
  }: { mailbox: Mailbox; messages: readonly DraftedMessage[]; replaced: MessageKey },
): Promise<AddedMessages> {
  try {
    return await store.addMessages(mailbox, messages, replaced);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'NONEXISTENT') throw error;
    const target = await store.findMailbox(mailbox.accountId, mailbox.name);
    if (target?.mailboxId !== mailbox.mailboxId) throw noTarget(mailbox.name);
    if (view.feed.ended !== undefined) throw error;
    const text = 'The message has been expunged, and nothing was added for it';
    throw new CommandRefusedError('NO', text, 'EXPUNGEISSUED');
  }
}

import type { CommandHandler } from '../dispatch.ts';
import { tellGone } from './tell-name.ts';

/** A mailbox that this session has selected is left first. @see RFC 3501, section 6.3.4; RFC 9051, section 6.3.5 */
export const deleteMailbox: CommandHandler<'DELETE'> = async (session, command) => {
  const { mailboxName, oldName } = command;
  const { selected } = session;
  const mailbox = await session.store.findMailbox(session.accountId, mailboxName);
  const isSelected = selected !== undefined && mailbox?.mailboxId === selected.box.mailboxId;
  await session.omitOwn([mailboxName], () =>
    session.store.deleteMailbox(session.accountId, mailboxName),
  );
  if (isSelected) {
    session.unselect();
    session.out.status('*', 'OK', 'The selected mailbox is deleted', 'CLOSED');
  }
  if (oldName !== undefined) tellGone(session, mailboxName, oldName);
  return { text: 'DELETE completed' };
};

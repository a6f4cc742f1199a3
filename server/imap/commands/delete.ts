import type { CommandHandler } from '../dispatch.ts';

/** A mailbox that this session has selected is left first. @see RFC 3501, section 6.3.4 */
export const deleteMailbox: CommandHandler<'DELETE'> = async (session, { mailboxName }) => {
  const { selected } = session;
  const mailbox = await session.store.findMailbox(session.accountId, mailboxName);
  const isSelected = selected !== undefined && mailbox?.mailboxId === selected.box.mailboxId;
  await session.store.deleteMailbox(session.accountId, mailboxName);
  if (isSelected) {
    session.unselect();
    session.out.status('*', 'OK', 'The selected mailbox is deleted', 'CLOSED');
  }
  return { text: 'DELETE completed' };
};

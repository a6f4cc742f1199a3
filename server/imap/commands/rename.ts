import type { CommandHandler } from '../dispatch.ts';

/** @see RFC 3501, section 6.3.5 */
export const renameMailbox: CommandHandler<'RENAME'> = async (session, command) => {
  await session.store.renameMailbox(session.accountId, command.mailboxName, command.newName);
  return { text: 'RENAME completed' };
};

import type { CommandHandler } from '../dispatch.ts';

/** @see RFC 3501, section 6.3.3 */
export const createMailbox: CommandHandler<'CREATE'> = async (session, { mailboxName }) => {
  await session.store.createMailbox(session.accountId, mailboxName);
  return { text: 'CREATE completed' };
};

import type { CommandHandler } from '../dispatch.ts';
import { tellNormalizedName } from './tell-name.ts';

/** @see RFC 3501, section 6.3.3; RFC 9051, section 6.3.4 */
export const createMailbox: CommandHandler<'CREATE'> = async (session, command) => {
  const { mailboxName, oldName } = command;
  await session.store.createMailbox(session.accountId, mailboxName);
  await tellNormalizedName(session, mailboxName, oldName);
  return { text: 'CREATE completed' };
};

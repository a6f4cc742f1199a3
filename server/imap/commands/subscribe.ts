import type { CommandHandler } from '../dispatch.ts';

/** @see RFC 3501, sections 6.3.6 and 6.3.7 */
export const subscribe: CommandHandler<'SUBSCRIBE' | 'UNSUBSCRIBE'> = async (session, command) => {
  const { name, mailboxName } = command;
  if (name === 'SUBSCRIBE') await session.store.subscribe(session.accountId, mailboxName);
  else await session.store.unsubscribe(session.accountId, mailboxName);
  return { text: `${name} completed` };
};

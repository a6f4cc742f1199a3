import type { CommandHandler } from '../dispatch.ts';

/** @see RFC 3501, sections 6.3.6 and 6.3.7 */
export const subscribe: CommandHandler<'SUBSCRIBE' | 'UNSUBSCRIBE'> = async (session, command) => {
  const { name, mailboxName } = command;
  const { store, accountId } = session;
  await session.omitOwn([mailboxName], () =>
    name === 'SUBSCRIBE'
      ? store.subscribe(accountId, mailboxName)
      : store.unsubscribe(accountId, mailboxName),
  );
  return { text: `${name} completed` };
};

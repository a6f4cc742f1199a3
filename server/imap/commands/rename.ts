import type { CommandHandler } from '../dispatch.ts';
import { tellNormalizedName } from './tell-name.ts';

/** @see RFC 3501, section 6.3.5; RFC 9051, section 6.3.6 */
export const renameMailbox: CommandHandler<'RENAME'> = async (session, command) => {
  const { mailboxName, newName, oldName } = command;
  await session.omitOwn([mailboxName, newName], () =>
    session.store.renameMailbox(session.accountId, mailboxName, newName),
  );
  await tellNormalizedName(session, newName, oldName);
  return { text: 'RENAME completed' };
};

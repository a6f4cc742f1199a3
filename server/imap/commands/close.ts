import type { CommandHandler } from '../command.ts';

/** Removes what has \Deleted without telling, unless read-only. @see RFC 3501, section 6.4.2 */
export const closeMailbox: CommandHandler<'CLOSE'> = async (session) => {
  const { box, isReadOnly } = session.view;
  session.unselect();
  if (!isReadOnly) await session.store.expungeMessages(box, undefined);
  return { text: 'CLOSE completed' };
};

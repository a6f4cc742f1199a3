import type { CommandHandler } from '../command-handler.ts';
import { namedMessages } from '../named-messages.ts';

/** The EXPUNGE responses come with what else has changed. @see RFC 3501, section 6.4.3; RFC 4315 */
export const expunge: CommandHandler<'EXPUNGE'> = async (session, { uids }) => {
  const selected = session.writableMailbox;
  const named = uids === undefined ? undefined : namedMessages(selected, uids, true);
  const { modseq } = await session.store.expungeMessages(selected.mailbox.id, named);
  await session.sync();
  const code = session.hasCondstore ? { code: `HIGHESTMODSEQ ${modseq}` } : {};
  return { text: 'EXPUNGE completed', ...code };
};

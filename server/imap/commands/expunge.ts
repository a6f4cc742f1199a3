import type { CommandHandler } from '../dispatch.ts';
import { namedUids } from '../named-messages.ts';

/** The EXPUNGE responses come with what else has changed. @see RFC 3501, section 6.4.3; RFC 4315; RFC 7162, section 3.2.7 */
export const expunge: CommandHandler<'EXPUNGE'> = async (session, { uids }) => {
  const view = session.writableView;
  const named = uids === undefined ? undefined : namedUids(view, uids, true);
  const { modseq, uids: expunged, failure } = await session.store.expungeMessages(view.box, named);
  await view.feed.reach(modseq);
  if (failure !== undefined) throw failure;
  if (!session.hasCondstore || expunged.length === 0) return { text: 'EXPUNGE completed' };
  return { text: 'EXPUNGE completed', code: `HIGHESTMODSEQ ${modseq}` };
};

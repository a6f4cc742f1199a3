import { Turn } from '../../../store/turns.ts';
import type { CommandHandler } from '../dispatch.ts';
import { writeSearch } from '../search-response.ts';
import { sortMessages } from '../sorting/sort-messages.ts';
import { findMatching, UnknownCharsetError, usesModseq } from './search.ts';

/** @see RFC 5256, section 3 (SORT); RFC 7162, section 3.1.6 */
export const sort: CommandHandler<'SORT'> = async (session, command) => {
  const { isUid, criteria, unknownCharset, keys } = command;
  if (unknownCharset !== undefined) throw new UnknownCharsetError(unknownCharset);
  const { view, out } = session;
  const hasModseq = usesModseq(criteria);
  if (hasModseq) session.enableCondstore();
  const found = await findMatching(session, criteria);
  const uids = await sortMessages(view.feed, found, keys, new Turn(out));
  await writeSearch(session, { uids, isUid, hasModseq }, 'SORT');
  return { text: 'SORT completed' };
};

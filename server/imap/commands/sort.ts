import { noUids } from '../../../protocol/sorted-uids.ts';
import { Relevancies } from '../../../store/relevancies.ts';
import { Turn } from '../../../store/turns.ts';
import { prepareContext } from '../contexts/begin-context.ts';
import type { CommandHandler } from '../dispatch.ts';
import { expectSearchWithinLimit } from '../message-limit.ts';
import { answerExtended, writeSearch } from '../search-response.ts';
import type { Session } from '../session.ts';
import { sortMessages } from '../sorting/sort-messages.ts';
import { findMatching, usesModseq } from './search.ts';

/** @see RFC 5256, section 3 (SORT); RFC 7162, section 3.1.6; RFC 5267, sections 3.1 (RETURN) and 4 (CONTEXT); RFC 5182, section 1 */
export const sort: CommandHandler<'SORT'> = async (session, command, { tag }) => {
  try {
    return { text: `SORT ${await sortAndAnswer(session, command, tag)}` };
  } catch (error) {
    // What was to be saved and is refused leaves nothing (RFC 5182, section 2.1).
    if (command.returned?.items.has('SAVE') === true) session.view.savedUids = noUids;
    throw error;
  }
};

/** Returns how the command is answered. */
async function sortAndAnswer(
  session: Session,
  command: Parameters<typeof sort>[1],
  tag: string,
): Promise<string> {
  const { isUid, criteria, keys, returned } = command;
  const { view, out } = session;
  expectSearchWithinLimit(session, command);
  // How relevant a message is that comes later is not known.
  const isHeard = !keys.some(({ name }) => name === 'RELEVANCY');
  const beginContext = isHeard ? await prepareContext(session, command, tag) : undefined;
  const relevancies = new Relevancies();
  const found = await findMatching(session, command, relevancies);
  const hasModseq = usesModseq(criteria);
  if (hasModseq) session.enableCondstore();
  const uids = await sortMessages(view.feed, found, keys, new Turn(out), relevancies);
  const sorted = { uids, isUid, hasModseq, relevancies };
  if (returned === undefined) await writeSearch(session, sorted, 'SORT');
  else await answerExtended(session, sorted, { tag, returned });
  if (isHeard || returned?.isUpdated !== true) return (await beginContext?.(uids)) ?? 'completed';
  out.status('*', 'NO', 'What is relevant is not told of later', `NOUPDATE "${tag}"`);
  return 'completed, will not notify';
}

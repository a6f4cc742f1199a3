import { Relevancies } from '../../../store/relevancies.ts';
import { Turn } from '../../../store/turns.ts';
import { prepareContext } from '../contexts/begin-context.ts';
import type { CommandHandler } from '../dispatch.ts';
import { expectSearchWithinLimit } from '../message-limit.ts';
import { writeEsearch, writeSearch } from '../search-response.ts';
import { sortMessages } from '../sorting/sort-messages.ts';
import { findMatching, usesModseq } from './search.ts';

/** @see RFC 5256, section 3 (SORT); RFC 7162, section 3.1.6; RFC 5267, sections 3.1 (RETURN) and 4 (CONTEXT) */
export const sort: CommandHandler<'SORT'> = async (session, command, { tag }) => {
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
  else await writeEsearch(session, sorted, { tag, returned });
  const outcome = await beginContext?.(uids);
  if (!isHeard && returned?.isUpdated === true) {
    out.status('*', 'NO', 'What is relevant is not told of later', `NOUPDATE "${tag}"`);
  }
  return { text: `SORT ${outcome ?? 'completed'}` };
};

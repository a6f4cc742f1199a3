import type { SearchReturn } from '../../../protocol/grammar/search-return.ts';
import type { SortKey } from '../../../protocol/grammar/sort.ts';
import type { SearchKey } from '../../../protocol/search-key.ts';
import { Turn } from '../../../store/turns.ts';
import { CommandRefusedError } from '../responses.ts';
import type { Session } from '../session.ts';
import { UnsortedMembers } from './context-members.ts';
import { freezeCriteria } from './frozen-criteria.ts';
import { judgedNow, SearchContext } from './search-context.ts';
import { SearchContexts } from './search-contexts.ts';
import { SortedMembers } from './sorted-members.ts';

/** A searching command, as far as a context needs it. */
export interface SearchingCommand {
  readonly isUid: boolean;
  readonly criteria: SearchKey;
  readonly returned?: SearchReturn;
  /** Of SORT. */
  readonly keys?: readonly SortKey[];
}

/**
 * Called with what was found, in the order in which it is answered, once that is answered: from then on the client is told what
 * changes, unless it is told that it is not. Returns how the command is answered.
 */
export type BeginContext = (found: Uint32Array) => Promise<string>;

/**
 * To be called before a command searches: whatever changes from here on is told. Undefined if the command does not ask for updates.
 *
 * @throws CommandRefusedError if the tag is that of another context
 * @see RFC 5267, sections 4.3 and 4.3.1
 */
export async function prepareContext(
  session: Session,
  { isUid, criteria, returned, keys }: SearchingCommand,
  tag: string,
): Promise<BeginContext | undefined> {
  if (returned?.isUpdated !== true) return undefined;
  const contexts = SearchContexts.of(session);
  if (contexts.has(tag))
    throw new CommandRefusedError('BAD', 'The tag is that of a search with updates');
  const { view, out } = session;
  const judged = judgedNow(view, session.context.clock());
  const turn = new Turn(out);
  const frozen = await freezeCriteria(criteria, view, turn);
  return async (found) => {
    const members =
      keys === undefined
        ? await UnsortedMembers.of(found, turn)
        : await SortedMembers.of(view.feed, keys, found, turn);
    const search = { tag, isUid, criteria: frozen, ...(keys && { keys }) };
    if (contexts.add(new SearchContext(search, members, judged))) return 'completed, will notify';
    out.status('*', 'NO', 'Too many searches with updates', `NOUPDATE "${tag}"`);
    return 'completed, will not notify';
  };
}

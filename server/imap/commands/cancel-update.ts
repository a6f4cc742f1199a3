import { quoteReceived } from '../../../protocol/decoder.ts';
import { SearchContexts } from '../contexts/search-contexts.ts';
import type { CommandHandler } from '../dispatch.ts';
import { CommandRefusedError } from '../responses.ts';

/** @see RFC 5267, section 4.3.5 */
export const cancelUpdate: CommandHandler<'CANCELUPDATE'> = async (session, { tags }) => {
  const unknown = SearchContexts.of(session).cancel(tags);
  if (unknown !== undefined) {
    throw new CommandRefusedError(
      'BAD',
      `No search with the tag ${quoteReceived(unknown)} has updates`,
    );
  }
  return { text: 'CANCELUPDATE completed' };
};

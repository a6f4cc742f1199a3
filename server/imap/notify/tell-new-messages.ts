import type { FetchItem } from '../../../protocol/fetch-item.ts';
import { StoreError } from '../../../store/mail-store.ts';
import { tellMessages } from '../commands/fetch.ts';
import { CommandRefusedError } from '../responses.ts';
import type { Session } from '../session.ts';

/**
 * Tells a client what it has asked for of messages that have come to its selected mailbox, by FETCH responses. Nothing is changed
 * by that: no message gets \Seen. What cannot be read is left out; the client finds out when it asks for it.
 *
 * @param uids - ascending, of messages that the client knows of
 * @see RFC 5465, section 5.2
 */
export async function tellNewMessages(
  session: Session,
  uids: Uint32Array,
  items: readonly FetchItem[],
): Promise<void> {
  if (uids.length === 0) return;
  try {
    await tellMessages(session, uids, items);
  } catch (error) {
    if (!(error instanceof StoreError || error instanceof CommandRefusedError)) throw error;
    session.log('warn', { err: error }, 'new messages cannot be told');
    session.out.takeBack();
  }
}

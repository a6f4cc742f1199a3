import type { CommandHandler } from '../dispatch.ts';
import { hasItem } from './fetch-response.ts';

/**
 * Sets what the client is told of by itself. What has changed in the selected mailbox is told with the answer, as by NOOP.
 *
 * @see RFC 5465, section 3.1
 */
export const notify: CommandHandler<'NOTIFY'> = async (session, { hasStatus, groups }) => {
  if (groups.some(({ newMessageItems }) => hasItem(newMessageItems, 'MODSEQ'))) {
    session.enableCondstore();
  }
  const notifications = session.beginNotifications();
  await notifications.set({ groups });
  if (hasStatus) await notifications.tellCounters();
  return { text: 'NOTIFY completed' };
};

import type { CommandHandler } from '../dispatch.ts';

/**
 * What has changed in the selected mailbox is told before the answer, as after every command; elsewhere, if the client has asked
 * for it by NOTIFY.
 *
 * @see RFC 3501, section 6.1.2
 */
export const noop: CommandHandler<'NOOP'> = async ({ notifications }) => {
  await notifications?.tell();
  return { text: 'NOOP completed' };
};

/** Every change is durable before it is answered, so there is nothing to do. @see RFC 3501, section 6.4.1 */
export const check: CommandHandler<'CHECK'> = async () => ({ text: 'CHECK completed' });

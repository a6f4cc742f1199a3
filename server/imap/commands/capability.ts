import type { CommandHandler } from '../command-handler.ts';

/** @see RFC 3501, section 6.1.1 */
export const capability: CommandHandler<'CAPABILITY'> = async (session) => {
  session.out.untagged(`CAPABILITY ${session.formatCapabilities()}`);
  return { text: 'CAPABILITY completed' };
};

import type { CommandHandler } from '../dispatch.ts';

/** @see RFC 3691, section 2 */
export const unselect: CommandHandler<'UNSELECT'> = async (session) => {
  session.unselect();
  return { text: 'UNSELECT completed' };
};

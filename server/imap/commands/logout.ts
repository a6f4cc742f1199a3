import type { CommandHandler } from '../dispatch.ts';

/** @see RFC 3501, section 6.1.3 */
export const logout: CommandHandler<'LOGOUT'> = async (session) => {
  session.unselect();
  session.out.status('*', 'BYE', `Reprise ${session.revision} server signing off`);
  return { text: 'LOGOUT completed', isEnd: true };
};

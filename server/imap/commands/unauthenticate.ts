import type { CommandHandler } from '../dispatch.ts';
import { ByeError } from '../responses.ts';

/**
 * The client goes back to before its login, and may log in as another one. NO is not permitted, since the next command may be
 * on its way: what cannot be undone ends the connection.
 *
 * @see RFC 8437, section 3
 */
export const unauthenticate: CommandHandler<'UNAUTHENTICATE'> = async (session) => {
  // It would end behind this command, amid bytes that have been taken for compressed ones.
  if (session.connection.isCompressed) {
    throw new ByeError('Compression cannot be ended, connect again');
  }
  session.logOut();
  return { text: 'UNAUTHENTICATE completed' };
};

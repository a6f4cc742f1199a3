import { CommandRefusedError } from '../command.ts';
import type { CommandHandler } from '../command.ts';
import { logInWithPassword } from '../log-in-with-password.ts';

/** @see RFC 3501, section 6.2.3 */
export const login: CommandHandler<'LOGIN'> = async (session, { userName, password }) => {
  if (!session.isSecure) {
    throw new CommandRefusedError('NO', 'Use STARTTLS before LOGIN', 'PRIVACYREQUIRED');
  }
  return logInWithPassword(session, userName, password);
};

import { VerificationQueueFullError } from '../authentication/verification-queue.ts';
import { CommandRefusedError } from './command-error.ts';
import type { Completion } from './completion.ts';
import type { Session } from './session.ts';

/**
 * Checks a password and logs in. Which of name and password was wrong is not told (RFC 5530, section 3,
 * AUTHENTICATIONFAILED).
 */
export async function logInWithPassword(
  session: Session,
  userName: string,
  password: string,
): Promise<Completion> {
  const account = await verify(session, userName, password);
  if (account === undefined) {
    session.log('info', { userName, address: session.connection.remoteAddress }, 'login refused');
    session.countFailedLogin();
    throw new CommandRefusedError('NO', 'Wrong user name or password', 'AUTHENTICATIONFAILED');
  }
  session.logIn(account);
  return { text: 'Logged in', code: `CAPABILITY ${session.formatCapabilities()}` };
}

async function verify(session: Session, userName: string, password: string) {
  try {
    return await session.context.verifier.verify(userName, password);
  } catch (error) {
    if (!(error instanceof VerificationQueueFullError)) throw error;
    session.context.metrics.recordLogin('busy');
    throw new CommandRefusedError('NO', 'Too many logins at once, try again later', 'UNAVAILABLE');
  }
}

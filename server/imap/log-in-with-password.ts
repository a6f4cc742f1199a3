import { LoginBusyError } from '../authentication/password-check-queue.ts';
import { CommandRefusedError } from './command.ts';
import type { Completion } from './command.ts';
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
    // Each line costs a password check, so that they cannot be many, and fail2ban needs them all.
    const fields = {
      userName: await loggableName(session, userName),
      address: session.connection.remoteAddress,
    };
    session.log('info', fields, 'login refused');
    session.countFailedLogin();
    throw new CommandRefusedError('NO', 'Wrong user name or password', 'AUTHENTICATIONFAILED');
  }
  session.logIn(account);
  return { text: 'Logged in', code: `CAPABILITY ${session.formatCapabilities()}` };
}

async function verify(session: Session, userName: string, password: string) {
  const { connection, context } = session;
  const startedAtMs = context.steadyClock();
  try {
    return await context.verifier.verify(userName, password, connection.remoteAddress);
  } catch (error) {
    if (!(error instanceof LoginBusyError)) throw error;
    session.countFailedLogin('busy');
    throw new CommandRefusedError('NO', error.message, error.code);
  } finally {
    connection.excuseWait(context.steadyClock() - startedAtMs);
  }
}

/** The name of an account; of any other name the first letter, since people type their password as user name. */
async function loggableName({ store }: Session, userName: string): Promise<string> {
  const account = await store.findAccount(userName);
  return account?.name ?? `${userName.slice(0, userName.length < 4 ? 0 : 1)}***`;
}

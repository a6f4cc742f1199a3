import type { Account } from '../../../store/mail-store.ts';
import type { ClientCertificate } from '../../../tls/index.ts';
import { LoginBusyError } from '../../authentication/password-check-queue.ts';
import { findNamedAccount } from '../../authentication/user-name.ts';
import type { CommandHandler, Completion } from '../dispatch.ts';
import { CommandRefusedError } from '../responses.ts';
import type { Session } from '../session.ts';

/** @see RFC 3501, section 6.2.3 */
export const login: CommandHandler<'LOGIN'> = async (session, { userName, password }) => {
  if (!session.isSecure) {
    throw new CommandRefusedError('NO', 'Use STARTTLS before LOGIN', 'PRIVACYREQUIRED');
  }
  return logInWithPassword(session, userName, password);
};

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
  const { remoteAddress } = connection;
  try {
    return await context.verifier.verify(userName, password, remoteAddress, (check) =>
      connection.excuseWait(check),
    );
  } catch (error) {
    if (!(error instanceof LoginBusyError)) throw error;
    session.countFailedLogin('busy');
    throw new CommandRefusedError('NO', error.message, error.code);
  }
}

/** The name of an account; of any other name the first letter, since people type their password as user name. */
async function loggableName({ store }: Session, userName: string): Promise<string> {
  const account = await findNamedAccount(store, userName);
  return account?.name ?? `${userName.slice(0, userName.length < 4 ? 0 : 1)}***`;
}

/**
 * Logs in as the account that the client's certificate names: by an e-mail address among its alternative names,
 * or by its common name.
 *
 * @param authorizationId - the account that the client asks for; empty: the first that the certificate names
 * @see RFC 4422, appendix A (EXTERNAL)
 */
export async function logInWithCertificate(
  session: Session,
  authorizationId: string,
): Promise<Completion> {
  const certificate = session.connection.tls?.clientCertificate;
  const accounts = certificate?.isAuthorized ? await findAccounts(session, certificate) : [];
  const account =
    authorizationId === '' ? accounts[0] : await findOne(session, authorizationId, accounts);
  if (account === undefined) {
    const { fingerprint256, subject, reason } = certificate ?? {};
    const address = session.connection.remoteAddress;
    session.log('info', { fingerprint256, subject, reason, address }, 'login refused');
    session.countFailedLogin();
    const text = 'No certificate that is valid and names the account';
    throw new CommandRefusedError('NO', text, 'AUTHENTICATIONFAILED');
  }
  session.logIn(account);
  return { text: 'Logged in', code: `CAPABILITY ${session.formatCapabilities()}` };
}

async function findAccounts(
  { store }: Session,
  { emailAddresses, commonName }: ClientCertificate,
): Promise<readonly Account[]> {
  const names = commonName === undefined ? emailAddresses : [...emailAddresses, commonName];
  const accounts = await Promise.all(names.map((name) => store.findAccount(name)));
  return accounts.filter((account) => account !== undefined);
}

/** The account of a name, if it is among these. */
async function findOne({ store }: Session, name: string, accounts: readonly Account[]) {
  const wanted = await findNamedAccount(store, name);
  return accounts.find(({ id }) => id === wanted?.id);
}

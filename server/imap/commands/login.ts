import type { Account } from '../../../store/mail-store.ts';
import type { ClientCertificate } from '../../../tls/index.ts';
import { LoginBusyError } from '../../authentication/password-check-queue.ts';
import type { LoginWait } from '../../authentication/password-verifier.ts';
import { findNamedAccount } from '../../authentication/user-name.ts';
import { referElsewhere } from '../accounts-elsewhere.ts';
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
  const { verifier } = session.context;
  const account = await waitForCheck(session, (address, wait) =>
    verifier.verify(userName, password, address, wait),
  );
  if (account === undefined) throw await refuseLogin(session, userName);
  return completeLogin(session, account);
}

/** The client has proved to be the account. Throws if its mail is on another server. */
export function completeLogin(session: Session, account: Account): Completion {
  const referral = referElsewhere(session, account);
  if (referral !== undefined) throw referral;
  session.logIn(account);
  return { text: 'Logged in', code: `CAPABILITY ${session.formatCapabilities()}` };
}

/**
 * Logs and counts a login that was refused; resolves to what the client is told.
 *
 * @param reason - for the log; undefined: a password was checked, and it was wrong
 */
export async function refuseLogin(
  session: Session,
  userName: string,
  reason?: string,
): Promise<CommandRefusedError> {
  const name = await loggableName(session, userName);
  if (reason === undefined) {
    // Each line costs a password check, so that they cannot be many, and fail2ban needs them all.
    const address = session.connection.remoteAddress;
    session.log('info', { userName: name, address }, 'login refused');
  } else logCheapRefusal(session, { userName: name, reason });
  session.countFailedLogin();
  return new CommandRefusedError('NO', 'Wrong user name or password', 'AUTHENTICATIONFAILED');
}

/** Logs a login that was refused without a password check, as far as lines that cost nothing may be many. */
export function logCheapRefusal(
  { context, connection }: Session,
  fields: object,
  level: 'info' | 'warn' = 'info',
): void {
  const { id: connectionId, remoteAddress } = connection;
  const known = { connectionId, ...fields };
  context.strangers.write(level, remoteAddress, known, 'login refused');
}

/** What a client is told that wants to act for another one. */
export function actsForAnother(): CommandRefusedError {
  return new CommandRefusedError(
    'NO',
    'Acting for another user is not allowed',
    'AUTHORIZATIONFAILED',
  );
}

/** Runs a check of a login, which may wait for its turn. Rejects with a {@link CommandRefusedError} if too many wait. */
export async function waitForCheck<Value>(
  session: Session,
  check: (address: string | undefined, wait: LoginWait) => Promise<Value>,
): Promise<Value> {
  const { connection } = session;
  try {
    return await check(connection.remoteAddress, (work) => connection.excuseWait(work));
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
    logCheapRefusal(session, { fingerprint256, subject, reason });
    session.countFailedLogin();
    const text = 'No certificate that is valid and names the account';
    throw new CommandRefusedError('NO', text, 'AUTHENTICATIONFAILED');
  }
  return completeLogin(session, account);
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

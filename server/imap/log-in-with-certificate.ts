import type { Account } from '../../store/mail-store.ts';
import type { ClientCertificate } from '../../tls/client-certificate.ts';
import { CommandRefusedError } from './command.ts';
import type { Completion } from './command.ts';
import type { Session } from './session.ts';

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
  const wanted = await store.findAccount(name);
  return accounts.find(({ id }) => id === wanted?.id);
}

import type { CommandHandler, Completion } from '../dispatch.ts';
import { CommandRefusedError } from '../responses.ts';
import { decodeUtf8, SaslExchange } from '../sasl-exchange.ts';
import type { Session } from '../session.ts';
import { authenticateByScram } from './authenticate-scram.ts';
import { authenticateOAuthBearer, authenticateXOAuth2 } from './authenticate-token.ts';
import { actsForAnother, logInWithCertificate, logInWithPassword } from './login.ts';

/** Carries out one SASL mechanism, from the client's first response to its login. */
type Mechanism = (session: Session, exchange: SaslExchange) => Promise<Completion>;

/** By their names in capitals, the most wanted first. */
const mechanisms: ReadonlyMap<string, Mechanism> = new Map([
  ['SCRAM-SHA-256-PLUS', (...login) => authenticateByScram(...login, { isPlus: true })],
  ['SCRAM-SHA-256', (...login) => authenticateByScram(...login, { isPlus: false })],
  ['OAUTHBEARER', authenticateOAuthBearer],
  ['XOAUTH2', authenticateXOAuth2],
  ['PLAIN', authenticatePlain],
  ['LOGIN', authenticateLogin],
  ['EXTERNAL', authenticateExternal],
]);

/** @see RFC 3501, section 6.2.2; RFC 4959 (initial response) */
export const authenticate: CommandHandler<'AUTHENTICATE'> = async (session, command) => {
  const mechanism = mechanisms.get(command.mechanism);
  if (mechanism === undefined) {
    const expected = [...mechanisms.keys()].join(', ');
    throw new CommandRefusedError(
      'NO',
      `Unknown mechanism "${command.mechanism}", expected one of ${expected}`,
    );
  }
  if (!session.isSecure) {
    throw new CommandRefusedError('NO', 'Use STARTTLS before AUTHENTICATE', 'PRIVACYREQUIRED');
  }
  return mechanism(session, new SaslExchange(session, command.initialResponse));
};

/**
 * `authzid NUL authcid NUL password`. A user cannot act for another one, so authzid is empty or the same.
 *
 * @see RFC 4616
 */
async function authenticatePlain(session: Session, exchange: SaslExchange): Promise<Completion> {
  const response = decodeUtf8(await exchange.firstResponse());
  const [authorizationId, userName, password, ...rest] = response.split('\0');
  if (authorizationId === undefined || !userName || password === undefined || rest.length > 0) {
    throw new CommandRefusedError(
      'BAD',
      'Expected a PLAIN response of authzid NUL authcid NUL password',
    );
  }
  if (authorizationId !== '' && authorizationId !== userName) throw actsForAnother();
  return logInWithPassword(session, userName, password);
}

/** Two prompts, two answers. @see draft-murchison-sasl-login */
async function authenticateLogin(session: Session, exchange: SaslExchange): Promise<Completion> {
  const userName = decodeUtf8(await exchange.firstResponse('User Name\0'));
  const password = decodeUtf8(await exchange.challenge('Password\0'));
  return logInWithPassword(session, userName, password);
}

/** @see RFC 4422, appendix A */
async function authenticateExternal(session: Session, exchange: SaslExchange): Promise<Completion> {
  return logInWithCertificate(session, decodeUtf8(await exchange.firstResponse()));
}

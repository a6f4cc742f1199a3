import type { Account } from '../../../store/mail-store.ts';
import { TokenKeysError } from '../../authentication/token-keys.ts';
import {
  type CheckedToken,
  TokenRefusedError,
  type TokenVerifier,
} from '../../authentication/token-verifier.ts';
import { findNamedAccount } from '../../authentication/user-name.ts';
import type { Completion } from '../dispatch.ts';
import { CommandRefusedError } from '../responses.ts';
import { decodeUtf8, type SaslExchange } from '../sasl-exchange.ts';
import type { Session } from '../session.ts';
import { completeLogin, refuseLogin } from './login.ts';

/** What a client sends to log in by a token. */
interface TokenResponse {
  /** The account that the client wants; empty: that of the token. */
  readonly userName: string;
  readonly token: string;
}

/**
 * The client shows a token of the issuer that the server trusts, and is logged in to the account that it names until it
 * expires.
 *
 * @see RFC 7628
 */
export function authenticateOAuthBearer(
  session: Session,
  exchange: SaslExchange,
): Promise<Completion> {
  return authenticateByToken(session, exchange, parseOAuthBearer);
}

/** The same in the form that Google and Microsoft had before. */
export function authenticateXOAuth2(session: Session, exchange: SaslExchange): Promise<Completion> {
  return authenticateByToken(session, exchange, parseXOAuth2);
}

async function authenticateByToken(
  session: Session,
  exchange: SaslExchange,
  parse: (text: string) => TokenResponse | undefined,
): Promise<Completion> {
  const { tokens } = session.context;
  if (tokens === undefined) throw new CommandRefusedError('NO', 'Unknown SASL mechanism');
  const response = parse(decodeUtf8(await exchange.firstResponse()));
  if (response === undefined) {
    await tellFailure(exchange, { status: 'invalid_request' });
    throw new CommandRefusedError('BAD', 'Expected a bearer token');
  }
  try {
    const checked = await check(session, tokens, response);
    const completion = completeLogin(session, checked.account);
    session.connection.endAt(checked.expiresAt);
    return completion;
  } catch (error) {
    if (!(error instanceof TokenRefusedError)) throw error;
    const { status, message: reason } = error;
    await tellFailure(exchange, { status, 'openid-configuration': tokens.configurationUrl });
    await refuseLogin(session, response.userName, reason);
    throw new CommandRefusedError('NO', 'The token does not count here', 'AUTHENTICATIONFAILED');
  }
}

/** The account of a token. Which of token and account was wrong is not told. */
async function check(
  session: Session,
  tokens: TokenVerifier,
  { userName, token }: TokenResponse,
): Promise<CheckedToken & { readonly account: Account }> {
  const checked = await verify(session, tokens, token);
  const account = await findNamedAccount(session.store, checked.userName);
  if (account === undefined) throw new TokenRefusedError('no such account');
  if (userName === '') return { ...checked, account };
  const wanted = await findNamedAccount(session.store, userName);
  if (wanted?.id !== account.id) throw new TokenRefusedError('the token is for another account');
  return { ...checked, account };
}

async function verify(
  session: Session,
  tokens: TokenVerifier,
  token: string,
): Promise<CheckedToken> {
  try {
    return await session.connection.excuseWait(() => tokens.verify(token));
  } catch (error) {
    if (!(error instanceof TokenKeysError)) throw error;
    session.countFailedLogin('busy');
    throw new CommandRefusedError('NO', error.message, error.code);
  }
}

/** Says why in JSON; whatever the client answers, an empty message mostly, it is refused then. @see RFC 7628, section 3.2.3 */
async function tellFailure(
  exchange: SaslExchange,
  failure: Readonly<Record<string, string>>,
): Promise<void> {
  await exchange.challenge(JSON.stringify(failure), { isAnyAnswer: true });
}

/** Key and value pairs, each with a control-A behind it, and another at the end. */
const pair = /([A-Za-z]+)=([^\u0001]*)\u0001/g;

/** @see RFC 7628, section 3.1 */
function parseOAuthBearer(text: string): TokenResponse | undefined {
  const match = /^[ny],(?:a=([^,]+))?,\u0001((?:[A-Za-z]+=[^\u0001]*\u0001)*)\u0001$/.exec(text);
  if (match === null) return undefined;
  const [, name = '', pairs = ''] = match;
  const userName = name.replaceAll('=2C', ',').replaceAll('=3D', '=');
  return withToken(userName, pairs);
}

function parseXOAuth2(text: string): TokenResponse | undefined {
  const [, userName, pairs] = /^user=([^\u0001]+)\u0001(.*\u0001)\u0001$/s.exec(text) ?? [];
  return userName === undefined || pairs === undefined ? undefined : withToken(userName, pairs);
}

function withToken(userName: string, pairs: string): TokenResponse | undefined {
  const values = new Map([...pairs.matchAll(pair)].map(([, key = '', value = '']) => [key, value]));
  const [, token] = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(values.get('auth') ?? '') ?? [];
  return token === undefined ? undefined : { userName, token };
}

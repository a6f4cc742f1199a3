import { randomBytes } from 'node:crypto';
import type { Account } from '../../../store/mail-store.ts';
import { channelBindingTypes, isBoundTo } from '../../../tls/index.ts';
import type { ScramLogin, ScramVerifier } from '../../authentication/password-verifier.ts';
import { signAsServer } from '../../authentication/scram-verifier.ts';
import {
  parseClientFinal,
  parseClientFirst,
  type ScramClientFinal,
  type ScramClientFirst,
  ScramSyntaxError,
} from '../../authentication/scram-message.ts';
import { findNamedAccount } from '../../authentication/user-name.ts';
import type { Completion } from '../dispatch.ts';
import { CommandRefusedError } from '../responses.ts';
import { decodeUtf8, type SaslExchange } from '../sasl-exchange.ts';
import type { Session } from '../session.ts';
import {
  actsForAnother,
  completeLogin,
  logCheapRefusal,
  refuseLogin,
  waitForCheck,
} from './login.ts';

/** Random bytes of the server in a nonce: no two exchanges have the same, so that none can be replayed. */
const nonceBytes = 18;

/** Which of the two mechanisms it is. */
interface ScramVariant {
  /** True: the client binds its login to the connection. */
  readonly isPlus: boolean;
}

/**
 * The client proves that it knows the password, and the server that it knows what is kept of it; neither sends it. A login
 * that fails ends without the server's last message, which RFC 5802, section 7, leaves free.
 *
 * @see RFC 5802, sections 3, 5 and 6; RFC 7677
 */
export async function authenticateByScram(
  session: Session,
  exchange: SaslExchange,
  variant: ScramVariant,
): Promise<Completion> {
  const { scram } = session.context;
  if (scram === undefined) throw new CommandRefusedError('NO', 'Unknown SASL mechanism');
  const first = parse(parseClientFirst, await exchange.firstResponse());
  checkFlag(session, first, variant);
  const login = await scram.beginScram(first.userName);
  const nonce = `${first.nonce}${randomBytes(nonceBytes).toString('base64')}`;
  const { salt, iterations } = login.keys;
  const serverFirst = `r=${nonce},s=${salt.toString('base64')},i=${iterations}`;
  const final = parse(parseClientFinal, await exchange.challenge(serverFirst));
  const fault = findFault(session, { first, final, nonce });
  if (fault !== undefined) throw await refuseLogin(session, first.userName, fault);
  const authMessage = `${first.bare},${serverFirst},${final.withoutProof}`;
  const { proof } = final;
  const account = await verify(session, scram, login, { proof, authMessage });
  await checkAuthorization(session, first, account);
  const signature = signAsServer(login.keys, authMessage).toString('base64');
  const last = await exchange.challenge(`v=${signature}`);
  if (last.length > 0) throw new CommandRefusedError('BAD', 'Expected an empty SASL response');
  // The client may have taken its time for it.
  const current = await scram.readAgain(account);
  if (current === undefined) throw await refuseLogin(session, first.userName);
  return completeLogin(session, current);
}

function parse<Message>(read: (text: string) => Message, bytes: Uint8Array): Message {
  try {
    return read(decodeUtf8(bytes));
  } catch (error) {
    if (!(error instanceof ScramSyntaxError)) throw error;
    throw new CommandRefusedError('BAD', error.message);
  }
}

/**
 * Checks what the client says of binding, as far as it can be told before its proof. One that could bind its login, but has not
 * heard that the server can, was told less than the server has announced: somebody is between the two.
 *
 * @see RFC 5802, section 6
 */
function checkFlag(
  session: Session,
  { binding }: ScramClientFirst,
  { isPlus }: ScramVariant,
): void {
  if (isPlus !== (typeof binding === 'object')) {
    const text = isPlus ? 'Expected a channel binding' : 'Use SCRAM-SHA-256-PLUS to bind the login';
    throw new CommandRefusedError('NO', text, 'AUTHENTICATIONFAILED');
  }
  if (binding === 'y' && !session.isOff('AUTH=SCRAM-SHA-256-PLUS')) {
    logCheapRefusal(session, { reason: 'downgrade' }, 'warn');
    session.countFailedLogin();
    const text = 'The server supports channel binding, but somebody has hidden that from you';
    throw new CommandRefusedError('NO', text, 'AUTHENTICATIONFAILED');
  }
  if (typeof binding === 'object' && findType(binding.type) === undefined) {
    const expected = channelBindingTypes.join(' or ');
    throw new CommandRefusedError('NO', `Expected a channel binding of ${expected}`);
  }
}

/** What is wrong beside the proof, for the log: with another nonce the message is of another exchange. */
function findFault(
  session: Session,
  message: {
    readonly first: ScramClientFirst;
    readonly final: ScramClientFinal;
    readonly nonce: string;
  },
): string | undefined {
  const { first, final, nonce } = message;
  if (final.nonce !== nonce) return 'nonce';
  const header = Buffer.from(first.gs2Header);
  const isHeaderSame =
    Buffer.compare(final.channelBinding.subarray(0, header.length), header) === 0;
  const data = final.channelBinding.subarray(header.length);
  const isBound = isHeaderSame && isBoundAs(session, first, data);
  return isBound ? undefined : 'channel binding';
}

function isBoundAs(session: Session, { binding }: ScramClientFirst, data: Uint8Array): boolean {
  if (typeof binding === 'string') return data.length === 0;
  const type = findType(binding.type);
  const { tls } = session.connection;
  return type !== undefined && tls !== undefined && isBoundTo(tls, type, data);
}

function findType(name: string) {
  return channelBindingTypes.find((type) => type === name);
}

async function verify(
  session: Session,
  scram: ScramVerifier,
  login: ScramLogin,
  proof: Parameters<ScramVerifier['verifyScram']>[1],
): Promise<Account> {
  const account = await waitForCheck(session, (address, wait) =>
    scram.verifyScram(login, proof, address, wait),
  );
  if (account === undefined) throw await refuseLogin(session, login.userName);
  return account;
}

/** A user cannot act for another one. Told only to who has proved to be the user. */
async function checkAuthorization(
  { store }: Session,
  { authorizationId }: ScramClientFirst,
  account: Account,
): Promise<void> {
  if (authorizationId === '') return;
  const wanted = await findNamedAccount(store, authorizationId);
  if (wanted?.id !== account.id) throw actsForAnother();
}

import { decodeBase64 } from '../../../protocol/grammar/login.ts';
import { CommandRefusedError } from '../responses.ts';
import type { CommandHandler } from '../dispatch.ts';
import { decodeLine, type Session } from '../session.ts';
import { logInWithCertificate, logInWithPassword } from './login.ts';

const mechanisms: readonly string[] = ['PLAIN', 'LOGIN', 'EXTERNAL'];

/** @see RFC 3501, section 6.2.2; RFC 4959 (initial response); RFC 4616 (PLAIN); RFC 4422 (EXTERNAL) */
export const authenticate: CommandHandler<'AUTHENTICATE'> = async (session, command) => {
  const { mechanism, initialResponse } = command;
  if (!mechanisms.includes(mechanism)) {
    const expected = mechanisms.join(', ');
    throw new CommandRefusedError(
      'NO',
      `Unknown mechanism "${mechanism}", expected one of ${expected}`,
    );
  }
  if (!session.isSecure) {
    throw new CommandRefusedError('NO', 'Use STARTTLS before AUTHENTICATE', 'PRIVACYREQUIRED');
  }
  if (mechanism === 'EXTERNAL') {
    const authorizationId = decodeUtf8(initialResponse ?? (await challenge(session, '')));
    return logInWithCertificate(session, authorizationId);
  }
  const { userName, password } =
    mechanism === 'PLAIN'
      ? decodePlain(initialResponse ?? (await challenge(session, '')))
      : await exchangeLogin(session, initialResponse);
  return logInWithPassword(session, userName, password);
};

/** The LOGIN mechanism (draft-murchison-sasl-login): two prompts, two answers. */
async function exchangeLogin(session: Session, initialResponse: Uint8Array | undefined) {
  const userName = decodeUtf8(initialResponse ?? (await challenge(session, 'User Name\0')));
  const password = decodeUtf8(await challenge(session, 'Password\0'));
  return { userName, password };
}

/** `authzid NUL authcid NUL password`. A user cannot act for another one, so authzid is empty or the same. */
function decodePlain(response: Uint8Array) {
  const [authorizationId, userName, password, ...rest] = decodeUtf8(response).split('\0');
  if (authorizationId === undefined || !userName || password === undefined || rest.length > 0) {
    throw new CommandRefusedError(
      'BAD',
      'Expected a PLAIN response of authzid NUL authcid NUL password',
    );
  }
  if (authorizationId !== '' && authorizationId !== userName) {
    throw new CommandRefusedError(
      'NO',
      'Acting for another user is not allowed',
      'AUTHORIZATIONFAILED',
    );
  }
  return { userName, password };
}

/** Sends a challenge and reads the answer, both base64; `*` cancels. */
async function challenge(session: Session, text: string): Promise<Uint8Array> {
  session.out.challenge(Buffer.from(text));
  const line = decodeLine(await session.connection.pullLine());
  if (line === '*') throw new CommandRefusedError('BAD', 'Authentication cancelled');
  const response = decodeBase64(line);
  if (response === undefined) {
    throw new CommandRefusedError('BAD', 'Expected a SASL response in base64');
  }
  return response;
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CommandRefusedError('BAD', 'Expected a SASL response in UTF-8');
  }
}

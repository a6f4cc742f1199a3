import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

const pbkdf2Async = promisify(pbkdf2);

const saltBytes = 16;
const hashBytes = 32;

/**
 * Far above the 4,096 that RFC 7677 asks for at least, since a stolen verifier is as strong as this; the
 * client pays it at a SCRAM login (about 30 ms), the server only here.
 */
export const defaultScramIterations = 100_000;

/**
 * A verifier for SCRAM-SHA-256 of a prepared password, from which the password cannot be read:
 * `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`, all but the number in base64.
 *
 * @see RFC 5802, section 3; RFC 5803; RFC 7677
 */
export async function makeScramVerifier(
  password: string,
  { iterations = defaultScramIterations, salt = randomBytes(saltBytes) } = {},
): Promise<string> {
  const secret = Buffer.from(password);
  const saltedPassword = await pbkdf2Async(secret, salt, iterations, hashBytes, 'sha256');
  secret.fill(0);
  const clientKey = createHmac('sha256', saltedPassword).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest('base64');
  const serverKey = createHmac('sha256', saltedPassword).update('Server Key').digest('base64');
  saltedPassword.fill(0);
  clientKey.fill(0);
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}

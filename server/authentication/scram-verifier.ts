import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const pbkdf2Async = promisify(pbkdf2);

const saltBytes = 16;
const hashBytes = 32;

/**
 * Far above the 4,096 that RFC 7677 asks for at least, since a stolen verifier is as strong as this; the
 * client pays it at a SCRAM login (about 20 ms), the server only here. No more, since Cyrus SASL, which mbsync uses, then
 * refuses to log in.
 */
export const defaultScramIterations = 65_536;

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

/** What a server knows of a password, and tells a client that is to prove it. */
export interface ScramKeys {
  readonly iterations: number;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** Reads a verifier of {@link makeScramVerifier}; undefined for text that is none, as of an account without SCRAM. */
export function parseScramVerifier(text: string): ScramKeys | undefined {
  const match =
    /^SCRAM-SHA-256\$([1-9]\d{3,7}):([A-Za-z0-9+/]{11,88}={0,2})\$([A-Za-z0-9+/]{43}=):([A-Za-z0-9+/]{43}=)$/.exec(
      text,
    );
  if (match === null) return undefined;
  const [, iterations, ...keys] = match;
  const [salt, storedKey, serverKey] = keys.map((key) => Buffer.from(key, 'base64'));
  if (salt === undefined || storedKey === undefined || serverKey === undefined) return undefined;
  return { iterations: Number(iterations), salt, storedKey, serverKey };
}

/**
 * Keys that no password has, for a name without an account: always the same for one name, so that its salt tells nobody that
 * there is no account.
 *
 * @param secret - of the server; as long as it stays the same, so do the salts
 * @param name - without regard to the case in which it came, as accounts are found
 */
export function unmatchedScramKeys(secret: Uint8Array, name: string): ScramKeys {
  const derive = (use: string) => createHmac('sha256', secret).update(`${use} ${name}`).digest();
  return {
    iterations: defaultScramIterations,
    salt: derive('salt').subarray(0, saltBytes),
    storedKey: derive('stored key'),
    serverKey: derive('server key'),
  };
}

/** The client key that a proof was made with: that of the password if {@link isClientKeyOf} says so. The caller zeroes it. */
export function clientKeyOf(
  { storedKey }: ScramKeys,
  authMessage: string,
  proof: Uint8Array,
): Buffer {
  const clientKey = createHmac('sha256', storedKey).update(authMessage).digest();
  for (const [index, byte] of proof.entries()) clientKey[index] = (clientKey[index] ?? 0) ^ byte;
  return clientKey;
}

/** Whether a client knows the password. The comparison takes the same time wherever they differ. */
export function isClientKeyOf({ storedKey }: ScramKeys, clientKey: Uint8Array): boolean {
  return timingSafeEqual(createHash('sha256').update(clientKey).digest(), storedKey);
}

/** Proves to a client that the server knows its password, too. */
export function signAsServer({ serverKey }: ScramKeys, authMessage: string): Buffer {
  return createHmac('sha256', serverKey).update(authMessage).digest();
}

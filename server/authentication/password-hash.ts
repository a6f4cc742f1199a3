import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const argon2Async = promisify(argon2);

/** What a hash costs. */
export interface Argon2Parameters {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** OWASP's Password Storage Cheat Sheet; about 30 ms of one core. */
export const defaultArgon2Parameters: Argon2Parameters = {
  memoryKiB: 19_456,
  passes: 2,
  parallelism: 1,
};

const saltBytes = 16;
const hashBytes = 32;

/** A hash from elsewhere that costs more than this is refused: a login must not take the server down. */
const maxMemoryKiB = 1024 * 1024;
const maxPasses = 64;
const maxParallelism = 64;

/** The PHC string is not one of argon2id that this server computes. The text holds nothing of the hash. */
export class PasswordHashError extends Error {
  constructor() {
    super('Cannot read the stored argon2id hash');
    this.name = 'PasswordHashError';
  }
}

/** A PHC string `$argon2id$v=19$m=…,t=…,p=…$salt$hash` of a prepared password. Runs in libuv's pool. */
export async function hashPassword(
  password: string,
  parameters = defaultArgon2Parameters,
): Promise<string> {
  const salt = randomBytes(saltBytes);
  const hash = await derive(password, salt, hashBytes, parameters);
  const { memoryKiB, passes, parallelism } = parameters;
  return `$argon2id$v=19$m=${memoryKiB},t=${passes},p=${parallelism}$${toBase64(salt)}$${toBase64(hash)}`;
}

/**
 * Whether the hash is that of the prepared password. The comparison takes the same time wherever they
 * differ. Rejects with a {@link PasswordHashError} for a string that is not a hash.
 */
export async function isPasswordOf(password: string, phcString: string): Promise<boolean> {
  const { salt, hash, parameters } = parsePhcString(phcString);
  const derived = await derive(password, salt, hash.length, parameters);
  const isEqual = timingSafeEqual(derived, hash);
  derived.fill(0);
  return isEqual;
}

async function derive(
  password: string,
  nonce: Uint8Array,
  tagLength: number,
  { memoryKiB, passes, parallelism }: Argon2Parameters,
): Promise<Buffer> {
  const message = Buffer.from(password);
  try {
    return await argon2Async('argon2id', {
      message,
      nonce,
      tagLength,
      memory: memoryKiB,
      passes,
      parallelism,
    });
  } finally {
    message.fill(0);
  }
}

function parsePhcString(text: string) {
  const match =
    /^\$argon2id\$v=19\$m=(\d{1,8}),t=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,88})\$([A-Za-z0-9+/]{22,88})$/.exec(
      text,
    );
  if (match === null) throw new PasswordHashError();
  const [, memory, passes, parallelism, salt = '', hash = ''] = match;
  const parameters = {
    memoryKiB: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
  };
  if (
    parameters.memoryKiB > maxMemoryKiB ||
    parameters.passes > maxPasses ||
    parameters.parallelism > maxParallelism
  ) {
    throw new PasswordHashError();
  }
  return { salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64'), parameters };
}

/** Base64 without padding, as PHC strings have it. */
function toBase64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

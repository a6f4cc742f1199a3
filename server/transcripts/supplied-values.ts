/** Who logs in. */
export interface TranscriptCredentials {
  readonly user: string;
  readonly password: string;
}

/** The names that a transcript can use without capturing them. */
export const suppliedNames = [
  'user',
  'password',
  'user-base64',
  'password-base64',
  'sasl-plain',
] as const;

/**
 * The values of {@link suppliedNames}, one character a byte: `user` and `password` as they stand between quotes, and in base64
 * the messages of SASL LOGIN and PLAIN.
 *
 * @see RFC 4616
 */
export function supplyValues({ user, password }: TranscriptCredentials): Map<string, string> {
  const values: Record<(typeof suppliedNames)[number], string> = {
    user: quotable(user),
    password: quotable(password),
    'user-base64': base64(user),
    'password-base64': base64(password),
    'sasl-plain': base64(`\0${user}\0${password}`),
  };
  return new Map(Object.entries(values));
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

function quotable(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1').replaceAll(/["\\]/g, '\\$&');
}

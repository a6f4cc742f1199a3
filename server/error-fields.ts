import { CredentialError, PurgeError } from '../tls/index.ts';

/** The message of these says all that an operator needs. */
const clearErrors = [CredentialError, PurgeError];

/** What a line of the log tells of an error: the reason if its message is clear, else all of it with its stack. */
export function errorFields(
  error: unknown,
): { readonly reason: string } | { readonly err: unknown } {
  const isClear = clearErrors.some((type) => error instanceof type) || isOfSystem(error);
  return isClear ? { reason: reasonOf(error) } : { err: error };
}

/** The message of an error and those of its causes, in one line. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, code = error.name } = error as NodeJS.ErrnoException;
  // An error that stands for several, one for each address, has no message.
  const own = (message || code).replaceAll(/\s*\n\s*/g, ' ');
  // A clear message has told its cause.
  const isTold = clearErrors.some((type) => error instanceof type);
  return isTold || error.cause === undefined ? own : `${own}: ${reasonOf(error.cause)}`;
}

function isOfSystem(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

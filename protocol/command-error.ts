import { maxQuotedBytes } from './limits.ts';
import type { ResponseCode } from './response-code.ts';

/** More of a {@link CommandError} than its text. */
export interface CommandErrorOptions {
  readonly code?: ResponseCode;
  /** True if the answer is NO: the command is well formed and the server does not do what it says. */
  readonly isNo?: boolean;
}

/** A command that cannot be decoded. The text is for the client; it never holds a password. */
export class CommandError extends Error {
  readonly code: ResponseCode | undefined;
  readonly isNo: boolean;

  constructor(text: string, options: CommandErrorOptions = {}) {
    super(text);
    this.name = 'CommandError';
    this.code = options.code;
    this.isNo = options.isNo ?? false;
  }
}

/** The command ends with the announcement of a literal whose bytes have not come yet. */
export class MissingLiteralError extends CommandError {
  constructor() {
    super('Expected literal, got end of command');
    this.name = 'MissingLiteralError';
  }
}

/** What was received, in quotes, cut at a bound, with all that is not printable ASCII as `\xNN`. */
export function quoteReceived(wireText: string): string {
  const plain = wireText
    .slice(0, maxQuotedBytes)
    .replace(/["\\]/g, '\\$&')
    .replace(/[^\x20-\x7e]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return `"${plain}${wireText.length > maxQuotedBytes ? '...' : ''}"`;
}

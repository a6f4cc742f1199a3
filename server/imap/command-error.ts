/**
 * A command that is refused: the connection turns it into the tagged response. The text goes to the client,
 * so it holds nothing internal.
 */
export class CommandRefusedError extends Error {
  readonly status: 'NO' | 'BAD';
  /** Response code without brackets, with its arguments (RFC 5530). */
  readonly code: string | undefined;

  constructor(status: 'NO' | 'BAD', text: string, code?: string) {
    super(text);
    this.name = 'CommandRefusedError';
    this.status = status;
    this.code = code;
  }
}

/** The client broke a bound that leaves no next command: `* BYE`, then the connection ends. */
export class ByeError extends Error {
  /** Response code without brackets. */
  readonly code: string | undefined;

  constructor(text: string, code?: string) {
    super(text);
    this.name = 'ByeError';
    this.code = code;
  }
}

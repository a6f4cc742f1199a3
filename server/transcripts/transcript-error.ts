/** A transcript is not written as it should be. */
export class TranscriptSyntaxError extends Error {
  override readonly name = 'TranscriptSyntaxError';
  /** Line of the transcript, from 1. */
  readonly line: number;
  /** What is wrong, without the place. */
  readonly reason: string;

  constructor(line: number, reason: string) {
    super(`Line ${line}: ${reason}`);
    this.line = line;
    this.reason = reason;
  }
}

/** A transcript could not be run at all: no connection, a refused login, an account that is in use. */
export class TranscriptRunError extends Error {
  override readonly name: string = 'TranscriptRunError';
}

/** Nothing takes connections where the server should be, so that no other scenario can be run, either. */
export class ServerUnreachableError extends TranscriptRunError {
  override readonly name = 'ServerUnreachableError';
}

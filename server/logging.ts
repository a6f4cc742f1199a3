import pino from 'pino';
import type { LogLevel } from './config/configuration.ts';

/** Names under which a secret or mail could come into a log line by mistake. */
const secretNames = [
  'password',
  'credentials',
  'argon2id',
  'scramSha256',
  'initialResponse',
  'session',
  'key',
  'body',
  'data',
];

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Where the lines go; absent: standard error. */
  readonly destination?: pino.DestinationStream;
}

/**
 * The log: one JSON object a line, with `level`, `time` (ISO 8601, UTC) and `msg`. It goes to standard
 * error, so that standard output is left for what a command answers. Secrets are left out by name, down to
 * the second level of an object.
 */
export function createLogger({ level, destination }: LoggerOptions): pino.Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: '[redacted]',
      },
    },
    // Synchronous, so that the last lines before a crash are there.
    destination ?? pino.destination({ dest: process.stderr.fd, sync: true }),
  );
}

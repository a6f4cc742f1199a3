import pino from 'pino';
import type { LogLevel } from './config/configuration.ts';
import { LineBatch } from './line-batch.ts';

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
  /** Of the worker whose log it is; in every line, as `worker`. */
  readonly workerNumber?: number;
}

/**
 * The log: one JSON object a line, with `level`, `time` (ISO 8601, UTC) and `msg`. It goes to standard
 * error, so that standard output is left for what a command answers. Secrets are left out by name, down to
 * the second level of an object.
 */
export function createLogger({ level, destination, workerNumber }: LoggerOptions): pino.Logger {
  return pino(
    {
      level,
      base: workerNumber === undefined ? null : { worker: workerNumber },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: '[redacted]',
      },
    },
    destination ?? standardError(),
  );
}

/** Writes lines that another logger has made, with their line feeds, to where this one writes. */
export function writeLogLines(logger: pino.Logger, lines: string): void {
  const stream = (logger as unknown as Record<symbol, pino.DestinationStream>)[
    pino.symbols.streamSym
  ];
  if (stream instanceof LineBatch) {
    stream.write(lines);
    // They have waited already.
    stream.flush();
    return;
  }
  for (const line of lines.match(/[^\n]*\n/g) ?? []) stream?.write(line);
}

function standardError(): pino.DestinationStream {
  // Synchronous, so that what was written is there after a crash.
  const stream = pino.destination({ dest: process.stderr.fd, sync: true });
  return new LineBatch((lines) => stream.write(lines));
}

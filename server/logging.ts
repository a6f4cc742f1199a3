import pino from 'pino';
import type { LogLevel } from './config/configuration.ts';
import { LineBatch } from './line-batch.ts';
import { LogOutput } from './log-output.ts';

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

/** What a logger leaves out, and where its lines go. */
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

/** Lines of the log that standard error did not take, since the start of the process. */
export function lostLogLines(): number {
  return standardErrorOutput?.lostLineCount ?? 0;
}

/** A process has one standard error, and so one output for it. */
let standardErrorOutput: LogOutput | undefined;

function standardError(): pino.DestinationStream {
  const output = openStandardError();
  return new LineBatch((lines) => output.write(lines));
}

function openStandardError(): LogOutput {
  if (standardErrorOutput !== undefined) return standardErrorOutput;
  // Not process.stderr: Node would have a pipe no longer wait for its reader.
  const output = new LogOutput({ fd: 2 });
  standardErrorOutput = output;
  process.on('exit', () => output.finish());
  return output;
}

import pino from 'pino';
import type { LogLevel } from './config/configuration.ts';
import { LineBatch } from './line-batch.ts';
import { LogOutput } from './log-output.ts';

/** Names under which a secret or mail could come into a log line by mistake. */
const secretNames: ReadonlySet<string> = new Set([
  'password',
  'credentials',
  'argon2id',
  'scramSha256',
  'initialResponse',
  'session',
  'key',
  'body',
  'data',
]);

/** How far below a field of a line secrets are looked for. */
const searchedLevels = 2;

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
      // Not pino's `redact`, which parses its paths for every field of every line.
      formatters: {
        level: (label) => ({ level: label }),
        bindings: (fields) => withoutSecrets(fields),
        log: (fields) => withoutSecrets(fields),
      },
      serializers: {
        err: (error: Error) => hideSecrets(pino.stdSerializers.err(error), searchedLevels - 1),
      },
    },
    destination ?? standardError(),
  );
}

/** The object itself if there is no secret in it, else a copy; `levels` is how far down it is searched. */
function withoutSecrets<Fields extends object>(fields: Fields, levels = searchedLevels): Fields {
  let copy: Fields | undefined;
  for (const [name, value] of Object.entries(fields)) {
    // The serializer of errors searches what it makes.
    if (value === undefined || (name === 'err' && levels === searchedLevels)) continue;
    const shown = secretNames.has(name) ? '[redacted]' : hideSecrets(value, levels - 1);
    if (shown === value) continue;
    copy ??= { ...fields };
    (copy as Record<string, unknown>)[name] = shown;
  }
  return copy ?? fields;
}

function hideSecrets(value: unknown, levels: number): unknown {
  if (levels < 0 || typeof value !== 'object' || value === null) return value;
  return withoutSecrets(value, levels);
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

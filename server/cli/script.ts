import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { describeScenario } from '../transcripts/describe-result.ts';
import type { TranscriptResult } from '../transcripts/result.ts';
import { readTranscript, runTranscript } from '../transcripts/run-transcript.ts';
import type { Transcript } from '../transcripts/transcript.ts';
import { TranscriptRunError, TranscriptSyntaxError } from '../transcripts/transcript-error.ts';
import type { Security, TranscriptTarget } from '../transcripts/wire-connection.ts';
import type { ScriptOptions, ServerOptions } from './command-options.ts';
import { readPassword } from './read-password.ts';
import { UsageError } from './usage-error.ts';

/** The exit code if a transcript could not be read or run. */
const notRunExitCode = 2;

/**
 * `script`: runs transcripts against a server. The exit code is 0 if all is as they say, 1 if something differs, 2 if one
 * could not be read or run.
 */
export async function runScripts(paths: readonly string[], options: ScriptOptions): Promise<void> {
  process.exitCode = notRunExitCode;
  const target = { ...(await targetOf(options)), ...(await clientCertificateOf(options)) };
  const credentials = { user: options.user ?? '', password: await passwordOf(options) };
  const transcripts = await readAll(paths);
  const results: { readonly file: string; readonly result: TranscriptResult }[] = [];
  for (const { path, transcript } of transcripts) {
    if (options.json !== true) console.log(path);
    const result = await runTranscript(transcript, {
      ...target,
      credentials,
      revision: options.rev2 === true ? 'rev2' : 'rev1',
      isResuming: options.resume ?? false,
      isWiped: options.wipe ?? false,
      isGoingOn: options.goOn ?? false,
      deadlineMs: deadlineOf(options),
      ...(options.json !== true && {
        onResult: (scenario) => console.log(describeScenario(scenario)),
      }),
    });
    results.push({ file: path, result });
    if (result.scenarios.at(-1)?.outcome === 'unreachable') break;
  }
  if (options.json === true) {
    console.log(JSON.stringify(results.map(({ file, result }) => ({ file, ...result }))));
  } else {
    console.log(summaryOf(results.map(({ result }) => result)));
  }
  process.exitCode = exitCodeOf(results.map(({ result }) => result));
}

function exitCodeOf(results: readonly TranscriptResult[]): number {
  const outcomes = new Set(results.flatMap(({ scenarios }) => scenarios.map((one) => one.outcome)));
  if (outcomes.has('impossible') || outcomes.has('unreachable')) return notRunExitCode;
  return outcomes.has('failed') ? 1 : 0;
}

function summaryOf(results: readonly TranscriptResult[]): string {
  const outcomes = results.flatMap(({ scenarios }) => scenarios.map(({ outcome }) => outcome));
  const count = (...wanted: string[]) => outcomes.filter((one) => wanted.includes(one)).length;
  const failed = count('failed', 'impossible', 'unreachable');
  return `${count('passed')} passed, ${failed} failed, ${count('skipped')} skipped`;
}

async function readAll(
  paths: readonly string[],
): Promise<{ readonly path: string; readonly transcript: Transcript }[]> {
  const transcripts: { path: string; transcript: Transcript }[] = [];
  for (const path of paths) {
    try {
      transcripts.push({ path, transcript: await readTranscript(path) });
    } catch (error) {
      if (!(error instanceof TranscriptSyntaxError)) throw error;
      throw new TranscriptRunError(`${path}:${error.line}: ${error.reason}`, { cause: error });
    }
  }
  return transcripts;
}

/** The server that the options name, for the commands that talk to any one. */
export async function targetOf(options: ServerOptions): Promise<TranscriptTarget> {
  if (options.tls === true && options.starttls === true) {
    throw new UsageError('Choose one of --tls and --starttls');
  }
  const security: Security = options.tls ? 'tls' : options.starttls ? 'starttls' : 'plain';
  const port = Number(options.port ?? (security === 'tls' ? 993 : 143));
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new UsageError(`Ports are 1 to 65535, not "${options.port}"`);
  }
  return {
    host: options.host ?? 'localhost',
    port,
    security,
    isUnchecked: options.insecure ?? false,
    ...(options.ca !== undefined && { ca: await readFile(options.ca, 'utf8') }),
  };
}

/** The certificate that the client shows; none unless the options name one. */
async function clientCertificateOf({
  cert: certPath,
  key: keyPath,
}: ScriptOptions): Promise<Pick<TranscriptTarget, 'clientCertificate'>> {
  if (certPath === undefined && keyPath === undefined) return {};
  if (certPath === undefined || keyPath === undefined) {
    throw new UsageError('Give --cert and --key together');
  }
  const clientCertificate = {
    cert: await readFile(certPath, 'utf8'),
    key: await readFile(keyPath, 'utf8'),
  };
  try {
    createSecureContext(clientCertificate);
  } catch (error) {
    const reason = (error as Error).message;
    throw new UsageError(`Cannot use certificate "${certPath}" with key "${keyPath}": ${reason}`);
  }
  return { clientCertificate };
}

async function passwordOf(options: ScriptOptions): Promise<string> {
  if (options.password !== undefined && options.passwordStdin === true) {
    throw new UsageError('Choose one of --password and --password-stdin');
  }
  if (options.passwordStdin === true) return readPassword(true);
  return options.password ?? '';
}

function deadlineOf({ deadline }: ScriptOptions): number {
  const seconds = Number(deadline);
  if (seconds > 0 && seconds <= 86_400) return seconds * 1000;
  throw new UsageError(`A deadline has 0.001 to 86400 seconds, not "${deadline}"`);
}

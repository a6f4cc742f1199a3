import { readFile } from 'node:fs/promises';
import { CommandClient } from './command-client.ts';
import { describeScenario } from './describe-result.ts';
import { defaultDeadlineMs } from './limits.ts';
import { parseTranscript } from './parse-transcript.ts';
import type { ScenarioResult, TranscriptResult } from './result.ts';
import { outcomeOf, runScenario } from './run-scenario.ts';
import type { TranscriptCredentials } from './supplied-values.ts';
import { logIn, TestAccount } from './test-account.ts';
import type { Revision, Transcript } from './transcript.ts';
import { TranscriptRunError } from './transcript-error.ts';
import {
  steadyStopwatch,
  type Stopwatch,
  type TranscriptTarget,
  WireConnection,
  type WireOptions,
} from './wire-connection.ts';

/** What a transcript is run with. */
export interface RunTranscriptOptions extends TranscriptTarget {
  /**
   * Who logs in. The account must be without mail, and is put back in order behind each scenario; a function is called for each
   * scenario and gives an account that nothing has used.
   */
  readonly credentials: TranscriptCredentials | (() => Promise<TranscriptCredentials>);
  /** Default: `rev1`. A scenario that is not for it is skipped. */
  readonly revision?: Revision;
  /** True: each connection resumes a TLS session, from one that is made first; one that does not is a difference. */
  readonly isResuming?: boolean;
  /** True: all mail of the account is removed first, and its mailboxes without a special use. */
  readonly isWiped?: boolean;
  /** True: a scenario goes on behind its first exchange that differs. */
  readonly isGoingOn?: boolean;
  /** For each expected line, in milliseconds; default 10 s. */
  readonly deadlineMs?: number;
  /** Default: the system's. */
  readonly stopwatch?: Stopwatch;
  /** Called when a scenario is done. */
  readonly onResult?: (result: ScenarioResult) => void;
}

/** Reads a transcript from a file. Rejects if it cannot be read, with a TranscriptSyntaxError if it is malformed. */
export async function readTranscript(path: string): Promise<Transcript> {
  return parseTranscript(await readFile(path, 'utf8'));
}

/**
 * Runs a transcript against a server. What differs is in the result. It ends at a scenario for which the server takes no
 * connection, since the others would tell the same.
 *
 * @throws TranscriptSyntaxError for a malformed transcript
 */
export async function runTranscript(
  transcript: Transcript | string,
  options: RunTranscriptOptions,
): Promise<TranscriptResult> {
  const { scenarios } = typeof transcript === 'string' ? parseTranscript(transcript) : transcript;
  const wire: WireOptions = {
    target: options,
    newest: options.isResuming === true ? { session: undefined } : undefined,
    stopwatch: options.stopwatch ?? steadyStopwatch,
    deadlineMs: options.deadlineMs ?? defaultDeadlineMs,
  };
  const { credentials: given, revision = 'rev1' } = options;
  let account = new TestAccount();
  const results: ScenarioResult[] = [];
  for (const scenario of scenarios) {
    let result = resultOf(scenario, revision, 'skipped', `it is not for IMAP4${revision}`);
    if (scenario.revisions.includes(revision)) {
      if (typeof given === 'function') account = new TestAccount();
      const credentials = typeof given === 'function' ? await given() : given;
      result = await makeSession(wire).then(
        () =>
          runScenario(scenario, {
            ...wire,
            revision,
            credentials,
            account,
            isWiped: options.isWiped ?? false,
            isResuming: options.isResuming ?? false,
            isGoingOn: options.isGoingOn ?? false,
          }),
        (error: unknown) => {
          if (!(error instanceof TranscriptRunError)) throw error;
          return resultOf(scenario, revision, outcomeOf(error), error.message);
        },
      );
    }
    results.push(result);
    options.onResult?.(result);
    if (result.outcome === 'unreachable') break;
  }
  if (typeof given !== 'function' && account.isInUse) await tidy(account, given, wire);
  const isPassed = results.every(({ outcome }) => outcome === 'passed' || outcome === 'skipped');
  return { isPassed, scenarios: results };
}

function resultOf(
  { title, line, rfc }: Transcript['scenarios'][number],
  revision: Revision,
  outcome: ScenarioResult['outcome'],
  reason: string,
): ScenarioResult {
  const none = { differences: [], connections: 0, resumed: 0 };
  return { title, line, rfc, revision, outcome, reason, ...none };
}

/** Makes the TLS session that is resumed later; once. */
async function makeSession(options: WireOptions): Promise<void> {
  const { newest, target } = options;
  if (newest === undefined || newest.session !== undefined || target.security === 'plain') return;
  const wire = await WireConnection.connect(options);
  try {
    const { client } = await begin(wire, options);
    // A round trip: TLS 1.3 gives its session behind the handshake.
    await client.expectOk('NOOP');
    await client.command('LOGOUT');
  } finally {
    wire.close();
  }
}

/** Takes away what the last scenario has left. A server that is gone by then keeps it: the results have told why. */
async function tidy(
  account: TestAccount,
  credentials: TranscriptCredentials,
  options: WireOptions,
): Promise<void> {
  let wire: WireConnection | undefined;
  try {
    wire = await WireConnection.connect(options);
    const { client, isLoggedIn } = await begin(wire, options);
    if (!isLoggedIn) await logIn(client, credentials);
    await account.restore(client);
    await client.command('LOGOUT');
  } catch (error) {
    if (!(error instanceof TranscriptRunError)) throw error;
  } finally {
    wire?.close();
  }
}

/** Reads the greeting, and starts TLS if it begins by STARTTLS. */
async function begin(
  wire: WireConnection,
  { target }: WireOptions,
): Promise<{ readonly client: CommandClient; readonly isLoggedIn: boolean }> {
  const client = new CommandClient(wire);
  const isLoggedIn = (await client.greet()).status === 'PREAUTH';
  if (target.security === 'starttls') {
    await client.expectOk('STARTTLS');
    await wire.startTls();
  }
  return { client, isLoggedIn };
}

/** A server does not do what a transcript says; the message tells the differences as a person reads them. */
export class TranscriptFailedError extends Error {
  override readonly name = 'TranscriptFailedError';
  readonly result: TranscriptResult;

  constructor(result: TranscriptResult) {
    const failed = result.scenarios.filter(
      ({ outcome }) => outcome !== 'passed' && outcome !== 'skipped',
    );
    super(failed.map(describeScenario).join('\n'));
    this.result = result;
  }
}

/**
 * As {@link runTranscript}, for a test that is to fail.
 *
 * @throws TranscriptFailedError if a scenario has failed or could not be run
 */
export async function assertTranscript(
  transcript: Transcript | string,
  options: RunTranscriptOptions,
): Promise<TranscriptResult> {
  const result = await runTranscript(transcript, options);
  if (!result.isPassed) throw new TranscriptFailedError(result);
  return result;
}

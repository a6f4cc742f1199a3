import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Capability, capabilitiesOffByDefault } from '../protocol/capability.ts';
import { parseElsewhere } from './config/elsewhere.ts';
import { parseRemoteMailboxes } from './config/remote-mailboxes.ts';
import type { Flag } from '../protocol/flag.ts';
import { type MailStore, StoreError } from '../store/mail-store.ts';
import type { AddedMessage } from '../store/message-draft.ts';
import type { Clock } from '../tls/index.ts';
import { makeCredentials } from './authentication/make-credentials.ts';
import type { TokenSettings } from './authentication/token-verifier.ts';
import type {
  ClientCertificateFiles,
  Configuration,
  DisklessConfiguration,
  LogLevel,
  StoreEngine,
} from './config/configuration.ts';
import { createServer, type RepriseServer } from './create-server.ts';
import { createLogger } from './logging.ts';

export { describeDifference, describeScenario } from './transcripts/describe-result.ts';
export { parseTranscript } from './transcripts/parse-transcript.ts';
export { type Recorder, type RecorderOptions, startRecorder } from './transcripts/recorder.ts';
export type { Difference, ScenarioResult, TranscriptResult } from './transcripts/result.ts';
export {
  assertTranscript,
  readTranscript,
  runTranscript,
  type RunTranscriptOptions,
  TranscriptFailedError,
} from './transcripts/run-transcript.ts';
export type { TranscriptCredentials } from './transcripts/supplied-values.ts';
export type { Transcript } from './transcripts/transcript.ts';
export { TranscriptSyntaxError } from './transcripts/transcript-error.ts';

/** What a server for tests begins with; each has a default. */
export interface TestServerOptions {
  /** Passwords by account name. */
  readonly accounts?: Readonly<Record<string, string>>;
  /** How long TLS sessions live, in seconds; default 7200. */
  readonly sessionLifetimeSeconds?: number;
  /** Milliseconds for the expiry of TLS sessions and verified logins. */
  readonly clock?: Clock;
  /** Where mail is kept; default: `memory`, so that nothing is written to disk. `sqlite`: in a directory that goes with the server. */
  readonly store?: StoreEngine;
  /** IMAP extensions that clients are neither told of nor served; default: those that a server has off by default. */
  readonly capabilitiesOff?: readonly Capability[];
  /** Accounts whose mail is on another server: `{ mike: 'imap://mike;AUTH=*@server2/' }`. Each must be among the accounts. */
  readonly elsewhere?: Readonly<Record<string, string>>;
  /** Mailboxes on other servers: `['imap://server2/SHARED']`. */
  readonly remoteMailboxes?: readonly string[];
  /** Messages that one command may be about, if MESSAGELIMIT or SAVELIMIT is on; default: 10,000. */
  readonly messageLimit?: number;
  /** Whose tokens clients can log in with (OAUTHBEARER, XOAUTH2); default: none's. */
  readonly tokens?: TokenSettings;
  /** Whose client certificates count (AUTH=EXTERNAL), and whether clients must show one; default: they are not asked for one. */
  readonly clientCertificates?: ClientCertificateFiles;
  /** Default: `silent`. */
  readonly logLevel?: LogLevel;
}

/** A message that a test puts into a mailbox. */
export interface TestMessage {
  readonly account: string;
  /** Made if it is missing; default INBOX. */
  readonly mailbox?: string;
  /** The message as it is on the wire; bare line feeds become CRLF in a text. */
  readonly message: string | Uint8Array;
  readonly flags?: readonly Flag[];
  /** Default: now. */
  readonly internalDate?: Date;
}

/** A server for the tests of a mail client, in the process of the test. */
export interface TestServer extends AsyncDisposable {
  readonly host: string;
  /** In the clear, with STARTTLS. */
  readonly imapPort: number;
  readonly imapsPort: number;
  /** PEM; trust it as `ca`, with `localhost` as the server's name. */
  readonly certificate: string;
  /** The whole server, for what a test needs beyond this. */
  readonly server: RepriseServer;
  addAccount(name: string, password: string): Promise<void>;
  addMessage(message: TestMessage): Promise<AddedMessage>;
  /** Sends clients away and removes the data. */
  stop(): Promise<void>;
}

/** Cheap enough for a login in a test, and worth nothing else. */
const host = '127.0.0.1';
/** The configuration of a test server, but for what its options decide. */
const fixedSettings = {
  host,
  imapPort: 0,
  imapsPort: 0,
  workerCount: 0,
  certificates: [],
  tlsPolicy: 'intermediate',
  sessionCache: { kind: 'memory' },
  sessionSecretPaths: [],
  sessionCacheBytes: 16 * 1024 * 1024,
  passwordChecks: 2,
  waitingLogins: 4096,
  loginDelaySeconds: 0,
  admin: { host, port: -1 },
} as const;

const cheapCost = { argon2: { memoryKiB: 64, passes: 1, parallelism: 1 }, scramIterations: 4096 };

/** As the configuration has it. */
function formOf(elsewhere: Readonly<Record<string, string>>): string {
  return Object.entries(elsewhere)
    .map(([name, url]) => `${name}=${url}`)
    .join(' ');
}

/**
 * Starts a server on free ports of 127.0.0.1, which keeps all in memory, and writes nothing to disk.
 *
 * ```ts
 * import { startTestServer } from 'reprise/testing';
 *
 * const server = await startTestServer({ accounts: { alice: 'secret' } });
 * await server.addMessage({ account: 'alice', message: 'Subject: Hello\n\nHi!\n' });
 * const client = new ImapFlow({
 *   host: 'localhost', port: server.imapsPort, secure: true, tls: { ca: server.certificate },
 *   auth: { user: 'alice', pass: 'secret' },
 * });
 * // …
 * await server.stop();
 * ```
 */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  await using parts = new AsyncDisposableStack();
  const logLevel = options.logLevel ?? 'silent';
  const server = await createServer({
    configuration: {
      ...fixedSettings,
      ...(await storeSettingsOf(options, parts)),
      capabilitiesOff: options.capabilitiesOff ?? capabilitiesOffByDefault,
      remoteMailboxes: parseRemoteMailboxes((options.remoteMailboxes ?? []).join(' ')),
      accountsElsewhere: parseElsewhere(formOf(options.elsewhere ?? {})),
      ...(options.messageLimit !== undefined && { bounds: { messageLimit: options.messageLimit } }),
      sessionLifetimeSeconds: options.sessionLifetimeSeconds ?? 7200,
      logLevel,
      ...(options.tokens !== undefined && { tokens: options.tokens }),
      ...(options.clientCertificates !== undefined && {
        clientCertificates: options.clientCertificates,
      }),
    },
    logger: createLogger({ level: logLevel }),
    ...(options.clock !== undefined && { clock: options.clock }),
  });
  parts.defer(() => server.close({ deadlineMs: 1000 }));
  const { store } = server;
  for (const [name, password] of Object.entries(options.accounts ?? {})) {
    await addAccount(store, name, password);
  }
  const opened = parts.move();
  const stop = () => opened.disposeAsync();
  return {
    host,
    imapPort: server.imapPort,
    imapsPort: server.imapsPort,
    certificate: server.certificate,
    server,
    addAccount: (name, password) => addAccount(store, name, password),
    addMessage: (message) => addMessage(store, message),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** The store, with a directory of its own if it needs one. */
async function storeSettingsOf(
  { store = 'memory' }: TestServerOptions,
  parts: AsyncDisposableStack,
): Promise<Pick<DisklessConfiguration, 'store'> | Pick<Configuration, 'dataDirectory'>> {
  if (store === 'memory') return { store };
  const dataDirectory = await mkdtemp(join(tmpdir(), 'reprise-testing-'));
  parts.defer(() => rm(dataDirectory, { recursive: true, force: true }));
  return { dataDirectory };
}

async function addAccount(store: MailStore, name: string, password: string): Promise<void> {
  await store.createAccount(name, await makeCredentials(password, cheapCost));
}

async function addMessage(store: MailStore, options: TestMessage): Promise<AddedMessage> {
  const { account: name, mailbox: mailboxName = 'INBOX', message, flags = [] } = options;
  const account = await store.findAccount(name);
  if (account === undefined) throw new StoreError('NONEXISTENT', `There is no account "${name}"`);
  const mailbox =
    (await store.findMailbox(account.id, mailboxName)) ??
    (await store.createMailbox(account.id, mailboxName));
  const draft = store.beginMessage();
  await draft.write(
    typeof message === 'string' ? Buffer.from(message.replaceAll(/\r?\n/g, '\r\n')) : message,
  );
  const date = options.internalDate ?? new Date();
  return draft.addTo(mailbox, {
    flags,
    internalDate: { epochMs: Math.floor(date.getTime() / 1000) * 1000, zoneMinutes: 0 },
  });
}

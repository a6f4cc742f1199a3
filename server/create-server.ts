import type { Logger } from 'pino';
import type { Account, MailStore } from '../store/mail-store.ts';
import { openStore } from '../store/open-store.ts';
import type { OpenedStore } from '../store/opened-store.ts';
import { isSpaceError } from '../store/space-error.ts';
import {
  type Clock,
  type ResumptionProof,
  makeSentCalls,
  type SessionCache,
  steadyClock,
} from '../tls/index.ts';
import { AdminServer } from './admin/admin-server.ts';
import { CachedSessions } from './admin/session-administration.ts';
import type { LoginLimits } from './authentication/limits.ts';
import { PasswordCheckQueue } from './authentication/password-check-queue.ts';
import { readSaltSecret } from './authentication/salt-secret.ts';
import { warningOfTokenKeys } from './authentication/token-keys.ts';
import {
  forgetVerifiedLogins,
  verifiedLoginBytes,
  verifiedLoginLifetimeMs,
  verifiedMark,
} from './authentication/password-verifier.ts';
import type { ServerConfiguration } from './config/configuration.ts';
import { ControlServer } from './control/control-server.ts';
import { StoreAdministration } from './control/store-administration.ts';
import { errorFields } from './error-fields.ts';
import { firstPort, type ListenerSettings } from './net/listener.ts';
import { lostLogLines } from './logging.ts';
import { ServerMetrics } from './metrics/server-metrics.ts';
import { MigrationReport } from './migration-report.ts';
import { StoreHealth } from './store-health.ts';
import { watchClientCertificates, watchCredentials } from './threads/certificate-files.ts';
import type { MailServer } from './threads/mail-server.ts';
import { openMailServer, possibleWorkerCount } from './threads/open-mail-server.ts';
import {
  openMemoryCache,
  openResumption,
  resumptionKindOf,
  type ResumptionParts,
} from './threads/open-resumption.ts';
import { logProof, proofOf } from './threads/resumption-proof.ts';

/** What a server is made of. */
export interface ServerOptions {
  readonly configuration: ServerConfiguration;
  readonly logger: Logger;
  /**
   * Milliseconds for the expiry of TLS sessions and verified logins; default: a clock nobody can set.
   * Another one is only possible without workers.
   */
  readonly clock?: Clock;
  /** Instead of the server's own; the server closes it. */
  readonly sessionCache?: SessionCache;
  /** Called where the server cannot go on; it is still to be closed. */
  readonly onFailure?: (error: Error) => void;
}

/** A server that listens. */
export interface RepriseServer {
  /** The first for IMAP in the clear with STARTTLS; -1 if there is none. */
  readonly imapPort: number;
  /** The first for IMAP over TLS; -1 if there is none. */
  readonly imapsPort: number;
  /** All of them, with their real ports. */
  readonly listeners: readonly ListenerSettings[];
  /** Of metrics and health; -1 where it is off. */
  readonly adminPort: number;
  /** The certificate that clients are shown who name no server, as it was at the start; PEM. */
  readonly certificate: string;
  readonly store: MailStore;
  readonly sessionCache: SessionCache;
  /** What the start has found out about resumption with this Node. */
  readonly resumptionProof: ResumptionProof;
  /**
   * Stops to accept, says `* BYE` to every client, finishes what is being written, cuts off clients that
   * are still there after `deadlineMs` (7 s unless told), and closes the store.
   */
  close(options?: { readonly deadlineMs?: number }): Promise<void>;
}

/** Leaves time for the store within the ten seconds that supervisors give a process to stop. */
const closeDeadlineMs = 7_000;

/** What the steps of a start have in common. */
interface Start extends Required<Omit<ServerOptions, 'sessionCache'>> {
  readonly sessionCache?: SessionCache;
  /** Listens once there is something to tell: from the beginning of a migration, or the end of the start. */
  readonly admin: AdminServer;
  readonly migration: MigrationReport;
  readonly storeHealth: StoreHealth;
  /** Tells the admin server what it answers from now on. */
  readonly showMetrics: (metrics: ServerMetrics) => void;
  /** Closes in reverse order, also where a later step fails. */
  readonly parts: AsyncDisposableStack;
}

/** What all threads share; the main thread has it. */
interface SharedParts {
  /** Threads that serve clients; 0: this one. */
  readonly workerCount: number;
  readonly store: OpenedStore;
  readonly metrics: ServerMetrics;
  readonly resumption: ResumptionParts;
  readonly resumptionProof: ResumptionProof;
  readonly verifiedLogins: SessionCache;
  readonly passwordChecks: PasswordCheckQueue;
}

/**
 * Opens the data directory and listens. Rejects where a port cannot be bound, the certificate cannot be
 * used or the data directory is in use, and then leaves nothing open.
 */
export async function createServer(options: ServerOptions): Promise<RepriseServer> {
  let deadlineMs = closeDeadlineMs;
  await using parts = new AsyncDisposableStack();
  const start = beginStart(options, parts);
  const shared = await openShared(start);
  await warnOfTokens(start);
  const { mailServer, certificate } = await openMailServerOf(start, shared);
  parts.defer(() => mailServer.close(deadlineMs));
  const listeners = await mailServer.listen();
  const adminPort = await openAdministration(start, shared, mailServer);

  const opened = parts.move();
  return {
    imapPort: firstPort(listeners, 'starttls'),
    imapsPort: firstPort(listeners, 'tls'),
    listeners,
    adminPort,
    certificate,
    store: shared.store.store,
    sessionCache: shared.resumption.sessionCache,
    resumptionProof: shared.resumptionProof,
    close: async (closeOptions = {}) => {
      deadlineMs = closeOptions.deadlineMs ?? closeDeadlineMs;
      await opened.disposeAsync();
    },
  };
}

/** Makes what the steps of a start have in common; `parts` closes it. */
function beginStart(options: ServerOptions, parts: AsyncDisposableStack): Start {
  let hasFailed = false;
  let metrics: ServerMetrics | undefined;
  const { configuration, logger } = options;
  const migration = new MigrationReport(logger, () => {
    // Whoever starts the server awaits the same promise at the end of the start.
    admin.listen().catch(() => undefined);
  });
  const storeHealth = new StoreHealth(logger);
  const admin = new AdminServer({
    address: configuration.admin,
    metrics: () => metrics,
    problem: () =>
      hasFailed ? 'The server cannot go on, see its log' : (migration.text ?? storeHealth.text),
    logger,
  });
  // For a start that fails in a migration.
  parts.defer(() => admin.close());
  return {
    clock: steadyClock,
    ...options,
    onFailure: (error) => {
      hasFailed = true;
      options.onFailure?.(error);
    },
    admin,
    migration,
    storeHealth,
    showMetrics: (opened) => {
      metrics = opened;
    },
    parts,
  };
}

async function warnOfTokens({ configuration, logger }: Start): Promise<void> {
  const { tokens } = configuration;
  const warning = tokens && (await warningOfTokenKeys(tokens.keys));
  if (warning !== undefined) logger.warn(warning);
}

async function openShared(start: Start): Promise<SharedParts> {
  const { configuration, logger, clock, parts } = start;
  let proof: Promise<ResumptionProof> | undefined;
  const prove = () => (proof ??= proofOf(configuration, resumptionKindOf(start)));
  const workerCount = await possibleWorkerCount(configuration, logger);
  // While this thread waits for that of the store.
  const store = await openMailStore(start, () => void prove());
  parts.defer(() => store.close());
  const metrics = metricsOf(store, start);
  start.showMetrics(metrics);
  const resumption = await openResumption({
    ...start,
    workerCount,
    onReclaim: metrics.recordReclaim,
  });
  parts.defer(() => resumption.close());
  metrics.watchSessionCache(resumption.sessionCache);
  const resumptionProof = await prove();
  metrics.showProof(resumptionProof);
  logProof(resumptionProof, configuration, resumption.kind, logger);
  const verifiedLogins = openMemoryCache(
    {
      maxBytes: verifiedLoginBytes,
      lifetimeMs: verifiedLoginLifetimeMs,
      recentSessionBytes: verifiedMark.length,
      clock,
    },
    { workerCount, logger },
  );
  parts.defer(() => verifiedLogins.close());
  const passwordChecks = new PasswordCheckQueue({ limits: loginLimitsOf(configuration) });
  parts.defer(() => passwordChecks.close());
  const caches = { resumption, resumptionProof, verifiedLogins };
  return { workerCount, store, metrics, ...caches, passwordChecks };
}

/** @param onWait - called while the store's thread starts, if it has one */
async function openMailStore(start: Start, onWait: () => void): Promise<OpenedStore> {
  const { configuration, logger, migration, storeHealth, onFailure, parts } = start;
  if (configuration.store === 'memory') {
    if (configuration.dataDirectory !== undefined) {
      // For the control socket and the certificate.
      const { lockDataDirectory } = await import('../store/data-directory-lock.ts');
      const lock = lockDataDirectory(configuration.dataDirectory);
      parts.defer(() => lock.release());
    }
    logger.warn('mail is kept in memory: it is gone when the server stops');
    return openStore({ engine: 'memory' });
  }
  const { dataDirectory, backsUpMigrations = true } = configuration;
  const onMigration = migration.report;
  const backsUp = backsUpMigrations;
  const onProblem = storeHealth.report;
  const listeners = { onWait, onMigration, onFailure, onProblem };
  return openStore({ engine: 'sqlite', dataDirectory, backsUp, ...listeners });
}

function loginLimitsOf(configuration: ServerConfiguration): LoginLimits {
  return {
    maxConcurrentChecks: configuration.passwordChecks,
    maxWaiting: configuration.waitingLogins,
    maxDelayMs: configuration.loginDelaySeconds * 1000,
  };
}

/** The credentials, and what serves clients with them. It does not listen yet. */
async function openMailServerOf(
  start: Start,
  shared: SharedParts,
): Promise<{ readonly mailServer: MailServer; readonly certificate: string }> {
  const { configuration, logger, clock, onFailure, parts } = start;
  const { workerCount, store, metrics, resumption, resumptionProof } = shared;
  let mailServer: MailServer | undefined;
  const watched = await watchCredentials({
    configuration,
    logger,
    onChange: (credentials) => mailServer?.replaceCredentials(credentials),
  });
  parts.defer(() => watched.close());
  metrics.watchCredentials(() => watched.credentials);
  const watchedClients = await watchClientCertificates({
    files: configuration.clientCertificates,
    logger,
    onChange: (policy) => mailServer?.replaceClientCertificates(policy),
  });
  parts.defer(() => watchedClients.close());
  mailServer = await openMailServer({
    configuration,
    workerCount,
    logger,
    clock,
    store,
    credentials: watched,
    clientCertificates: watchedClients,
    resumption,
    resumptionProof,
    verifiedLogins: shared.verifiedLogins,
    passwordChecks: shared.passwordChecks,
    saltSecret: await readSaltSecret(configuration.dataDirectory, logger),
    threadMetrics: metrics.threads,
    onFailure,
  });
  return { mailServer, certificate: watched.credentials[0]?.cert ?? '' };
}

/** The control socket and the admin listener, whose port comes back. */
async function openAdministration(
  start: Start,
  { store, metrics, resumption, verifiedLogins }: SharedParts,
  mailServer: MailServer,
): Promise<number> {
  const { configuration, logger, clock, admin, parts } = start;
  const { kind, sessionCache, ticketKeys } = resumption;
  const administration = new StoreAdministration(store.store, {
    onAccountChanged: (account) =>
      forgetAccount(account, { mailServer, sessionCache, verifiedLogins, logger }),
  });
  const sessions = new CachedSessions({
    kind,
    cache: sessionCache,
    ticketKeys,
    areTicketsAllowed: configuration.clientCertificates === undefined,
    clock,
    findAccount: (name) => administration.findAccount(name),
    mailServer,
    metrics,
    onError: (error) => logger.warn(errorFields(error), 'cannot purge all sessions'),
  });
  const { dataDirectory } = configuration;
  // Without a directory nobody finds the socket.
  if (dataDirectory !== undefined) {
    const control = new ControlServer({ dataDirectory, logger, administration, sessions });
    parts.defer(() => control.close());
    await control.listen().catch((error: unknown) => {
      // On a disk that is full or read-only the server goes on without.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EROFS' && !isSpaceError(error)) throw error;
      logger.warn(errorFields(error), 'no control socket: commands do not find this server');
    });
  }
  // Before what it tells of is closed.
  parts.defer(() => admin.close());
  return admin.listen();
}

function metricsOf(store: OpenedStore, { clock, logger, storeHealth }: Start): ServerMetrics {
  const onError = (error: unknown) => {
    logger.warn({ err: error }, 'cannot read the figures of the store');
  };
  const isWritable = () => storeHealth.text === undefined;
  const figures = { readFigures: () => store.figures(), isWritable, onError };
  return new ServerMetrics({ store: figures, clock, lostLogLines });
}

/** Where an account is known without its password. */
interface AccountTraces {
  readonly mailServer: MailServer;
  readonly sessionCache: SessionCache;
  readonly verifiedLogins: SessionCache;
  readonly logger: Logger;
}

/** Nobody goes on or comes back as the account without logging in anew. Never rejects. */
async function forgetAccount(account: Account, traces: AccountTraces): Promise<void> {
  const { mailServer, sessionCache, verifiedLogins, logger } = traces;
  try {
    // First: who is sent away must not log in by a password that is remembered.
    const forgotten = forgetVerifiedLogins(verifiedLogins, account);
    const text = 'Account has changed, log in again';
    const { silentCount } = await mailServer.disconnect({ accountId: account.id }, text);
    if (silentCount > 0) {
      const fields = { account: account.name, workers: silentCount };
      logger.warn(fields, 'workers do not answer: clients of an account may stay');
    }
    await forgotten;
    // What the connections have told the cache before their end is purged with the rest.
    makeSentCalls(sessionCache);
    await sessionCache.purge({ account: account.name });
  } catch (error) {
    const fields = { ...errorFields(error), account: account.name };
    logger.warn(fields, 'cannot forget the sessions of an account');
  }
}

import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { OpenedStore, StoreLink } from '../../store/opened-store.ts';
import {
  type Clock,
  makeAdmissionCells,
  type ResumptionProof,
  type SessionCache,
  steadyClock,
} from '../../tls/index.ts';
import type { PasswordCheckQueue } from '../authentication/password-check-queue.ts';
import type { ServerConfiguration, LogLevel } from '../config/configuration.ts';
import { listenersOf } from '../config/listeners.ts';
import type { ServiceLimits } from '../imap/limits.ts';
import { makeConnectionSlots } from '../net/connection-counts.ts';
import { writeLogLines } from '../logging.ts';
import type { AllThreadMetrics } from '../metrics/all-thread-metrics.ts';
import { ThreadMetricsRecorder } from '../metrics/thread-metrics-recorder.ts';
import type { WatchedClientCertificates, WatchedCredentials } from './certificate-files.ts';
import type { MailServer, MailServerSettings } from './mail-server.ts';
import type { ResumptionParts } from './open-resumption.ts';
import { canSharePorts } from './port-reservation.ts';
import { WorkerHandle } from './worker-handle.ts';
import { WorkerPool } from './worker-pool.ts';

/** What a mail server is opened with, in this thread or in workers. */
export interface OpenMailServerOptions {
  readonly configuration: ServerConfiguration;
  /** 0: this thread; from {@link possibleWorkerCount}. */
  readonly workerCount: number;
  readonly logger: Logger;
  /** The clock of the caches; other than the default only without workers. */
  readonly clock: Clock;
  /** The owner closes it after the mail server; the caches too. */
  readonly store: OpenedStore;
  readonly credentials: WatchedCredentials;
  readonly clientCertificates: WatchedClientCertificates;
  readonly resumption: Omit<ResumptionParts, 'close'>;
  /** What of it works with this Node. */
  readonly resumptionProof: ResumptionProof;
  /** Logins whose passwords need not be checked again for a while. */
  readonly verifiedLogins: SessionCache;
  /** See `MailServerSettings`. */
  readonly saltSecret: Uint8Array;
  /** Of all threads; the owner closes it after the mail server. */
  readonly passwordChecks: PasswordCheckQueue;
  /** Where those who serve count. */
  readonly threadMetrics: AllThreadMetrics;
  /** Called once, if workers crash again and again. */
  readonly onFailure: (error: Error) => void;
}

/**
 * What serves the clients of a configuration: this thread, or workers. It does not listen yet.
 * Rejects with a RangeError if there are to be workers and the clock is one of the caller's, which cannot be
 * sent to them.
 */
export async function openMailServer(options: OpenMailServerOptions): Promise<MailServer> {
  const { workerCount, clock, logger, store, threadMetrics, onFailure } = options;
  const { resumption, verifiedLogins, passwordChecks } = options;
  const { sessionCache, ticketKeys } = resumption;
  const parts = { sessionCache, ticketKeys, verifiedLogins, passwordChecks };
  if (workerCount === 0) {
    // Only here: the main thread beside workers need not load what serves clients.
    const { LocalMailServer } = await import('./mail-server.ts');
    const metrics = new ThreadMetricsRecorder(threadMetrics.valuesOf(0));
    const settings = settingsOf(options);
    const own = { settings, threadIndex: 0, store: store.store, metrics, logger, clock };
    return new LocalMailServer({ ...own, ...parts });
  }
  if (clock !== steadyClock) {
    throw new RangeError('Cannot send a clock to workers, set their number to 0');
  }
  return new WorkerPool({
    workerCount,
    settings: settingsOf(options),
    logger,
    clock,
    onFailure,
    startWorker: (workerNumber, settings) =>
      new WorkerHandle({
        workerNumber,
        settings,
        logLevel: logger.level as LogLevel,
        storeLink: linkTo(store),
        metricValues: threadMetrics.valuesOf(workerNumber),
        ...parts,
        writeLog: (lines) => writeLogLines(logger, lines),
      }),
  });
}

function linkTo(store: OpenedStore): StoreLink {
  const link = store.link();
  if (link === undefined)
    throw new RangeError('Cannot share the store with workers, set their number to 0');
  return link;
}

/**
 * As many workers as the configuration says, but none for a store in memory, which one thread has, and one if threads cannot
 * share a port on this system.
 */
export async function possibleWorkerCount(
  { workerCount, store }: ServerConfiguration,
  logger: Logger,
): Promise<number> {
  if (store === 'memory') return 0;
  if (workerCount < 2 || (await canSharePorts())) return workerCount;
  logger.warn({ workerCount }, 'this system lets only one thread listen on a port: one worker');
  return 1;
}

function settingsOf(options: OpenMailServerOptions): MailServerSettings {
  const { configuration, credentials, clientCertificates, resumption, workerCount } = options;
  const { policy } = clientCertificates;
  const { sessionLifetimeSeconds, accountCapabilitiesOff, accountsElsewhere } = configuration;
  const { maxConnectionsBeforeLogin } = configuration.bounds ?? {};
  const threadCount = Math.max(workerCount, 1);
  const { kind, lookupDeadlineMs } = resumption;
  return {
    listeners: listenersOf(configuration),
    proxyRanges: configuration.proxyRanges ?? [],
    limits: limitsOf(configuration),
    connectionSlots: makeConnectionSlots(threadCount),
    admissionCells: makeAdmissionCells(threadCount),
    ...(maxConnectionsBeforeLogin !== undefined && { maxConnectionsBeforeLogin }),
    shareCount: threadCount,
    credentials: credentials.credentials,
    tlsPolicy: configuration.tlsPolicy,
    ...(policy !== undefined && { clientCertificates: policy }),
    purgedCertificates: [],
    capabilitiesOff: configuration.capabilitiesOff,
    ...(configuration.extraCapabilities !== undefined && {
      extraCapabilities: configuration.extraCapabilities,
    }),
    ...(accountCapabilitiesOff !== undefined && { accountCapabilitiesOff }),
    ...(accountsElsewhere !== undefined && { accountsElsewhere }),
    ...(configuration.remoteMailboxes && { remoteMailboxes: configuration.remoteMailboxes }),
    resumptionKind: kind,
    resumptionProof: options.resumptionProof,
    sessionLifetimeMs: sessionLifetimeSeconds * 1000,
    ...(lookupDeadlineMs !== undefined && { lookupDeadlineMs }),
    verificationKey: new Uint8Array(randomBytes(32)),
    saltSecret: options.saltSecret,
    ...(configuration.tokens !== undefined && { tokens: configuration.tokens }),
  };
}

/** The bounds that an operator has set. */
function limitsOf({ bounds = {} }: ServerConfiguration): Partial<ServiceLimits> {
  const { maxConnections, maxCommandsPerSecondBeforeLogin } = bounds;
  const { loginDeadlineSeconds, autologoutSeconds, messageLimit, backgroundConnections } = bounds;
  return {
    ...(maxConnections !== undefined && { maxConnections }),
    ...(maxCommandsPerSecondBeforeLogin !== undefined && { maxCommandsPerSecondBeforeLogin }),
    ...(loginDeadlineSeconds !== undefined && { loginDeadlineMs: loginDeadlineSeconds * 1000 }),
    ...(autologoutSeconds !== undefined && { autologoutMs: autologoutSeconds * 1000 }),
    ...(messageLimit !== undefined && { messageLimit }),
    ...(backgroundConnections !== undefined && { backgroundConnections }),
  };
}

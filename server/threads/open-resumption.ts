import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import {
  type Clock,
  DerivedTicketKeys,
  loadSessionCacheModule,
  NullSessionCache,
  RandomTicketKeys,
  RedisSessionCache,
  type Resumption,
  SegmentSessionCache,
  type SessionCache,
  SharedSessionCache,
  type SharedSessionCacheOptions,
  type TicketKeySource,
  tlsLimits,
  warningOfSecretFile,
} from '../../tls/index.ts';
import type { ServerConfiguration } from '../config/configuration.ts';
import { ConfigurationError } from '../config/configuration-error.ts';
import { reasonOf } from '../error-fields.ts';

/** What decides how sessions are kept. */
export interface OpenResumptionOptions {
  readonly configuration: ServerConfiguration;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Threads that serve clients; 0: this one. */
  readonly workerCount: number;
  /** Instead of what the configuration says; closed with the rest. */
  readonly sessionCache?: SessionCache;
  /** Told how long the cache in memory takes to give memory back, step by step, in milliseconds. */
  readonly onReclaim?: (durationMs: number) => void;
}

/** What the main thread has so that clients of all workers can come back. */
export interface ResumptionParts {
  readonly kind: Resumption['kind'];
  /** Keeps nothing where resumption is not stateful. */
  readonly sessionCache: SessionCache;
  readonly ticketKeys: TicketKeySource;
  /** For finding a session, in milliseconds; absent: the default of the acceptor. */
  readonly lookupDeadlineMs?: number;
  close(): Promise<void>;
}

/**
 * For sessions in the main thread's memory, in milliseconds: it answers at once, unless this machine has no time
 * for it, and a full handshake would then cost more than the wait.
 */
const memoryLookupDeadlineMs = 1_000;

/**
 * Makes the session cache and the ticket keys of a configuration. Rejects where a secret cannot be read or a
 * module cannot be loaded; a Redis that is away is no error.
 */
export async function openResumption(options: OpenResumptionOptions): Promise<ResumptionParts> {
  const { configuration, clock } = options;
  const { secrets, warnings } = await readSessionSecrets(configuration.sessionSecretPaths);
  for (const warning of warnings) options.logger.warn(warning);
  const lifetimeMs = configuration.sessionLifetimeSeconds * 1000;
  // Machines that share a secret agree on keys by the time of day, which the default clock of these tells.
  const ticketKeys =
    secrets.length > 0
      ? new DerivedTicketKeys({ secrets, lifetimeMs })
      : new RandomTicketKeys({ lifetimeMs, clock });
  try {
    const sessionCache = options.sessionCache ?? (await openSessionCache(options, secrets));
    const isOwn = options.sessionCache === undefined;
    const isInMemory = isOwn && configuration.sessionCache.kind === 'memory';
    return {
      kind: resumptionKindOf(options),
      sessionCache,
      ...(isInMemory && { lookupDeadlineMs: memoryLookupDeadlineMs }),
      ticketKeys,
      close: async () => {
        ticketKeys.close();
        await sessionCache.close();
      },
    };
  } catch (error) {
    ticketKeys.close();
    throw error;
  } finally {
    for (const secret of secrets) secret.fill(0);
  }
}

/** How clients resume: from a cache, by tickets, or not at all. */
export function resumptionKindOf({
  configuration,
  sessionCache,
}: Pick<OpenResumptionOptions, 'configuration' | 'sessionCache'>): Resumption['kind'] {
  if (sessionCache !== undefined) return 'stateful';
  const { kind } = configuration.sessionCache;
  return kind === 'tickets' || kind === 'off' ? kind : 'stateful';
}

async function openSessionCache(
  options: OpenResumptionOptions,
  secrets: readonly Uint8Array[],
): Promise<SessionCache> {
  const { configuration, clock } = options;
  const { sessionCache: setting, sessionCacheBytes: maxBytes } = configuration;
  const bounds = { maxBytes, lifetimeMs: configuration.sessionLifetimeSeconds * 1000, clock };
  if (setting.kind === 'memory') {
    const { onReclaim, workerCount, logger } = options;
    return openMemoryCache(
      { ...bounds, ...(onReclaim !== undefined && { onReclaim }) },
      { workerCount, logger },
    );
  }
  if (setting.kind === 'module') return loadSessionCacheModule(setting.path, bounds);
  if (setting.kind === 'redis') return openRedisCache(setting.url, secrets, options);
  return new NullSessionCache();
}

function openRedisCache(
  url: string,
  secrets: readonly Uint8Array[],
  { configuration, clock, logger }: OpenResumptionOptions,
): SessionCache {
  return new RedisSessionCache({
    url,
    secrets,
    lifetimeMs: configuration.sessionLifetimeSeconds * 1000,
    clock,
    onConnectionChange: (isConnected, error) => {
      if (isConnected) logger.info('session cache: connected to Redis');
      else logger.warn({ reason: reasonOf(error) }, 'session cache: no connection to Redis');
    },
    onLatePurge: (purge, isDone) => {
      if (isDone) logger.info({ purge }, 'session cache: Redis has done a purge that had failed');
      else logger.warn({ purge }, 'session cache: closed before Redis did a purge, so purge again');
    },
  });
}

/** Who uses a cache in the main thread's memory. */
export interface MemoryCacheUsers {
  /** 0: the main thread alone. */
  readonly workerCount: number;
  readonly logger: Logger;
}

/** A cache in the main thread's memory, which the workers share, if there are any. */
export function openMemoryCache(
  options: SharedSessionCacheOptions,
  { workerCount, logger }: MemoryCacheUsers,
): SegmentSessionCache {
  if (workerCount === 0) return new SegmentSessionCache(options);
  const onError = (error: unknown) => logger.warn({ err: error }, 'session cache failed');
  return new SharedSessionCache({ ...options, onError });
}

/** The secrets that machines share, and what an operator should know of their files. */
export interface SessionSecrets {
  /** The caller overwrites them after use. */
  readonly secrets: readonly Uint8Array[];
  /** A sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Reads the secrets that machines share, whole files as they are.
 *
 * @throws ConfigurationError if one cannot be read or is too short
 */
export async function readSessionSecrets(paths: readonly string[]): Promise<SessionSecrets> {
  const secrets = await Promise.all(paths.map(readSecret));
  const warnings = await Promise.all(
    paths.map((path) => warningOfSecretFile('session secret', path)),
  );
  return { secrets, warnings: warnings.filter((warning) => warning !== undefined) };
}

async function readSecret(path: string): Promise<Uint8Array> {
  const refuse = (reason: string) =>
    new ConfigurationError([`Cannot use secret "${path}" of REPRISE_SESSION_SECRET: ${reason}`]);
  let secret: Uint8Array;
  try {
    secret = await readFile(path);
  } catch (error) {
    throw refuse((error as NodeJS.ErrnoException).code ?? String(error));
  }
  if (secret.length >= tlsLimits.secretBytes) return secret;
  throw refuse(
    `it has "${secret.length}" bytes, at least ${tlsLimits.secretBytes} random ones are needed`,
  );
}

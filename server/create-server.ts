import type { Logger } from 'pino';
import type { MailStore } from '../store/mail-store.ts';
import { openSqliteStore } from '../store/open-sqlite-store.ts';
import {
  type Clock,
  RandomTicketKeys,
  SegmentSessionCache,
  type SessionCache,
  steadyClock,
  TlsAcceptor,
} from '../tls/index.ts';
import {
  rememberedVerificationBytes,
  rememberedVerificationMs,
  StoredPasswordVerifier,
} from './authentication/password-verifier.ts';
import type { Configuration } from './config/configuration.ts';
import { ControlServer } from './control/control-server.ts';
import { StoreAdministration } from './control/store-administration.ts';
import { ImapService } from './imap/imap-service.ts';
import { openCredential } from './own-credential.ts';

export interface ServerOptions {
  readonly configuration: Configuration;
  readonly logger: Logger;
  /** Milliseconds for the expiry of TLS sessions and remembered logins; default: a clock nobody can set. */
  readonly clock?: Clock;
  /** Instead of the server's own; the server closes it. */
  readonly sessionCache?: SessionCache;
}

/** A server that listens. */
export interface RepriseServer {
  /** -1 where it is off. */
  readonly imapPort: number;
  /** -1 where it is off. */
  readonly imapsPort: number;
  /** The certificate that clients are shown, PEM. */
  readonly certificate: string;
  readonly store: MailStore;
  readonly sessionCache: SessionCache;
  /**
   * Stops to accept, says `* BYE` to every client, finishes what is being written, cuts off clients that
   * are still there after `deadlineMs` (7 s unless told), and closes the store.
   */
  close(options?: { readonly deadlineMs?: number }): Promise<void>;
}

/** Leaves time for the store within the ten seconds that supervisors give a process to stop. */
const closeDeadlineMs = 7_000;

/**
 * Opens the data directory and listens. Rejects where a port cannot be bound, the certificate cannot be
 * used or the data directory is in use, and then leaves nothing open.
 */
export async function createServer(options: ServerOptions): Promise<RepriseServer> {
  const { configuration, logger, clock = steadyClock } = options;
  const { dataDirectory, host } = configuration;
  const lifetimeMs = configuration.sessionLifetimeSeconds * 1000;
  let deadlineMs = closeDeadlineMs;
  // Closes in reverse order, also where a later step of the start fails.
  await using parts = new AsyncDisposableStack();

  const store = await openSqliteStore({ dataDirectory });
  parts.defer(() => store.close());
  const credential = await openCredential(configuration, logger);
  for (const warning of credential.warnings) logger.warn(warning);
  const sessionCache =
    options.sessionCache ??
    new SegmentSessionCache({ maxBytes: configuration.sessionCacheBytes, lifetimeMs, clock });
  parts.defer(() => sessionCache.close());
  const remembered = new SegmentSessionCache({
    maxBytes: rememberedVerificationBytes,
    lifetimeMs: rememberedVerificationMs,
    clock,
  });
  parts.defer(() => remembered.close());
  const verifier = new StoredPasswordVerifier({ accounts: store, remembered, clock });
  const ticketKeys = new RandomTicketKeys({ lifetimeMs, clock });
  parts.defer(() => ticketKeys.close());
  const acceptor = new TlsAcceptor({
    credentials: [credential],
    resumption: { kind: 'stateful', cache: sessionCache, ticketKeys },
    lifetimeMs,
    clock,
    onEvent: (event) => {
      if (event.kind === 'cacheError') logger.warn({ err: event.error }, 'session cache failed');
    },
  });
  parts.defer(() => acceptor.close());
  const service = new ImapService({
    store,
    acceptor,
    verifier,
    logger,
    ...(host !== undefined && { host }),
    imapPort: configuration.imapPort,
    imapsPort: configuration.imapsPort,
  });
  parts.defer(() => service.close({ deadlineMs }));
  const ports = await service.listen();
  const administration = new StoreAdministration(store, {
    onAccountChanged: (account) => {
      verifier.forget(account);
      service.disconnectAccount(account.id, 'Account has changed, log in again');
    },
  });
  const control = new ControlServer({ dataDirectory, administration, logger });
  parts.defer(() => control.close());
  await control.listen();

  const opened = parts.move();
  return {
    ...ports,
    certificate: credential.cert,
    store,
    sessionCache,
    close: async (closeOptions = {}) => {
      deadlineMs = closeOptions.deadlineMs ?? closeDeadlineMs;
      await opened.disposeAsync();
    },
  };
}

import type { Logger } from 'pino';
import type { MailStore } from '../../store/mail-store.ts';
import { type Clock, steadyClock } from '../../tls/clock.ts';
import type { ClientCertificatePolicy } from '../../tls/client-certificate.ts';
import type { Credential } from '../../tls/credential.ts';
import type { Resumption } from '../../tls/resumption.ts';
import type { SessionCache } from '../../tls/session-cache.ts';
import type { TicketKeySource } from '../../tls/ticket-key.ts';
import { TlsAcceptor } from '../../tls/tls-acceptor.ts';
import type { TlsPolicy } from '../../tls/tls-policy.ts';
import { StoredPasswordVerifier } from '../authentication/password-verifier.ts';
import { ImapService, type ListeningPorts } from '../imap/imap-service.ts';
import { defaultServiceLimits } from '../imap/limits.ts';
import type { MetricsRecorder } from '../metrics/metrics-recorder.ts';
import { collectGarbage } from './heap.ts';

/** Serves mail clients: in this thread ({@link LocalMailServer}) or in several (`WorkerPool`). */
export interface MailServer {
  /** Starts to listen. Rejects with the system's error if a port cannot be bound; close it then too. */
  listen(): Promise<ListeningPorts>;
  /** Sends away the clients that have logged in to an account. */
  disconnectAccount(accountId: number, text: string): void;
  /** Uses other credentials for the connections to come. At least one, and each one that TLS can use. */
  replaceCredentials(credentials: readonly Credential[]): void;
  /** Asks the clients to come for certificates by another policy, which TLS can use. */
  replaceClientCertificates(policy: ClientCertificatePolicy): void;
  /** Resumes no session any more that was made with this certificate, which has been purged. */
  forgetCertificate(fingerprint256: string): void;
  /**
   * Stops to accept, says `* BYE` to every client, lets what runs finish, and cuts off what is left after
   * `deadlineMs`.
   */
  close(deadlineMs: number): Promise<void>;
}

/** How clients are served. Plain data, which can be sent to another thread. */
export interface MailServerSettings {
  /** Address to listen on; absent: all, IPv4 and IPv6. */
  readonly host?: string;
  /** 0: any free port, -1: off. */
  readonly imapPort: number;
  /** 0: any free port, -1: off. */
  readonly imapsPort: number;
  /** Threads that share the load, and so the bounds on connections and logins; at least 1. */
  readonly shareCount: number;
  /** The first is for clients that name no server. */
  readonly credentials: readonly Credential[];
  readonly tlsPolicy: TlsPolicy;
  /** Absent: clients are not asked for certificates. */
  readonly clientCertificates?: ClientCertificatePolicy;
  /** Client certificates whose sessions count no more; the oldest purge first. */
  readonly purgedCertificates: readonly PurgedCertificate[];
  readonly resumptionKind: Resumption['kind'];
  /** How long a client can come back with a session, in milliseconds. */
  readonly sessionLifetimeMs: number;
  /** For finding a session, in milliseconds; absent: the default of the acceptor. */
  readonly lookupDeadlineMs?: number;
  /** The key that remembered logins are hashed with; 32 bytes, the same for all threads, secret. */
  readonly verificationKey: Uint8Array;
}

/** A client certificate whose sessions an operator has purged. */
export interface PurgedCertificate {
  /** SHA-256, as 64 lower-case hexadecimal digits. */
  readonly fingerprint256: string;
  /** When it was last purged, in milliseconds of the steady clock. */
  readonly purgedAt: number;
}

export interface LocalMailServerOptions {
  readonly settings: MailServerSettings;
  /** The owner closes it after the mail server; the caches too. */
  readonly store: MailStore;
  /** Used if resumption is stateful. */
  readonly sessionCache: SessionCache;
  /** Used if there is resumption. */
  readonly ticketKeys: TicketKeySource;
  /** For remembered logins. */
  readonly remembered: SessionCache;
  /** Told of TLS handshakes and of what clients do. */
  readonly metrics: MetricsRecorder;
  readonly logger: Logger;
  /** The clock of the caches. */
  readonly clock?: Clock;
}

/** Serves clients in this thread. */
export class LocalMailServer implements MailServer {
  readonly #acceptor: TlsAcceptor;
  readonly #service: ImapService;

  /** @throws what TLS throws for a credential that cannot be used */
  constructor(options: LocalMailServerOptions) {
    const { settings, store, metrics, logger } = options;
    const { host, imapPort, imapsPort, shareCount } = settings;
    this.#acceptor = makeAcceptor(options);
    for (const { fingerprint256 } of settings.purgedCertificates) {
      this.forgetCertificate(fingerprint256);
    }
    this.#service = new ImapService({
      store,
      acceptor: this.#acceptor,
      verifier: makeVerifier(options),
      metrics,
      logger,
      onCrowd: () => void collectGarbage(),
      ...(host !== undefined && { host }),
      imapPort,
      imapsPort,
      reusePort: shareCount > 1,
      limits: { maxConnections: shareOf(defaultServiceLimits.maxConnections, settings) },
    });
  }

  listen(): Promise<ListeningPorts> {
    return this.#service.listen();
  }

  disconnectAccount(accountId: number, text: string): void {
    this.#service.disconnectAccount(accountId, text);
  }

  replaceCredentials(credentials: readonly Credential[]): void {
    this.#acceptor.replaceCredentials(credentials);
  }

  replaceClientCertificates(policy: ClientCertificatePolicy): void {
    this.#acceptor.replaceClientCertificates(policy);
  }

  forgetCertificate(fingerprint256: string): void {
    this.#acceptor.forgetCertificate(fingerprint256);
  }

  async close(deadlineMs: number): Promise<void> {
    await this.#service.close({ deadlineMs });
    await this.#acceptor.close();
  }
}

function makeVerifier({
  settings,
  store,
  remembered,
  clock = steadyClock,
}: LocalMailServerOptions) {
  const { verificationKey: key, shareCount } = settings;
  return new StoredPasswordVerifier({ accounts: store, remembered, clock, key, shareCount });
}

function makeAcceptor(options: LocalMailServerOptions): TlsAcceptor {
  const { settings, metrics, logger, clock = steadyClock } = options;
  const { lookupDeadlineMs, clientCertificates } = settings;
  return new TlsAcceptor({
    credentials: settings.credentials,
    resumption: resumptionOf(options),
    policy: settings.tlsPolicy,
    ...(clientCertificates !== undefined && { clientCertificates }),
    lifetimeMs: settings.sessionLifetimeMs,
    clock,
    ...(lookupDeadlineMs !== undefined && { lookupDeadlineMs }),
    onEvent: (event) => {
      metrics.recordTlsEvent(event);
      if (event.kind === 'cacheError') logger.warn({ err: event.error }, 'session cache failed');
    },
  });
}

function resumptionOf(options: LocalMailServerOptions): Resumption {
  const { settings, sessionCache, ticketKeys } = options;
  const kind = settings.resumptionKind;
  if (kind === 'stateful') return { kind, cache: sessionCache, ticketKeys };
  return kind === 'tickets' ? { kind, ticketKeys } : { kind };
}

function shareOf(bound: number, { shareCount }: MailServerSettings): number {
  return Math.ceil(bound / shareCount);
}

import type { Logger } from 'pino';
import type { MailStore } from '../../store/mail-store.ts';
import { type Clock, steadyClock } from '../../tls/clock.ts';
import type { ClientCertificatePolicy } from '../../tls/client-certificate.ts';
import type { Credential } from '../../tls/credential.ts';
import { tlsLimits } from '../../tls/limits.ts';
import type { Resumption } from '../../tls/resumption.ts';
import type { SessionCache } from '../../tls/session-cache.ts';
import type { TicketKeySource } from '../../tls/ticket-key.ts';
import { TlsAcceptor } from '../../tls/tls-acceptor.ts';
import { StoredPasswordVerifier } from '../authentication/password-verifier.ts';
import { ImapService, type ListeningPorts } from '../imap/imap-service.ts';
import { defaultServiceLimits } from '../imap/limits.ts';
import type { MetricsRecorder } from '../metrics/metrics-recorder.ts';
import { collectGarbage } from './collect-garbage.ts';
import type { Serving, ServingSettings } from './serving.ts';

export interface LocalServingOptions {
  readonly settings: ServingSettings;
  /** The owner closes it, after the serving; so also the caches. */
  readonly store: MailStore;
  /** Used where resumption is stateful. */
  readonly sessionCache: SessionCache;
  /** Used where there is resumption. */
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
export class LocalServing implements Serving {
  readonly #acceptor: TlsAcceptor;
  readonly #service: ImapService;

  /** @throws what TLS throws for a credential that cannot be used */
  constructor(options: LocalServingOptions) {
    const { settings, store, remembered, metrics, logger, clock = steadyClock } = options;
    const { host, imapPort, imapsPort, shareCount, lookupDeadlineMs, clientCertificates } =
      settings;
    const share = (bound: number) => Math.ceil(bound / shareCount);
    const verifier = new StoredPasswordVerifier({
      accounts: store,
      remembered,
      clock,
      key: settings.verificationKey,
      shareCount,
    });
    this.#acceptor = new TlsAcceptor({
      credentials: settings.credentials,
      resumption: resumptionOf(options),
      policy: settings.tlsPolicy,
      ...(clientCertificates !== undefined && { clientCertificates }),
      lifetimeMs: settings.sessionLifetimeMs,
      clock,
      ...(lookupDeadlineMs !== undefined && { lookupDeadlineMs }),
      maxPendingHellos: share(tlsLimits.pendingHellos),
      maxPendingHellosPerAddress: share(tlsLimits.pendingHellosPerAddress),
      onEvent: (event) => {
        metrics.recordTlsEvent(event);
        if (event.kind === 'cacheError') logger.warn({ err: event.error }, 'session cache failed');
      },
    });
    this.#service = new ImapService({
      store,
      acceptor: this.#acceptor,
      verifier,
      metrics,
      logger,
      onCrowd: () => void collectGarbage(),
      ...(host !== undefined && { host }),
      imapPort,
      imapsPort,
      reusePort: shareCount > 1,
      limits: { maxConnections: share(defaultServiceLimits.maxConnections) },
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

function resumptionOf(options: LocalServingOptions): Resumption {
  const { settings, sessionCache, ticketKeys } = options;
  const kind = settings.resumptionKind;
  if (kind === 'stateful') return { kind, cache: sessionCache, ticketKeys };
  return kind === 'tickets' ? { kind, ticketKeys } : { kind };
}

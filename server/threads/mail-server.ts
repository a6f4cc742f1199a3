import type { Logger } from 'pino';
import type { Capability } from '../../protocol/capability.ts';
import type { MailStore } from '../../store/mail-store.ts';
import {
  Admission,
  clearAdmissionCell,
  type ClientCertificatePolicy,
  type Clock,
  type Credential,
  type Resumption,
  type ResumptionProof,
  type SessionCache,
  steadyClock,
  type TicketKeySource,
  TlsAcceptor,
  type TlsPolicy,
} from '../../tls/index.ts';
import type { PasswordChecks } from '../authentication/password-check-queue.ts';
import { StoredPasswordVerifier } from '../authentication/password-verifier.ts';
import { JwtVerifier, type TokenSettings } from '../authentication/token-verifier.ts';
import { errorFields } from '../error-fields.ts';
import type { AccountsElsewhere } from '../imap/accounts-elsewhere.ts';
import type { RemoteMailboxes } from '../imap/remote-mailboxes.ts';
import type { AccountCapabilities } from '../imap/account-capabilities.ts';
import { type ConnectionOwner, ImapService } from '../imap/imap-service.ts';
import type { ServiceLimits } from '../imap/limits.ts';
import type { MetricsRecorder } from '../metrics/metrics-recorder.ts';
import { ConnectionCounts } from '../net/connection-counts.ts';
import type { ListenerSettings } from '../net/listener.ts';
import { AddressRanges } from '../net/proxy-protocol.ts';
import { collectGarbage } from './heap.ts';

/** Serves mail clients: in this thread ({@link LocalMailServer}) or in several (`WorkerPool`). */
export interface MailServer {
  /** Starts to listen; returns the listeners with their real ports. Rejects with the system's error if a port cannot be bound; close it then too. */
  listen(): Promise<readonly ListenerSettings[]>;
  /** Sends clients away with a BYE of this text. Those that come later may stay. */
  disconnect(owner: ConnectionOwner, text: string): Promise<DisconnectReport>;
  /** Uses other credentials for the connections to come. At least one, and each one that TLS can use. */
  replaceCredentials(credentials: readonly Credential[]): void;
  /** Asks the clients to come for certificates by another policy, which TLS can use. */
  replaceClientCertificates(policy: ClientCertificatePolicy): void;
  /**
   * Resumes no session any more that was made with this certificate before its purge.
   *
   * @param purgedAt - in milliseconds of the steady clock
   */
  forgetCertificate(fingerprint256: string, purgedAt: number): void;
  /**
   * Stops to accept, says `* BYE` to every client, lets what runs finish, and cuts off what is left after
   * `deadlineMs`.
   */
  close(deadlineMs: number): Promise<void>;
}

/** What came of {@link MailServer.disconnect}. */
export interface DisconnectReport {
  /** Connections that were told to end. */
  readonly count: number;
  /** Threads that did not answer in time: connections of theirs may go on. */
  readonly silentCount: number;
}

/** How clients are served. Plain data, which can be sent to another thread. */
export interface MailServerSettings {
  readonly listeners: readonly ListenerSettings[];
  /** Addresses and ranges of proxies whose PROXY headers count. */
  readonly proxyRanges: readonly string[];
  /** The bounds of the whole process that differ from the defaults. */
  readonly limits: Partial<ServiceLimits>;
  /** Where each thread counts its connections; see `makeConnectionSlots`. */
  readonly connectionSlots: Int32Array;
  /** Where each thread counts those that have not logged in; see `makeAdmissionCells`. */
  readonly admissionCells: SharedArrayBuffer;
  /** The most of these in the process; absent: the default of `Admission`. */
  readonly maxConnectionsBeforeLogin?: number;
  /** Threads that share the load, and so listen on the same ports; at least 1. */
  readonly shareCount: number;
  /** The first is for clients that name no server. */
  readonly credentials: readonly Credential[];
  readonly tlsPolicy: TlsPolicy;
  /** Absent: clients are not asked for certificates. */
  readonly clientCertificates?: ClientCertificatePolicy;
  /** Client certificates whose sessions count no more; the oldest purge first. */
  readonly purgedCertificates: readonly PurgedCertificate[];
  /** IMAP extensions that are neither announced nor understood. */
  readonly capabilitiesOff: readonly Capability[];
  /** Capabilities that are announced and that others bring; absent: none. */
  readonly extraCapabilities?: readonly string[];
  /** More of them that are off for some accounts; absent: none. */
  readonly accountCapabilitiesOff?: AccountCapabilities;
  /** Accounts whose mail is on another server; absent: none. */
  readonly accountsElsewhere?: AccountsElsewhere;
  /** Mailboxes on other servers; absent: none. */
  readonly remoteMailboxes?: RemoteMailboxes;
  readonly resumptionKind: Resumption['kind'];
  /** What was found out about resumption before: what fails is not used. Absent: all works. */
  readonly resumptionProof?: ResumptionProof;
  /** How long a client can come back with a session, in milliseconds. */
  readonly sessionLifetimeMs: number;
  /** For finding a session, in milliseconds; absent: the default of the acceptor. */
  readonly lookupDeadlineMs?: number;
  /** The key that verified logins are hashed with; 32 bytes, the same for all threads, secret. */
  readonly verificationKey: Uint8Array;
  /** What names without an account get their salts of; 32 bytes, the same for all threads and at each start, secret. */
  readonly saltSecret: Uint8Array;
  /** Whose tokens clients can log in with; absent: there are none. */
  readonly tokens?: TokenSettings;
}

/** A client certificate whose sessions an operator has purged. */
export interface PurgedCertificate {
  /** SHA-256, as 64 lower-case hexadecimal digits. */
  readonly fingerprint256: string;
  /** When it was last purged, in milliseconds of the steady clock. */
  readonly purgedAt: number;
}

/** What a {@link LocalMailServer} serves with. */
export interface LocalMailServerOptions {
  readonly settings: MailServerSettings;
  /** The number of this thread among those that serve, from 0. */
  readonly threadIndex: number;
  /** The owner closes it after the mail server; the caches too. */
  readonly store: MailStore;
  /** Used if resumption is stateful. */
  readonly sessionCache: SessionCache;
  /** Used if there is resumption. */
  readonly ticketKeys: TicketKeySource;
  /** Logins whose passwords need not be checked again for a while. */
  readonly verifiedLogins: SessionCache;
  /** Decides when a password is checked. Closed with the mail server, so that nobody waits any longer. */
  readonly passwordChecks: PasswordChecks;
  /** Told of TLS handshakes and of what clients do. */
  readonly metrics: MetricsRecorder;
  readonly logger: Logger;
  /** The clock of the caches. */
  readonly clock?: Clock;
}

/** Serves clients in this thread. */
export class LocalMailServer implements MailServer {
  readonly #acceptor: TlsAcceptor;
  readonly #passwordChecks: PasswordChecks;
  readonly #service: ImapService;

  /** @throws what TLS throws for a credential that cannot be used */
  constructor(options: LocalMailServerOptions) {
    const { settings, threadIndex, store, metrics, logger } = options;
    const { listeners, limits, connectionSlots, shareCount, accountCapabilitiesOff } = settings;
    this.#acceptor = makeAcceptor(options);
    this.#passwordChecks = options.passwordChecks;
    for (const { fingerprint256, purgedAt } of settings.purgedCertificates) {
      this.forgetCertificate(fingerprint256, purgedAt);
    }
    const verifier = makeVerifier(options);
    this.#service = new ImapService({
      store,
      acceptor: this.#acceptor,
      verifier,
      scram: verifier,
      ...makeTokenVerifier(options),
      metrics,
      logger,
      onCrowd: () => void collectGarbage(),
      listeners,
      isShared: shareCount > 1,
      proxies: new AddressRanges(settings.proxyRanges),
      admission: makeAdmission(options),
      connectionCounts: new ConnectionCounts(connectionSlots, threadIndex),
      limits,
      capabilitiesOff: new Set(settings.capabilitiesOff),
      ...(settings.extraCapabilities !== undefined && {
        extraCapabilities: settings.extraCapabilities,
      }),
      ...(accountCapabilitiesOff !== undefined && { accountCapabilitiesOff }),
      ...(settings.remoteMailboxes && { remoteMailboxes: settings.remoteMailboxes }),
      ...(settings.accountsElsewhere && { accountsElsewhere: settings.accountsElsewhere }),
    });
  }

  listen(): Promise<readonly ListenerSettings[]> {
    return this.#service.listen();
  }

  async disconnect(owner: ConnectionOwner, text: string): Promise<DisconnectReport> {
    return { count: this.#service.disconnect(owner, text), silentCount: 0 };
  }

  replaceCredentials(credentials: readonly Credential[]): void {
    this.#acceptor.replaceCredentials(credentials);
  }

  replaceClientCertificates(policy: ClientCertificatePolicy): void {
    this.#acceptor.replaceClientCertificates(policy);
  }

  forgetCertificate(fingerprint256: string, purgedAt: number): void {
    this.#acceptor.forgetCertificate(fingerprint256, purgedAt);
  }

  async close(deadlineMs: number): Promise<void> {
    this.#passwordChecks.close();
    await this.#service.close({ deadlineMs });
    await this.#acceptor.close();
  }
}

function makeAdmission({ settings, threadIndex: index }: LocalMailServerOptions): Admission {
  const counts = { cells: settings.admissionCells, index };
  const { maxConnectionsBeforeLogin: connectionsBeforeLogin } = settings;
  // The thread that had this number before may have crashed.
  clearAdmissionCell(counts);
  return new Admission({
    counts,
    ...(connectionsBeforeLogin !== undefined && { connectionsBeforeLogin }),
  });
}

function makeVerifier({
  settings,
  store,
  verifiedLogins,
  passwordChecks: checks,
  clock = steadyClock,
}: LocalMailServerOptions) {
  const { verificationKey: key, saltSecret } = settings;
  const logins = { verifiedLogins, checks, clock };
  return new StoredPasswordVerifier({ ...logins, accounts: store, key, saltSecret });
}

function makeTokenVerifier({ settings, logger }: LocalMailServerOptions) {
  if (settings.tokens === undefined) return {};
  const onError = (error: unknown) =>
    logger.warn(errorFields(error), 'cannot read the keys of the token issuer');
  return { tokens: new JwtVerifier({ ...settings.tokens, onError }) };
}

function makeAcceptor(options: LocalMailServerOptions): TlsAcceptor {
  const { settings, metrics, logger, clock = steadyClock } = options;
  const { lookupDeadlineMs, clientCertificates, resumptionProof: proof } = settings;
  return new TlsAcceptor({
    credentials: settings.credentials,
    resumption: resumptionOf(options),
    policy: settings.tlsPolicy,
    alpnProtocols: ['imap'],
    clearTextAnswer: '* BYE This is an IMAP server, and it expects TLS here\r\n',
    badCertificateAnswer: '* BYE Your client certificate is not valid here\r\n',
    ...(clientCertificates !== undefined && { clientCertificates }),
    lifetimeMs: settings.sessionLifetimeMs,
    clock,
    ...(lookupDeadlineMs !== undefined && { lookupDeadlineMs }),
    ...(proof !== undefined && { proof }),
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

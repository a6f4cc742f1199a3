import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { type Capability, capabilitiesOffByDefault } from '../../protocol/capability.ts';
import type { MailStore } from '../../store/mail-store.ts';
import {
  Admission,
  type Clock,
  steadyClock,
  StrangerInput,
  type TlsAcceptor,
  LinkedList,
} from '../../tls/index.ts';
import type { PasswordVerifier, ScramVerifier } from '../authentication/password-verifier.ts';
import type { TokenVerifier } from '../authentication/token-verifier.ts';
import { type ClientPort, type MetricsRecorder, noMetrics } from '../metrics/metrics-recorder.ts';
import { ConnectionCounts } from '../net/connection-counts.ts';
import type { Descriptors } from '../net/descriptors.ts';
import type { ListenerSettings } from '../net/listener.ts';
import type { AddressRanges } from '../net/proxy-protocol.ts';
import { Reception, type ReceptionOptions } from '../net/reception.ts';
import type { Transport } from '../net/transport.ts';
import type { AccountsElsewhere } from './accounts-elsewhere.ts';
import type { RemoteMailboxes } from './remote-mailboxes.ts';
import { type AccountCapabilities, addToAccounts } from './account-capabilities.ts';
import { AccountInput } from './account-input.ts';
import { BackgroundClients } from './background-clients.ts';
import { Connection } from './connection.ts';
import { ContextBudget } from './contexts/context-budget.ts';
import {
  defaultServiceLimits,
  maxAccountUntoldMetadata,
  maxContextBytes,
  type ServiceLimits,
  uncountedStrangerBytes,
} from './limits.ts';
import { MetadataBudget } from './metadata-budget.ts';
import type { ServiceContext } from './service-context.ts';
import { MailboxFeeds } from './mailbox-feeds.ts';
import { AccountWatches } from './notify/account-watch.ts';

/** What an {@link ImapService} serves, where, and within which bounds. */
export interface ImapServiceOptions {
  readonly store: MailStore;
  readonly acceptor: TlsAcceptor;
  readonly verifier: PasswordVerifier;
  /** Absent: SCRAM is neither announced nor understood. */
  readonly scram?: ScramVerifier;
  /** Absent: OAUTHBEARER and XOAUTH2 are neither announced nor understood. */
  readonly tokens?: TokenVerifier;
  readonly logger: Logger;
  readonly listeners: readonly ListenerSettings[];
  /** True if other threads listen on the same ports; the system spreads clients over them. Default: false. */
  readonly isShared?: boolean;
  /** Counts those who have not logged in; absent: one of its own, for one thread. */
  readonly admission?: Admission;
  /** Of all threads; absent: there is one. */
  readonly connectionCounts?: ConnectionCounts;
  /** Told of connections, logins and commands; absent: nobody is. */
  readonly metrics?: MetricsRecorder;
  /** Called when a crowd of clients has come or left, as `CrowdWatch` tells: the time to give memory back. */
  readonly onCrowd?: () => void;
  /** Wall clock, for dates. */
  readonly clock?: Clock;
  /** For durations; default: a clock that nobody sets. */
  readonly steadyClock?: Clock;
  readonly limits?: Partial<ServiceLimits>;
  /** Capabilities that are neither announced nor understood; absent: those that are off by default. */
  readonly capabilitiesOff?: ReadonlySet<Capability>;
  /** Capabilities that are announced and that others bring; absent: none. */
  readonly extraCapabilities?: readonly string[];
  /** More of them that are off for some accounts; absent: none. */
  readonly accountCapabilitiesOff?: AccountCapabilities;
  /** Accounts whose mail is on another server; absent: none. */
  readonly accountsElsewhere?: AccountsElsewhere;
  /** Mailboxes on other servers; absent: none. */
  readonly remoteMailboxes?: RemoteMailboxes;
  readonly descriptors?: Descriptors;
  /** Proxies whose PROXY headers count; absent: none. */
  readonly proxies?: AddressRanges;
}

/** Whose connections are ended: those that have logged in to an account, or have shown a client certificate. */
export type ConnectionOwner =
  | { readonly accountId: number }
  /** SHA-256, as 64 lower-case hexadecimal digits. */
  | { readonly certificate: string };

function isOwner(owner: ConnectionOwner, { session, tls }: Connection): boolean {
  return 'accountId' in owner
    ? session.account?.id === owner.accountId
    : tls?.clientCertificate?.fingerprint256 === owner.certificate;
}

/** What is turned off: by the options, and since the service lacks what it needs. */
function impossibleToo(options: ImapServiceOptions): ReadonlySet<Capability> {
  const { capabilitiesOff, scram, tokens } = options;
  const off = new Set(capabilitiesOff ?? capabilitiesOffByDefault);
  if (scram === undefined) off.add('AUTH=SCRAM-SHA-256');
  if (tokens === undefined) off.add('AUTH=OAUTHBEARER').add('AUTH=XOAUTH2');
  return off;
}

/** IMAP on a list of listeners: serves the clients that come in, and sends them away when it closes. */
export class ImapService {
  readonly #context: ServiceContext;
  readonly #reception: Reception;
  readonly #connections = new LinkedList<Connection>();
  #connectionNumber = 0;
  #onEmpty: (() => void) | undefined;

  constructor(options: ImapServiceOptions) {
    const { store, acceptor, verifier, logger } = options;
    const limits = { ...defaultServiceLimits, ...options.limits };
    const metrics = options.metrics ?? noMetrics;
    const steady = options.steadyClock ?? steadyClock;
    const counts = options.connectionCounts ?? new ConnectionCounts();
    this.#reception = this.#makeReception(options, { limits, metrics, clock: steady, counts });
    const capabilitiesOff = impossibleToo(options);
    this.#context = {
      store,
      acceptor,
      verifier,
      scram: options.scram,
      tokens: options.tokens,
      logger,
      strangers: this.#reception.strangers,
      metrics,
      clock: options.clock ?? Date.now,
      steadyClock: steady,
      limits,
      capabilitiesOff,
      accountCapabilitiesOff: addToAccounts(
        options.accountCapabilitiesOff ?? new Map(),
        capabilitiesOff,
      ),
      accountsElsewhere: options.accountsElsewhere ?? new Map(),
      remoteMailboxes: options.remoteMailboxes ?? [],
      feeds: new MailboxFeeds({
        store,
        clock: steady,
        retentionMs: limits.feedRetentionMs,
        retainedBytes: limits.retainedFeedBytes,
      }),
      accountWatches: new AccountWatches(store),
      strangerInput: new StrangerInput({
        maxBytes: limits.strangerInputBytes,
        uncountedBytes: uncountedStrangerBytes,
      }),
      contextBudget: new ContextBudget(maxContextBytes),
      metadataBudget: new MetadataBudget(maxAccountUntoldMetadata),
      accountInput: new AccountInput(limits),
      backgroundClients: new BackgroundClients({
        maxConnections: limits.backgroundConnections,
        connectionCount: () => counts.total,
        logger,
        clock: steady,
      }),
      extraCapabilities: options.extraCapabilities ?? [],
    };
  }

  /** Clients that are connected, those in their TLS handshake included. */
  get connectionCount(): number {
    return this.#reception.connectionCount;
  }

  /**
   * Starts to listen; returns the listeners with their real ports. Rejects with the system's error if an address cannot
   * be bound.
   */
  async listen(): Promise<readonly ListenerSettings[]> {
    try {
      return await this.#reception.listen();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Serves a client whose socket another has accepted, and does not read, as if one of our listeners had. */
  receive(socket: Socket, listener: ListenerSettings): void {
    this.#reception.receive(socket, listener);
  }

  /** Sends clients away with a BYE of this text; returns how many there were. */
  disconnect(owner: ConnectionOwner, text: string): number {
    let count = 0;
    for (const connection of this.#connections.toArray()) {
      if (!isOwner(owner, connection)) continue;
      connection.shutDown(text);
      count += 1;
    }
    return count;
  }

  /**
   * Stops to accept, says `* BYE` to every client, lets what runs finish, and cuts off what is left after
   * `deadlineMs` (8 s unless told).
   */
  async close({ deadlineMs = 8_000 } = {}): Promise<void> {
    this.#reception.stopListening();
    for (const connection of this.#connections.toArray())
      connection.shutDown('Server is shutting down');
    await this.#reception.close(deadlineMs);
    // A command may still be at work for a client that is gone.
    if (this.#connections.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
      });
    }
    this.#context.feeds.close();
  }

  #makeReception(
    options: ImapServiceOptions,
    shared: Pick<ReceptionOptions, 'limits' | 'metrics' | 'clock' | 'counts'>,
  ): Reception {
    const { listeners, acceptor, logger, descriptors, proxies, onCrowd } = options;
    return new Reception({
      ...shared,
      listeners,
      isShared: options.isShared ?? false,
      acceptor,
      admission: options.admission ?? new Admission({ clock: shared.clock }),
      logger,
      ...(descriptors !== undefined && { descriptors }),
      ...(proxies !== undefined && { proxies }),
      refusal: '* BYE [UNAVAILABLE] Too many connections\r\n',
      serve: (transport, listener) => this.#serve(transport, listener),
      onSweep: (nowMs) => {
        for (const connection of this.#connections.toArray()) connection.sweep(nowMs);
        this.#context.feeds.sweep();
      },
      ...(onCrowd !== undefined && { onCrowd }),
    });
  }

  #serve(transport: Transport, listener: ListenerSettings): void {
    this.#connectionNumber += 1;
    const connection = new Connection(this.#context, `c${this.#connectionNumber}`, transport);
    this.#connections.add(connection);
    // The system is asked for the address, so only if it is wanted.
    if (this.#context.logger.isLevelEnabled('debug')) {
      const { remoteAddress: address } = transport;
      const { protocol, isResumed: resumed, group } = transport.tls ?? {};
      connection.session.log('debug', { address, protocol, resumed, group }, 'connected');
    }
    const port: ClientPort = listener.kind === 'tls' ? 'imaps' : 'imap';
    this.#context.metrics.recordConnectionOpened(port);
    void this.#run(connection, port);
  }

  async #run(connection: Connection, port: ClientPort): Promise<void> {
    await connection.run();
    this.#connections.remove(connection);
    this.#context.metrics.recordConnectionClosed(port);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }
}

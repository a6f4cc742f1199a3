import { AsyncLocalStorage } from 'node:async_hooks';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Admission, type AdmissionEntry, type Visitor } from './admission/admission.ts';
import { type Arrival, Arrivals } from './arrival.ts';
import {
  type ClientCertificate,
  type ClientCertificatePolicy,
  ClientTrust,
} from './certificates/client-certificates.ts';
import { checkClient } from './certificates/client-check.ts';
import type { Credential } from './certificates/credentials.ts';
import { OwnCertificates } from './channel-binding.ts';
import type { TlsEndpointSettings } from './endpoint.ts';
import { EndpointDirectory } from './endpoint-directory.ts';
import { certificateError, handshakeError, TlsAcceptError, type TlsEvent } from './events.ts';
import { type TlsConnection, TlsHandshake } from './handshake.ts';
import { type ClientHello, offeredProtocol, tls13 } from './hello/client-hello.ts';
import { keyExchangeGroup } from './hello/key-exchange-group.ts';
import { type HelloRoute, type Resumption, routeHello } from './hello/route.ts';
import { checkLifetime, tlsLimits } from './limits.ts';
import { groupCodes, type TlsPolicy } from './policy.ts';
import { planResumption, type ResumptionPlan, type ResumptionProof } from './proof/verdict.ts';
import { TlsSessions } from './sessions/lookup.ts';
import {
  digestServerName,
  type FoundSession,
  type IssuedSession,
} from './sessions/stored-session.ts';
import type { TicketKeySource } from './tickets/ticket-keys.ts';
import {
  openTicketRoutes,
  type TicketKeyMode,
  type TicketRoutes,
} from './tickets/ticket-routes.ts';
import { type Clock, Deadlines, steadyClock } from './time.ts';

/** What a {@link TlsAcceptor} offers, how sessions come back, and its bounds. */
export interface TlsAcceptorOptions {
  /** The first is for clients that ask for no server name, or for one that no credential has. */
  readonly credentials: readonly Credential[];
  readonly resumption: Resumption;
  /**
   * How long a client can come back with a session, in milliseconds; at most seven days. Each resumption may
   * renew it, but a chain of them ends 24 hours after its full handshake.
   */
  readonly lifetimeMs: number;
  /** Default `intermediate`. */
  readonly policy?: TlsPolicy;
  /** Absent: clients are not asked for a certificate. */
  readonly clientCertificates?: ClientCertificatePolicy;
  /**
   * Names of the protocols that are spoken inside of TLS, such as `imap`, the preferred one first. A client that offers
   * others only is refused with the alert no_application_protocol, so that nobody can lead a browser here that was
   * meant for another server of the same name. One that names none is served. Absent: no protocol is negotiated.
   *
   * @see RFC 7301, section 3.2; RFC 9325, section 3.7
   */
  readonly alpnProtocols?: readonly string[];
  /**
   * Text with its line end for clients that speak in the clear instead of TLS, or say nothing for too long: in the
   * words of the protocol, since such a client may show it to its user. Absent: they get an alert of TLS.
   */
  readonly clearTextAnswer?: string;
  /**
   * Text with its line end for clients that show a certificate which is not valid, if a valid one is required: what is
   * wrong with it OpenSSL tells Node only when the handshake is done, too late for an alert. Absent: they only get
   * close_notify.
   *
   * @see RFC 8446, section 4.4.2.4: the handshake may go on, with a client that counts as unauthenticated
   */
  readonly badCertificateAnswer?: string;
  /** The clock of the cache. */
  readonly clock?: Clock;
  /**
   * The clock for dates in client certificates and revocation lists, and for chains of tickets. Default: the system's.
   */
  readonly wallClock?: Clock;
  /** For finding a session, in milliseconds; past it the client gets a full handshake. Default 50. */
  readonly lookupDeadlineMs?: number;
  /** For the ClientHello, in milliseconds. Default 20,000. */
  readonly helloDeadlineMs?: number;
  /** For the handshake, from its turn on, in milliseconds. Default 20,000. */
  readonly handshakeDeadlineMs?: number;
  /** How ticket keys come to OpenSSL. Default: `native` if Node has the hook for it, and no proof says otherwise. */
  readonly ticketKeyMode?: TicketKeyMode;
  /** Counts connections from {@link TlsAcceptor.accept} to the end of their handshake; absent: its own does. */
  readonly admission?: Admission;
  /** What was found out about resumption with this Node: what fails is not used. Absent: all works. */
  readonly proof?: ResumptionProof;
  /** Called with what happens; it must not throw. */
  readonly onEvent?: (event: TlsEvent) => void;
}

/** What is known of a connection that is to come to TLS. */
interface Attempt {
  readonly socket: Socket;
  readonly arrival: Arrival;
  readonly address: string | undefined;
  readonly startedAt: number;
  hello?: ClientHello | undefined;
  mode: HelloRoute['mode'];
}

/** The visitor of an entry that the acceptor makes itself; the arrival takes its place at once. */
const nobody: Visitor = { end: () => {} };

/**
 * Brings connections to TLS, whether they were accepted on a port for TLS or asked for STARTTLS. Clients resume from
 * a session cache (in TLS 1.2 by session id, in TLS 1.3 by PSK identity) or with tickets.
 *
 * Node looks up TLS 1.2 sessions only: in TLS 1.3 it asks for the wrong id. So the acceptor reads the
 * ClientHello first, finds the session itself, and hands it over when Node asks. Tickets are sealed through a hook in
 * Node that takes several keys or, if this Node has none that works, by a TLS server for each key and server name.
 */
export class TlsAcceptor {
  readonly #plan: ResumptionPlan;
  readonly #sessions: TlsSessions | undefined;
  readonly #ticketKeys: TicketKeySource | undefined;
  readonly #ticketRoutes: TicketRoutes | undefined;
  readonly #clock: Clock;
  readonly #wallClock: Clock;
  readonly #onEvent: (event: TlsEvent) => void;
  readonly #admission: Admission;
  readonly #arrivals: Arrivals;
  readonly #handshakeDeadlines: Deadlines;
  readonly #badCertificateAnswer: string | undefined;
  readonly #settings: Omit<TlsEndpointSettings, 'clientTrust'>;
  #credentials: readonly Credential[];
  #clientTrust: ClientTrust | undefined;
  #endpoints: EndpointDirectory;
  readonly #unsubscribe: (() => void) | undefined;
  #isClosed = false;

  /** @throws RangeError if the lifetime is out of range, and what TLS throws for a bad credential */
  constructor(options: TlsAcceptorOptions) {
    checkLifetime(options.lifetimeMs);
    const { resumption, proof, handshakeDeadlineMs = tlsLimits.handshakeDeadlineMs } = options;
    this.#plan = planResumption(resumption.kind, proof);
    this.#ticketKeys = resumption.kind === 'off' ? undefined : resumption.ticketKeys;
    this.#clock = options.clock ?? steadyClock;
    this.#wallClock = options.wallClock ?? Date.now;
    this.#onEvent = options.onEvent ?? (() => {});
    this.#sessions = this.#openSessions(options);
    this.#admission = options.admission ?? new Admission();
    this.#handshakeDeadlines = new Deadlines(handshakeDeadlineMs);
    this.#badCertificateAnswer = options.badCertificateAnswer;
    this.#arrivals = new Arrivals({
      helloDeadlineMs: options.helloDeadlineMs ?? tlsLimits.helloDeadlineMs,
      handshakeDeadlines: this.#handshakeDeadlines,
      clearTextAnswer: options.clearTextAnswer,
    });
    this.#settings = {
      lifetimeMs: options.lifetimeMs,
      handshakeDeadlineMs,
      policy: options.policy ?? 'intermediate',
      alpnProtocols: options.alpnProtocols,
      wallClock: this.#wallClock,
      ticketKeys: this.#ticketKeys,
      contexts: new AsyncLocalStorage(),
      ownCertificates: new OwnCertificates(this.#clock),
    };
    this.#credentials = options.credentials;
    this.#clientTrust = this.#trustOf(options.clientCertificates);
    this.#endpoints = this.#openEndpoints(this.#clientTrust);
    this.#ticketRoutes = openTicketRoutes(this.#ticketKeys, {
      mode: options.ticketKeyMode ?? proof?.ticketKeyMode,
      clock: this.#wallClock,
      isOurName: (name) => this.#endpoints.hasServerName(name),
    });
    this.#unsubscribe = this.#ticketKeys?.subscribe(() =>
      this.#endpoints.retireKeys(this.#ticketKeys?.keys ?? []),
    );
  }

  /**
   * Uses other credentials for the connections to come. Those that are there keep theirs, and sessions stay:
   * they belong to a credential's name.
   *
   * @throws RangeError if there is none, and what TLS throws for a bad one; nothing has changed then
   */
  replaceCredentials(credentials: readonly Credential[]): void {
    this.#endpoints.replace(credentials);
    this.#credentials = credentials;
  }

  /**
   * Asks the clients to come for certificates by another policy, or for none. Connections that are there stay.
   * Sessions stay if the policy says the same as before; otherwise every client makes a full handshake, so that OpenSSL
   * checks its certificate again.
   *
   * @throws what TLS throws for a bad authority or revocation list; nothing has changed then
   */
  replaceClientCertificates(policy: ClientCertificatePolicy | undefined): void {
    const before = this.#endpoints;
    const trust = this.#trustOf(policy);
    this.#endpoints = this.#openEndpoints(trust);
    this.#clientTrust = trust;
    before.retire();
  }

  /**
   * Resumes no session any more that was made with a client certificate before its purge, whatever a cache may
   * still find: for purging a certificate's sessions, together with the cache's `purge`.
   *
   * @param fingerprint256 - as in {@link ClientCertificate}
   * @param purgedAt - in milliseconds of the clock; default: now
   */
  forgetCertificate(fingerprint256: string, purgedAt: number = this.#clock()): void {
    this.#sessions?.forgetCertificate(fingerprint256, purgedAt);
  }

  /** Connections that wait for their ClientHello. */
  get pendingHelloCount(): number {
    return this.#arrivals.pendingHelloCount;
  }

  /**
   * Brings a connection to TLS as its server. Nothing else may read from the socket any more, and what it
   * has received but not given out must belong to TLS: after STARTTLS the owner drops pipelined bytes first.
   *
   * The socket is given an `error` listener for good, within this call. Handshakes take turns by address, so a
   * client may wait, but the deadlines do not count the time that it waits for its turn.
   *
   * In TLS 1.3 its sessions go out right after it is handed over, together with what is written at once: whoever
   * destroys it in the same step sends neither.
   *
   * @param entry - of an owner that counts connections by itself, until login; absent: the acceptor counts
   *   this one until the handshake ends
   * @param address - of the client, if the socket's peer is a proxy that speaks for it
   * @throws TlsAcceptError if it does not come to TLS; the socket is destroyed then, and the entry has left
   */
  accept(
    socket: Socket,
    entry?: AdmissionEntry,
    address: string | undefined = socket.remoteAddress,
  ): Promise<TlsConnection> {
    socket.on('error', ignoreError);
    return this.#accept(socket, entry, address);
  }

  /** The connection has logged in: its sessions are worth more than those of connections that have not. */
  promote(connection: TlsConnection, account: string): void {
    this.#sessions?.promote(connection.sessionIds, account);
  }

  /** Fails what is under way with `ACCEPTOR_CLOSED`, and everything later. Connections that are there stay. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#arrivals.close(closedError());
    this.#unsubscribe?.();
    this.#sessions?.close();
    this.#handshakeDeadlines.clear();
    this.#endpoints.retire();
  }

  async #accept(
    socket: Socket,
    given: AdmissionEntry | undefined,
    address: string | undefined,
  ): Promise<TlsConnection> {
    const entry = given ?? this.#admission.enter(address, nobody);
    const arrival = this.#arrivals.add(socket, entry, address);
    const attempt: Attempt = { socket, arrival, address, startedAt: this.#clock(), mode: 'none' };
    try {
      if (this.#isClosed) throw closedError();
      attempt.hello = await arrival.readHello();
      arrival.check();
      const turn = arrival.tryTurn() ?? (await arrival.waitForTurn());
      try {
        return await this.#acceptInTurn(attempt);
      } finally {
        turn.end();
      }
    } catch (cause) {
      const error = cause instanceof TlsAcceptError ? cause : handshakeError(cause);
      const refused = arrival.refuse(error);
      const { hello, mode } = attempt;
      const protocol = hello === undefined ? 'unknown' : offeredProtocol(hello);
      this.#onEvent({ kind: 'failure', code: error.code, mode, protocol, address, error });
      await refused;
      throw error;
    } finally {
      this.#arrivals.remove(arrival);
      if (given === undefined) entry.leave();
    }
  }

  /** Goes on with a client whose hello is there and whose turn it is. */
  async #acceptInTurn(attempt: Attempt): Promise<TlsConnection> {
    const { hello, arrival, address, startedAt } = attempt;
    const route = this.#route(hello);
    attempt.mode = route.mode;
    let nameDigest: string | undefined;
    let found: FoundSession | undefined;
    try {
      if (route.mode === 'stateful' && hello !== undefined) {
        nameDigest = digestServerName(hello.serverName);
        const answer = this.#sessions?.find(hello, nameDigest);
        found = answer instanceof Promise ? await answer : answer;
        arrival.check();
      }
      // Nothing is awaited from here to the endpoint, so the client is checked by the policy that the endpoint has.
      const clientTrust = this.#clientTrust;
      const handshake = new TlsHandshake({
        startedAt,
        address,
        nameDigest,
        found,
        isCertificateAsked: clientTrust !== undefined,
        onSession: this.#onSession,
      });
      const endpoint = this.#endpoints.find(hello?.serverName, route);
      const open = () => endpoint.open(attempt.socket, handshake, route);
      const tlsSocket = await arrival.shakeHands(handshake, open);
      const clientCertificate =
        clientTrust &&
        (await checkClient(tlsSocket, handshake, {
          trust: clientTrust,
          found,
          wallClock: this.#wallClock,
          badCertificateAnswer: this.#badCertificateAnswer,
          closeDeadlines: this.#handshakeDeadlines,
        }));
      arrival.check();
      if (handshake.isResumed && found !== undefined) {
        // A purge may have come since the session was found.
        if (this.#sessions?.isForgotten(found) === true) {
          throw certificateError('the sessions that were made with it have been purged');
        }
        this.#sessions?.supersede(found);
      }
      return this.#finish(tlsSocket, handshake, attempt, clientCertificate);
    } finally {
      found?.session.fill(0);
    }
  }

  #finish(
    socket: TLSSocket,
    { isResumed, sessionIds }: TlsHandshake,
    { hello, mode }: Attempt,
    clientCertificate: ClientCertificate | undefined,
  ): TlsConnection {
    const protocol = socket.getProtocol() ?? 'unknown';
    const cipherName = () => socket.getCipher().name;
    const group = keyExchangeGroup(hello, { protocol, isResumed, cipherName });
    const outcome = isResumed ? 'resumed' : 'full';
    this.#onEvent({ kind: 'handshake', outcome, mode, protocol, group });
    const known = { socket, isResumed, mode, protocol, group, sessionIds, clientCertificate };
    const hasUniqueSecret = protocol === 'TLSv1.3' || hello?.hasExtendedMasterSecret === true;
    const { ownCertificates } = this.#settings;
    return { ...known, serverName: hello?.serverName, hasUniqueSecret, ownCertificates };
  }

  #route(hello: ClientHello | undefined): HelloRoute {
    // A malformed hello only needs OpenSSL's alert.
    if (hello === undefined) return { mode: 'none' };
    const isTls13 = hello.supportedVersions.includes(tls13);
    const { kind, hasTickets } = isTls13 ? this.#plan.tls13 : this.#plan.beforeTls13;
    // A ticket does not tell that the sessions of its certificate were purged since.
    const canSeal = hasTickets && this.#clientTrust === undefined;
    const tickets = canSeal ? this.#ticketRoutes : undefined;
    return routeHello(hello, { kind, tickets, groups: groupCodes });
  }

  #openSessions(options: TlsAcceptorOptions): TlsSessions | undefined {
    const { resumption, lifetimeMs, lookupDeadlineMs = tlsLimits.lookupDeadlineMs } = options;
    if (resumption.kind !== 'stateful') return undefined;
    const { cache } = resumption;
    const [clock, wallClock, onEvent] = [this.#clock, this.#wallClock, this.#onEvent];
    return new TlsSessions({ cache, lifetimeMs, clock, wallClock, lookupDeadlineMs, onEvent });
  }

  #trustOf(policy: ClientCertificatePolicy | undefined): ClientTrust | undefined {
    return policy && new ClientTrust(policy, this.#wallClock());
  }

  #openEndpoints(clientTrust: ClientTrust | undefined): EndpointDirectory {
    const mode = this.#sessions === undefined ? 'none' : 'stateful';
    const settings = { ...this.#settings, clientTrust };
    return new EndpointDirectory(this.#credentials, mode, settings);
  }

  readonly #onSession = (handshake: TlsHandshake, issued: IssuedSession): void => {
    this.#sessions?.keep(handshake, issued);
  };
}

function closedError(): TlsAcceptError {
  return new TlsAcceptError('ACCEPTOR_CLOSED', 'Cannot accept connections any more');
}

function ignoreError(): void {}

import type { AsyncLocalStorage } from 'node:async_hooks';
import { constants, createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TlsOptions, TLSSocket } from 'node:tls';
import { type ClientTrust, takeBadCertificates } from './certificates/client-certificates.ts';
import type { ServedCredential } from './certificates/served-credentials.ts';
import type { OwnCertificates } from './channel-binding.ts';
import { certificateError, handshakeError, isCertificateMissing } from './events.ts';
import type { TlsHandshake } from './handshake.ts';
import { ignoreLateHellos } from './hello/late-hellos.ts';
import type { HelloRoute } from './hello/route.ts';
import { ticketLifetimeMs } from './limits.ts';
import { optionsOfPolicy, type TlsPolicy } from './policy.ts';
import { nativeContextOf, ticketConnection, TicketHook } from './tickets/ticket-hook.ts';
import { type TicketKey, ticketKeyBytes, type TicketKeySource } from './tickets/ticket-keys.ts';
import { isNamedBy } from './tickets/ticket-name.ts';
import type { NativeTicketRoute, PerKeyTicketRoute } from './tickets/ticket-routes.ts';
import type { Clock } from './time.ts';

/** What all endpoints of an acceptor have in common. */
export interface TlsEndpointSettings {
  readonly lifetimeMs: number;
  readonly handshakeDeadlineMs: number;
  readonly policy: TlsPolicy;
  /** The clock of chains of tickets. */
  readonly wallClock: Clock;
  /** Absent: there are no tickets. */
  readonly ticketKeys: TicketKeySource | undefined;
  /** Session events carry no socket; the async context tells whose they are. */
  readonly contexts: AsyncLocalStorage<TlsHandshake>;
  /** Absent: clients are not asked for a certificate. */
  readonly clientTrust?: ClientTrust | undefined;
  /** Told of what is served. */
  readonly ownCertificates: OwnCertificates;
  /** Absent: what clients say of their protocol does not count. */
  readonly alpnProtocols?: readonly string[] | undefined;
}

/**
 * What is served under some names, and one way to resume: a TLS server that never listens but is handed its
 * connections.
 */
export class TlsEndpoint {
  readonly #server: Server;
  readonly #contexts: AsyncLocalStorage<TlsHandshake>;
  readonly #ticketHook: TicketHook | undefined;
  readonly #key: TicketKey | undefined;
  #connectionCount = 0;
  #isRetired = false;

  /**
   * @param route - of the first of its connections; all others have a like one
   * @throws what TLS throws for a bad credential
   */
  constructor(credential: ServedCredential, route: HelloRoute, settings: TlsEndpointSettings) {
    this.#contexts = settings.contexts;
    const isPerKey = 'keyName' in route;
    this.#key = isPerKey ? route.key : undefined;
    const ticketKeys = isPerKey ? ticketKeyFor(route) : undefined;
    this.#server = createServer({
      cert: credential.cert,
      key: credential.key,
      sessionIdContext: sessionIdContextOf(credential, settings),
      // It never comes first: the acceptor's own deadline reads what the kernel has before it decides.
      handshakeTimeout: 2 * settings.handshakeDeadlineMs,
      ...optionsOfMode(route, settings),
      ...(ticketKeys && { ticketKeys }),
      ...(isForNamedClientsOfTls12(route) && { SNICallback: tellTlsSocket(settings.contexts) }),
      ...(settings.alpnProtocols && { ALPNProtocols: [...settings.alpnProtocols] }),
      ...optionsOfTrust(settings.clientTrust),
    });
    // OpenSSL has a copy.
    ticketKeys?.fill(0);
    if (route.mode === 'stateful') this.#useCache();
    if (settings.clientTrust?.policy.isRequired === true) takeBadCertificates(this.#server);
    if ('clients' in route) this.#ticketHook = openTicketHook(this.#server, route, settings);
    this.#server.on('secureConnection', (socket) => {
      const handshake = this.#contexts.getStore();
      socket.allowHalfOpen = handshake?.isHalfOpenAllowed ?? false;
      this.#ticketHook?.secure(handshake?.ticketConnection, socket.isSessionReused());
      const hasSessionsToCome = route.mode === 'stateful' && socket.getProtocol() === 'TLSv1.3';
      if (hasSessionsToCome) succeedLater(handshake, socket);
      else handshake?.succeed(socket);
      socket.on('error', closeAfterError);
    });
    this.#server.on('tlsClientError', (error) =>
      this.#contexts
        .getStore()
        ?.fail(isCertificateMissing(error) ? certificateError() : handshakeError(error)),
    );
  }

  /**
   * Hands over a connection whose ClientHello has arrived; the handshake is told its end. A client that closes its side
   * before the end has left: only after that may the connection be half open.
   */
  open(socket: Socket, handshake: TlsHandshake, route: HelloRoute): void {
    this.#connectionCount++;
    const tickets = 'clients' in route ? ticketConnection(socket, route) : undefined;
    handshake.ticketConnection = tickets;
    if (tickets !== undefined) this.#ticketHook?.begin(tickets);
    socket.once('close', () => {
      this.#connectionCount--;
      if (tickets !== undefined) this.#ticketHook?.end(tickets);
      this.#releaseWhenIdle();
    });
    const { allowHalfOpen } = socket;
    handshake.isHalfOpenAllowed = allowHalfOpen;
    // The TLS socket takes it over when it is made: then it closes at the end of its input, which nobody reads yet.
    socket.allowHalfOpen = false;
    this.#contexts.run(handshake, () => this.#server.emit('connection', socket));
    socket.allowHalfOpen = allowHalfOpen;
  }

  /** Whether it has a ticket key of its own that is none of these. */
  isOutdated(liveKeys: readonly TicketKey[]): boolean {
    const key = this.#key;
    return key !== undefined && !liveKeys.some(({ name }) => isNamedBy(name, key));
  }

  /** Gives its memory back when its last connection ends; no more may be opened. */
  retire(): void {
    this.#isRetired = true;
    this.#releaseWhenIdle();
  }

  #releaseWhenIdle(): void {
    if (this.#isRetired && this.#connectionCount === 0) releaseContext(this.#server);
  }

  #useCache(): void {
    ignoreLateHellos();
    this.#server.on('newSession', (id, session, done) => {
      // TLS writes after `done`: the cache has been told before the client can come back. Nothing waits for it,
      // so that a slow or dead cache delays no handshake.
      const handshake = this.#contexts.getStore();
      handshake?.addSession({ id, session });
      // After its handshake the connection is handed out first: what its owner writes at once goes out together
      // with the session, in one segment. Before, the handshake waits.
      if (handshake?.isSecure === true) setImmediate(done);
      else done();
    });
    this.#server.on('resumeSession', (_id, done) => {
      const session = this.#contexts.getStore()?.found?.session;
      if (session === undefined) done(null);
      else done(null, Buffer.from(session.buffer, session.byteOffset, session.byteLength));
    });
  }
}

/**
 * Hands the connection out only after Node has told its TLS 1.3 sessions, right after the handshake. Node tells them to
 * `socket.server`, which an owner may replace: a server of HTTP puts itself there.
 */
function succeedLater(handshake: TlsHandshake | undefined, socket: TLSSocket): void {
  handshake?.secure();
  let hasFailed = false;
  const onError = (error: Error): void => {
    hasFailed = true;
    // After the sessions, which the alert waits for.
    setImmediate(() => handshake?.fail(handshakeError(error)));
  };
  socket.once('error', onError);
  setImmediate(() => {
    socket.off('error', onError);
    if (hasFailed) return;
    if (socket.destroyed) handshake?.fail(handshakeError('the client has left'));
    else handshake?.succeed(socket);
  });
}

/**
 * Ends a connection after a fatal error: Node writes the alert and tells the error, but leaves the connection
 * open. It ends after this step: while sessions of TLS 1.3 wait to go out, so does the alert.
 *
 * @see RFC 8446, section 6.2; RFC 5246, section 7.2.2
 */
function closeAfterError(this: TLSSocket): void {
  setImmediate(() => this.destroy());
}

function optionsOfMode(
  { mode }: HelloRoute,
  { lifetimeMs, policy }: TlsEndpointSettings,
): TlsOptions {
  const common = optionsOfPolicy(policy);
  if (mode === 'ticket') {
    // Only OpenSSL knows how old a ticket is. It counts whole seconds, so this may not be rounded up.
    const sessionTimeout = Math.max(1, Math.floor(ticketLifetimeMs(lifetimeMs) / 1000));
    return { ...common, sessionTimeout };
  }
  return {
    ...common,
    secureOptions: common.secureOptions | constants.SSL_OP_NO_TICKET,
    // The cache decides. A session's own time counts in whole seconds and began up to one earlier.
    sessionTimeout: Math.ceil(lifetimeMs / 1000) + 1,
  };
}

/** A key as TLS takes it, named for one server name. */
function ticketKeyFor({ key, keyName }: PerKeyTicketRoute): Buffer {
  const ticketKeys = Buffer.from(key.secret);
  ticketKeys.set(keyName);
  return ticketKeys;
}

function openTicketHook(
  server: Server,
  { clients, fullHandshakeAt }: NativeTicketRoute,
  { ticketKeys, wallClock: clock }: TlsEndpointSettings,
): TicketHook | undefined {
  const opens = fullHandshakeAt !== undefined;
  return ticketKeys && new TicketHook(server, { keys: ticketKeys, clock, clients, opens });
}

function isForNamedClientsOfTls12(route: HelloRoute): boolean {
  return 'clients' in route && route.clients === 'tls12-named';
}

/** Node calls it on the TLS socket, of which we are told nothing else before TLS 1.2 seals its ticket. */
function tellTlsSocket(contexts: AsyncLocalStorage<TlsHandshake>): TlsOptions['SNICallback'] {
  return function (this: unknown, _serverName, done) {
    const tickets = contexts.getStore()?.ticketConnection;
    if (tickets !== undefined && this instanceof TLSSocket) tickets.tlsSocket = this;
    done(null);
  };
}

function optionsOfTrust(trust: ClientTrust | undefined): TlsOptions {
  if (trust === undefined) return {};
  const { policy, crl } = trust;
  return {
    ca: policy.ca,
    ...(crl !== undefined && { crl: [...crl] }),
    requestCert: true,
    rejectUnauthorized: policy.isRequired,
  };
}

/**
 * What a session is bound to, so that OpenSSL resumes it nowhere else and the client makes a full handshake:
 *
 * - the credentials by name, since a renewed certificate keeps its sessions, and each resumes what another began
 * - the policy: a session brings along its cipher and version
 * - whom the server trusts, who is asked, and what is revoked: a session brings along the verdict on its client
 *   certificate
 *
 * 96 bits, in as few bytes as do, since each session carries them.
 */
function sessionIdContextOf(
  credential: ServedCredential,
  { policy, clientTrust }: TlsEndpointSettings,
): string {
  const trust = clientTrust && [clientTrust.digest, clientTrust.policy.isRequired];
  const text = JSON.stringify([credential.name, policy, trust ?? null]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

/**
 * A context of TLS holds some 50 KiB outside of the heap, which the collector does not know of: left to it,
 * thousands of certificates could pile up before it looks (nodejs/node#66002).
 */
function releaseContext(server: Server): void {
  // It keeps its ticket key until it goes, and frees it as it is.
  server.setTicketKeys(Buffer.alloc(ticketKeyBytes));
  nativeContextOf(server)?.close?.();
}

import { AsyncLocalStorage } from 'node:async_hooks';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ClientHello } from './client-hello.ts';
import { type Clock, steadyClock } from './clock.ts';
import type { Credential } from './credential.ts';
import { Deadlines } from './deadlines.ts';
import { EndpointDirectory } from './endpoint-directory.ts';
import { type HelloRoute, routeHello } from './hello-route.ts';
import { HelloReader } from './hello-reader.ts';
import { tlsLimits } from './limits.ts';
import type { Resumption, ResumptionMode } from './resumption.ts';
import type { SessionCache } from './session-cache.ts';
import { type FoundSession, SessionLookup } from './session-lookup.ts';
import { encodeStoredSession } from './stored-session.ts';
import type { TicketKeySource } from './ticket-key.ts';
import { handshakeError, TlsAcceptError } from './tls-accept-error.ts';
import type { TlsConnection } from './tls-connection.ts';
import type { TlsEndpoint } from './tls-endpoint.ts';
import type { TlsEvent } from './tls-event.ts';
import { TlsHandshake } from './tls-handshake.ts';
import { groupCodes, type TlsPolicy } from './tls-policy.ts';

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
  /** The clock of the cache. */
  readonly clock?: Clock;
  /** For finding a session, in milliseconds; past it the client gets a full handshake. Default 50. */
  readonly lookupDeadlineMs?: number;
  /** For the ClientHello, in milliseconds. Default 10,000. */
  readonly helloDeadlineMs?: number;
  /** For the handshake after the ClientHello, in milliseconds. Default 10,000. */
  readonly handshakeDeadlineMs?: number;
  /** Connections that may wait for their ClientHello. Default 2,000. */
  readonly maxPendingHellos?: number;
  /** Of these, connections from one address. Default 200. */
  readonly maxPendingHellosPerAddress?: number;
  /** Called with what happens; it must not throw. */
  readonly onEvent?: (event: TlsEvent) => void;
}

/**
 * Brings connections to TLS, whether they were accepted on a port for TLS or asked for STARTTLS, and lets
 * clients resume: from a {@link SessionCache}, in TLS 1.2 by session id and in TLS 1.3 by PSK identity, or
 * with tickets.
 *
 * Node looks up TLS 1.2 sessions only: in TLS 1.3 it asks for the wrong id. So the acceptor reads the
 * ClientHello first, finds the session itself, and hands it over when Node asks. Node also takes one ticket key
 * for each server: the acceptor has a server for each live key, and chooses by the name in the ticket.
 */
export class TlsAcceptor {
  readonly #kind: Resumption['kind'];
  readonly #cache: SessionCache | undefined;
  readonly #ticketKeys: TicketKeySource | undefined;
  readonly #lifetimeMs: number;
  readonly #clock: Clock;
  readonly #onEvent: (event: TlsEvent) => void;
  readonly #reader: HelloReader;
  readonly #lookup: SessionLookup | undefined;
  readonly #handshakeDeadlines: Deadlines;
  readonly #endpoints: EndpointDirectory;
  readonly #unsubscribe: (() => void) | undefined;
  readonly #handshakes = new Set<TlsHandshake>();
  readonly #accepts = new Set<Promise<unknown>>();
  #isClosed = false;

  /** @throws RangeError where the lifetime is out of range, and what TLS throws for a bad credential */
  constructor(options: TlsAcceptorOptions) {
    if (!(options.lifetimeMs > 0) || options.lifetimeMs > tlsLimits.lifetimeMs) {
      throw new RangeError(
        `Cannot resume sessions for "${options.lifetimeMs}" ms: allowed are 1 to ${tlsLimits.lifetimeMs}`,
      );
    }
    const { resumption } = options;
    this.#kind = resumption.kind;
    this.#cache = resumption.kind === 'stateful' ? resumption.cache : undefined;
    this.#ticketKeys = resumption.kind === 'off' ? undefined : resumption.ticketKeys;
    this.#lifetimeMs = options.lifetimeMs;
    this.#clock = options.clock ?? steadyClock;
    this.#onEvent = options.onEvent ?? (() => {});
    this.#reader = new HelloReader({
      deadlineMs: options.helloDeadlineMs ?? tlsLimits.helloDeadlineMs,
      maxPending: options.maxPendingHellos ?? tlsLimits.pendingHellos,
      maxPendingPerAddress: options.maxPendingHellosPerAddress ?? tlsLimits.pendingHellosPerAddress,
    });
    this.#lookup = this.#makeLookup(options.lookupDeadlineMs ?? tlsLimits.lookupDeadlineMs);
    const handshakeDeadlineMs = options.handshakeDeadlineMs ?? tlsLimits.handshakeDeadlineMs;
    this.#handshakeDeadlines = new Deadlines(handshakeDeadlineMs);
    const mode = this.#cache === undefined ? 'none' : 'stateful';
    this.#endpoints = new EndpointDirectory(options.credentials, mode, {
      lifetimeMs: this.#lifetimeMs,
      handshakeDeadlineMs,
      policy: options.policy ?? 'intermediate',
      contexts: new AsyncLocalStorage(),
      onSession: (handshake, id, session) => this.#store(handshake, id, session),
    });
    this.#unsubscribe = this.#ticketKeys?.subscribe(() =>
      this.#endpoints.retireKeys(this.#ticketKeys?.keys ?? []),
    );
  }

  /**
   * Uses other credentials for the connections to come. Those that are there keep theirs, and sessions stay:
   * they belong to a credential's name.
   *
   * @throws RangeError where there is none, and what TLS throws for a bad one; nothing has changed then
   */
  replaceCredentials(credentials: readonly Credential[]): void {
    this.#endpoints.replace(credentials);
  }

  /** Connections that wait for their ClientHello. */
  get pendingHelloCount(): number {
    return this.#reader.pendingCount;
  }

  /**
   * Brings a connection to TLS as its server. Nobody else reads from the socket any more, and what it has
   * received but not given out must belong to TLS: after STARTTLS the owner drops pipelined octets first.
   *
   * @throws TlsAcceptError where it does not come to TLS; the socket is destroyed then
   */
  accept(socket: Socket): Promise<TlsConnection> {
    const accept = this.#accept(socket);
    const settled = accept.then(
      () => {},
      () => {},
    );
    this.#accepts.add(settled);
    void settled.then(() => this.#accepts.delete(settled));
    return accept;
  }

  /** The connection has logged in: its sessions are worth more than those of connections that have not. */
  promote(connection: TlsConnection, account: string): void {
    this.#cache?.promote(connection.sessionIds, account).catch(this.#reportCacheError);
  }

  /** Fails what is under way with `ACCEPTOR_CLOSED`, and everything later. Connections that are there stay. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#reader.close(closedError());
    for (const handshake of this.#handshakes) handshake.fail(closedError());
    await Promise.all(this.#accepts);
    this.#unsubscribe?.();
    this.#lookup?.close();
    this.#handshakeDeadlines.clear();
    this.#endpoints.retire();
  }

  async #accept(socket: Socket): Promise<TlsConnection> {
    const startedAt = this.#clock();
    const address = socket.remoteAddress;
    let found: FoundSession | undefined;
    socket.on('error', ignoreError);
    try {
      this.#checkOpen();
      const hello = await this.#reader.read(socket);
      const route = this.#route(hello);
      if (route.mode === 'stateful' && hello !== undefined) {
        found = await this.#lookup?.find(hello);
        this.#checkOpen();
      }
      const handshake = new TlsHandshake({ startedAt, address, found });
      const endpoint = this.#endpoints.find(hello?.serverName, route);
      const tlsSocket = await this.#shakeHands(socket, handshake, endpoint);
      socket.off('error', ignoreError);
      return this.#finish(tlsSocket, handshake, found, route.mode, hello?.serverName);
    } catch (cause) {
      // Its listener stays: the socket may still have an error to tell.
      socket.destroy();
      const error = cause instanceof TlsAcceptError ? cause : handshakeError(cause);
      this.#onEvent({ kind: 'failure', code: error.code, address, error });
      throw error;
    } finally {
      found?.session.fill(0);
    }
  }

  #route(hello: ClientHello | undefined): HelloRoute {
    // Of a hello that cannot be read nothing is wanted but the alert.
    if (hello === undefined) return { mode: 'none' };
    const keys = this.#ticketKeys?.keys ?? [];
    return routeHello(hello, { kind: this.#kind, keys, groups: groupCodes });
  }

  #checkOpen(): void {
    if (this.#isClosed) throw closedError();
  }

  async #shakeHands(
    socket: Socket,
    handshake: TlsHandshake,
    endpoint: TlsEndpoint,
  ): Promise<TLSSocket> {
    if (socket.destroyed) throw handshakeError(new Error('The client has left'));
    const cancel = this.#handshakeDeadlines.set(() =>
      handshake.fail(handshakeError(new Error('It takes too long'))),
    );
    // TLS tells this too, but not in the context of the connection.
    const onClose = (): void => handshake.fail(handshakeError(new Error('The client has left')));
    socket.on('close', onClose);
    this.#handshakes.add(handshake);
    try {
      return await handshake.run(() => endpoint.open(socket, handshake));
    } finally {
      cancel();
      socket.off('close', onClose);
      this.#handshakes.delete(handshake);
    }
  }

  #finish(
    socket: TLSSocket,
    handshake: TlsHandshake,
    found: FoundSession | undefined,
    mode: ResumptionMode,
    serverName: string | undefined,
  ): TlsConnection {
    const { isResumed, sessionIds } = handshake;
    const protocol = socket.getProtocol() ?? 'unknown';
    if (isResumed && found !== undefined) this.#supersede(found);
    this.#onEvent({ kind: 'handshake', outcome: isResumed ? 'resumed' : 'full', mode, protocol });
    return { socket, isResumed, mode, protocol, sessionIds, serverName };
  }

  // The client has used this session, so it will not come back with the one before. Not earlier: it may have
  // lost its connection before the successor reached it.
  #supersede({ predecessorId }: FoundSession): void {
    if (predecessorId === undefined) return;
    this.#cache?.delete(predecessorId, 'superseded').catch(this.#reportCacheError);
  }

  #makeLookup(deadlineMs: number): SessionLookup | undefined {
    const cache = this.#cache;
    if (cache === undefined) return undefined;
    return new SessionLookup({ cache, deadlineMs, clock: this.#clock, onEvent: this.#onEvent });
  }

  #store(handshake: TlsHandshake, id: Buffer, session: Buffer): void {
    handshake.sessionIds.push(id);
    const { address, startedAt, fullHandshakeAt, resumedId: predecessorId } = handshake;
    const octets = encodeStoredSession({ session, predecessorId, fullHandshakeAt });
    const chainEndsAt = fullHandshakeAt + tlsLimits.resumptionChainMs;
    const expiresAt = Math.min(startedAt + this.#lifetimeMs, chainEndsAt);
    this.#cache
      ?.put(id, octets, { expiresAt, ...(address === undefined ? {} : { address }) })
      .catch(this.#reportCacheError)
      .finally(() => {
        octets.fill(0);
        session.fill(0);
      });
  }

  readonly #reportCacheError = (error: unknown): void => {
    this.#onEvent({ kind: 'cacheError', error });
  };
}

function closedError(): TlsAcceptError {
  return new TlsAcceptError('ACCEPTOR_CLOSED', 'Cannot accept connections any more');
}

function ignoreError(): void {}

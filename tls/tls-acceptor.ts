import { AsyncLocalStorage } from 'node:async_hooks';
import { constants, createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { type Clock, steadyClock } from './clock.ts';
import type { Credential } from './credential.ts';
import { Deadlines } from './deadlines.ts';
import { HelloReader } from './hello-reader.ts';
import { tlsLimits } from './limits.ts';
import type { SessionCache } from './session-cache.ts';
import { type FoundSession, SessionLookup } from './session-lookup.ts';
import { encodeStoredSession } from './stored-session.ts';
import { TlsAcceptError } from './tls-accept-error.ts';
import type { TlsConnection } from './tls-connection.ts';
import type { TlsEvent } from './tls-event.ts';
import { TlsHandshake } from './tls-handshake.ts';

/**
 * One list for all: with Node's own a client that offers the hybrid group but sends a share for X25519 gets a
 * needless HelloRetryRequest, and then never resumes.
 */
const groups = 'X25519MLKEM768:X25519:P-256:P-384:P-521';

export interface TlsAcceptorOptions {
  readonly credential: Credential;
  /** The owner closes it. */
  readonly cache: SessionCache;
  /** How long a client can come back with a session, in milliseconds; at most seven days. */
  readonly lifetimeMs: number;
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
 * clients resume sessions of a {@link SessionCache}, in TLS 1.2 by session id and in TLS 1.3 by PSK identity.
 *
 * Node looks up TLS 1.2 sessions only: in TLS 1.3 it asks for the wrong id. So the acceptor reads the
 * ClientHello first, finds the session itself, and hands it over when Node asks.
 */
export class TlsAcceptor {
  readonly #cache: SessionCache;
  readonly #lifetimeMs: number;
  readonly #clock: Clock;
  readonly #onEvent: (event: TlsEvent) => void;
  readonly #reader: HelloReader;
  readonly #lookup: SessionLookup;
  readonly #handshakeDeadlines: Deadlines;
  // Session events carry no socket; the async context tells whose they are.
  readonly #contexts = new AsyncLocalStorage<TlsHandshake>();
  readonly #server: Server;
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
    this.#cache = options.cache;
    this.#lifetimeMs = options.lifetimeMs;
    this.#clock = options.clock ?? steadyClock;
    this.#onEvent = options.onEvent ?? (() => {});
    this.#reader = new HelloReader({
      deadlineMs: options.helloDeadlineMs ?? tlsLimits.helloDeadlineMs,
      maxPending: options.maxPendingHellos ?? tlsLimits.pendingHellos,
      maxPendingPerAddress: options.maxPendingHellosPerAddress ?? tlsLimits.pendingHellosPerAddress,
    });
    this.#lookup = new SessionLookup({
      cache: options.cache,
      deadlineMs: options.lookupDeadlineMs ?? tlsLimits.lookupDeadlineMs,
      onEvent: this.#onEvent,
    });
    const handshakeDeadlineMs = options.handshakeDeadlineMs ?? tlsLimits.handshakeDeadlineMs;
    this.#handshakeDeadlines = new Deadlines(handshakeDeadlineMs);
    this.#server = this.#makeServer(options.credential, handshakeDeadlineMs);
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
    this.#cache.promote(connection.sessionIds, account).catch(this.#reportCacheError);
  }

  /** Fails what is under way with `ACCEPTOR_CLOSED`, and everything later. Connections that are there stay. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#reader.close(closedError());
    for (const handshake of this.#handshakes) handshake.fail(closedError());
    await Promise.all(this.#accepts);
    this.#lookup.close();
    this.#handshakeDeadlines.clear();
  }

  async #accept(socket: Socket): Promise<TlsConnection> {
    const startedAt = this.#clock();
    const address = socket.remoteAddress;
    let found: FoundSession | undefined;
    socket.on('error', ignoreError);
    try {
      this.#checkOpen();
      const hello = await this.#reader.read(socket);
      found = hello === undefined ? undefined : await this.#lookup.find(hello);
      this.#checkOpen();
      const handshake = new TlsHandshake({ startedAt, address, found });
      const tlsSocket = await this.#shakeHands(socket, handshake);
      socket.off('error', ignoreError);
      return this.#finish(tlsSocket, handshake, found, hello?.serverName);
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

  #checkOpen(): void {
    if (this.#isClosed) throw closedError();
  }

  async #shakeHands(socket: Socket, handshake: TlsHandshake): Promise<TLSSocket> {
    if (socket.destroyed) throw handshakeError(new Error('The client has left'));
    const cancel = this.#handshakeDeadlines.set(() =>
      handshake.fail(handshakeError(new Error('It takes too long'))),
    );
    // TLS tells this too, but not in the context of the connection.
    const onClose = (): void => handshake.fail(handshakeError(new Error('The client has left')));
    socket.on('close', onClose);
    this.#handshakes.add(handshake);
    try {
      return await handshake.run(() =>
        this.#contexts.run(handshake, () => this.#server.emit('connection', socket)),
      );
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
    serverName: string | undefined,
  ): TlsConnection {
    const isResumed = handshake.resumedId !== undefined;
    const protocol = socket.getProtocol() ?? 'unknown';
    if (isResumed && found !== undefined) this.#supersede(found);
    this.#onEvent({ kind: 'handshake', outcome: isResumed ? 'resumed' : 'full', protocol });
    return { socket, isResumed, protocol, sessionIds: handshake.sessionIds, serverName };
  }

  // The client has used this session, so it will not come back with the one before. Not earlier: it may have
  // lost its connection before the successor reached it.
  #supersede({ predecessorId }: FoundSession): void {
    if (predecessorId === undefined) return;
    this.#cache.delete(predecessorId, 'superseded').catch(this.#reportCacheError);
  }

  #makeServer(credential: Credential, handshakeDeadlineMs: number): Server {
    const server = createServer({
      cert: credential.cert,
      key: credential.key,
      minVersion: 'TLSv1.2',
      ecdhCurve: groups,
      secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
      sessionIdContext: sessionIdContextOf(credential),
      // The cache decides. A session's own time counts in whole seconds and began up to one earlier.
      sessionTimeout: Math.ceil(this.#lifetimeMs / 1000) + 1,
      handshakeTimeout: handshakeDeadlineMs,
    });
    server.on('newSession', (id, session, done) => {
      // At once: a slow or dead cache delays no handshake.
      done();
      this.#store(id, session);
    });
    server.on('resumeSession', (_id, done) => {
      const session = this.#contexts.getStore()?.found?.session;
      if (session === undefined) done(null);
      else done(null, Buffer.from(session.buffer, session.byteOffset, session.byteLength));
    });
    server.on('secureConnection', (socket) => this.#contexts.getStore()?.succeed(socket));
    server.on('tlsClientError', (error) => this.#contexts.getStore()?.fail(handshakeError(error)));
    return server;
  }

  #store(id: Buffer, session: Buffer): void {
    const handshake = this.#contexts.getStore();
    if (handshake === undefined) return;
    handshake.sessionIds.push(id);
    const octets = encodeStoredSession({ session, predecessorId: handshake.resumedId });
    const { address } = handshake;
    this.#cache
      .put(id, octets, {
        expiresAt: handshake.startedAt + this.#lifetimeMs,
        ...(address === undefined ? {} : { address }),
      })
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

/**
 * What a session is bound to: the credential by name, since a renewed certificate keeps its sessions, and
 * whom the server trusts, since a session brings the verdict on its client certificate along.
 */
function sessionIdContextOf(credential: Credential): string {
  const trust = { certificateAuthorities: [], asksForCertificate: false, rejects: false };
  const text = JSON.stringify([credential.name, trust]);
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

function handshakeError(cause: unknown): TlsAcceptError {
  const text = cause instanceof Error ? cause.message : String(cause);
  // OpenSSL's own errors: thread, code, library, function, reason, place.
  const reason = /error:[0-9A-F]+:[^:]*:[^:]*:([^:]+)/.exec(text)?.[1] ?? text;
  return new TlsAcceptError('HANDSHAKE_FAILED', `Cannot finish the TLS handshake: ${reason}`, {
    cause,
  });
}

function closedError(): TlsAcceptError {
  return new TlsAcceptError('ACCEPTOR_CLOSED', 'Cannot accept connections any more');
}

function ignoreError(): void {}

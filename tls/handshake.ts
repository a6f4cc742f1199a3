import type { TLSSocket } from 'node:tls';
import type { ClientCertificate } from './certificates/client-certificates.ts';
import type { OwnCertificates } from './channel-binding.ts';
import type { TlsAcceptError } from './events.ts';
import type { ResumptionMode } from './hello/route.ts';
import type { FoundSession, IssuedSession } from './sessions/stored-session.ts';
import type { TicketConnection } from './tickets/ticket-hook.ts';

/** A connection whose handshake is done. */
export interface TlsConnection {
  /** The owner's from here on; it wants an `error` listener before the next event. */
  readonly socket: TLSSocket;
  /** Whether the client came back with a session. */
  readonly isResumed: boolean;
  /** How it was resumed or, after a full handshake, how the client can come back. */
  readonly mode: ResumptionMode;
  /** `TLSv1.2`, `TLSv1.3` and the like. */
  readonly protocol: string;
  /** Of the key exchange, such as `X25519MLKEM768`; `none` if there was none, `unknown` if it is not known. */
  readonly group: string;
  /** Ids of the sessions in the cache with which the client can come back. */
  readonly sessionIds: readonly Uint8Array[];
  /** The host name that the client asked for; undefined if it asked for none, or for what can be no host's name. */
  readonly serverName: string | undefined;
  /** What the client has shown in this handshake or the one it resumes, and whether it is valid; undefined: nothing. */
  readonly clientCertificate: ClientCertificate | undefined;
  /** Whether no other connection has its secret: so in TLS 1.3, and before with an extended master secret (RFC 7627). */
  readonly hasUniqueSecret: boolean;
  /** Those of the acceptor. */
  readonly ownCertificates: OwnCertificates;
}

/** What is known of a handshake when it begins. */
export interface TlsHandshakeOptions {
  /** When the connection was accepted: not after its sessions were made, in milliseconds. */
  readonly startedAt: number;
  readonly address: string | undefined;
  /** Of the server name that the client asked for, which its sessions are bound to; undefined if it asked for none. */
  readonly nameDigest: string | undefined;
  /** The session that the client asked for, if it is there. */
  readonly found: FoundSession | undefined;
  /** Whether the client is accepted only after the end, by its certificate. */
  readonly isCertificateAsked: boolean;
  /** Takes a session that the client was given, and owns it; called only once the client is accepted. */
  readonly onSession: (handshake: TlsHandshake, issued: IssuedSession) => void;
}

/** The certificate of a client that is accepted. */
export interface AcceptedCertificate {
  /** SHA-256, as 64 lower-case hexadecimal digits. */
  readonly fingerprint256: string;
  /** The instant of the wall clock from which OpenSSL must check it anew, in milliseconds since 1970. */
  readonly verdictEndsAt: number;
}

/**
 * A handshake from the ClientHello on. It is the async context of its connection and lives as long as that. So after
 * its end it only keeps what sessions need, which TLS 1.3 issues later.
 */
export class TlsHandshake {
  readonly startedAt: number;
  readonly address: string | undefined;
  readonly nameDigest: string | undefined;
  /** Ids of the sessions with which the client can come back; more may come. */
  readonly sessionIds: Uint8Array[] = [];
  /** Whether the connection stays open after its handshake when the client has closed its side. */
  isHalfOpenAllowed = false;
  /** Until the end, if its tickets are sealed by a hook. */
  ticketConnection: TicketConnection | undefined;
  readonly #onSession: TlsHandshakeOptions['onSession'];
  /** Undefined until it is known whether the client is accepted; its sessions wait for that. */
  #verdict: 'accepted' | 'failed' | undefined;
  #waiting: IssuedSession[] = [];
  #certificate: AcceptedCertificate | undefined;
  #isResumed = false;
  #isSecure = false;
  #predecessorId: Uint8Array | undefined;
  #fullHandshakeAt: number;
  #found: FoundSession | undefined;
  #resolve: ((socket: TLSSocket) => void) | undefined;
  #reject: ((error: TlsAcceptError) => void) | undefined;

  constructor(options: TlsHandshakeOptions) {
    this.startedAt = options.startedAt;
    this.address = options.address;
    this.nameDigest = options.nameDigest;
    // Until the end it counts as resumed if it can be: a chain that ends too soon only costs a full handshake.
    this.#predecessorId = options.found?.id;
    this.#fullHandshakeAt = options.found?.fullHandshakeAt ?? options.startedAt;
    this.#found = options.found;
    if (!options.isCertificateAsked) this.#verdict = 'accepted';
    this.#onSession = options.onSession;
  }

  /** Whether a session was resumed, from the cache or from a ticket; false before the end. */
  get isResumed(): boolean {
    return this.#isResumed;
  }

  /** Whether TLS has done its part: all that may come are sessions of TLS 1.3. */
  get isSecure(): boolean {
    return this.#isSecure;
  }

  /** When the chain of resumptions began that this handshake belongs to. */
  get fullHandshakeAt(): number {
    return this.#fullHandshakeAt;
  }

  /** The session to resume, until the end. */
  get found(): FoundSession | undefined {
    return this.#found;
  }

  /** Id of the session of the cache that was resumed, or before the end can be; undefined if there is none. */
  get predecessorId(): Uint8Array | undefined {
    return this.#predecessorId;
  }

  /** SHA-256 fingerprint of the client's certificate; undefined before it is accepted, or if there is none. */
  get certificate(): string | undefined {
    return this.#certificate?.fingerprint256;
  }

  /** When the verdict on this certificate ends, in milliseconds of the wall clock; undefined if there is none. */
  get verdictEndsAt(): number | undefined {
    return this.#certificate?.verdictEndsAt;
  }

  /** The client was given a session. */
  addSession(issued: IssuedSession): void {
    this.sessionIds.push(issued.id);
    if (this.#verdict === 'accepted') this.#onSession(this, issued);
    else if (this.#verdict === 'failed') issued.session.fill(0);
    else this.#waiting.push(issued);
  }

  /** The client is accepted, with this certificate if it has one. */
  accept(certificate: AcceptedCertificate | undefined): void {
    if (this.#verdict !== undefined) return;
    this.#verdict = 'accepted';
    this.#certificate = certificate;
    for (const issued of this.#waiting) this.#onSession(this, issued);
    this.#waiting = [];
  }

  /** The client may stay, but its certificate is not valid: it cannot come back with its sessions. */
  dropSessions(): void {
    this.#verdict ??= 'failed';
    for (const { session } of this.#waiting) session.fill(0);
    this.#waiting = [];
  }

  /** TLS has done its part. */
  secure(): void {
    this.#isSecure = true;
  }

  /** Begins the handshake; settles with its end. */
  run(begin: () => void): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      begin();
    });
  }

  /** Ends it well; does nothing after an end. */
  succeed(socket: TLSSocket): void {
    this.#isResumed = socket.isSessionReused();
    if (!this.#isResumed) {
      this.#predecessorId = undefined;
      this.#fullHandshakeAt = this.startedAt;
    } else if (this.#predecessorId !== undefined && socket.getProtocol() !== 'TLSv1.3') {
      // Before TLS 1.3 there is no successor: the client comes back with the same session.
      this.sessionIds.push(this.#predecessorId);
    }
    this.#resolve?.(socket);
    this.#end();
  }

  /** Ends it, and drops the sessions of a client that is not accepted; does nothing more after an end. */
  fail(error: TlsAcceptError): void {
    this.dropSessions();
    this.#reject?.(error);
    this.#end();
  }

  #end(): void {
    this.#found = undefined;
    this.ticketConnection = undefined;
    this.#resolve = undefined;
    this.#reject = undefined;
  }
}

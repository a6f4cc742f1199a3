import type { TLSSocket } from 'node:tls';
import type { FoundSession } from './session-lookup.ts';
import type { TlsAcceptError } from './tls-accept-error.ts';

export interface TlsHandshakeOptions {
  /** When the connection was accepted: not after its sessions were made, in milliseconds. */
  readonly startedAt: number;
  readonly address: string | undefined;
  /** The session that the client asked for, if it is there. */
  readonly found: FoundSession | undefined;
}

/**
 * A handshake from the ClientHello on. TLS keeps it as the async context of its connection for as long as
 * that lives, so after the end only what its sessions need is left of it: in TLS 1.3 they are issued later.
 */
export class TlsHandshake {
  readonly startedAt: number;
  readonly address: string | undefined;
  /** Ids of the sessions with which the client can come back; more may come. */
  readonly sessionIds: Uint8Array[] = [];
  #isResumed = false;
  #resumedId: Uint8Array | undefined;
  #fullHandshakeAt: number;
  #found: FoundSession | undefined;
  #resolve: ((socket: TLSSocket) => void) | undefined;
  #reject: ((error: TlsAcceptError) => void) | undefined;

  constructor(options: TlsHandshakeOptions) {
    this.startedAt = options.startedAt;
    this.address = options.address;
    this.#fullHandshakeAt = options.startedAt;
    this.#found = options.found;
  }

  /** Whether a session was resumed, from the cache or from a ticket; false before the end. */
  get isResumed(): boolean {
    return this.#isResumed;
  }

  /** When the chain of resumptions began that this handshake belongs to. */
  get fullHandshakeAt(): number {
    return this.#fullHandshakeAt;
  }

  /** The session to resume, until the end. */
  get found(): FoundSession | undefined {
    return this.#found;
  }

  /** Id of the session of the cache that was resumed; undefined before the end, and where there is none. */
  get resumedId(): Uint8Array | undefined {
    return this.#resumedId;
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
    if (this.#found !== undefined && this.#isResumed) {
      this.#resumedId = this.#found.id;
      this.#fullHandshakeAt = this.#found.fullHandshakeAt;
      // TLS 1.2 issues no successor: the client comes back with the same session.
      if (socket.getProtocol() === 'TLSv1.2') this.sessionIds.push(this.#found.id);
    }
    this.#resolve?.(socket);
    this.#end();
  }

  /** Ends it; does nothing after an end. */
  fail(error: TlsAcceptError): void {
    this.#reject?.(error);
    this.#end();
  }

  #end(): void {
    this.#found = undefined;
    this.#resolve = undefined;
    this.#reject = undefined;
  }
}

import type { Clock } from './clock.ts';
import { type ClientHello, tls13 } from './client-hello.ts';
import { Deadlines } from './deadlines.ts';
import { tlsLimits } from './limits.ts';
import type { PurgedCertificates } from './purged-certificates.ts';
import type { SessionCache } from './session-cache.ts';
import { decodeStoredSession, type StoredSession } from './stored-session.ts';
import type { TlsEvent } from './tls-event.ts';

/** Ids that OpenSSL makes; in TLS 1.3 they are the PSK identity. */
const sessionIdBytes = 32;

/** A session that was found for a client. */
export interface FoundSession extends StoredSession {
  readonly id: Uint8Array;
}

/** Where a {@link SessionLookup} looks, and how long. */
export interface SessionLookupOptions {
  readonly cache: SessionCache;
  /** Past this the client gets a full handshake, in milliseconds. */
  readonly deadlineMs: number;
  readonly clock: Clock;
  readonly purged: PurgedCertificates;
  readonly onEvent: (event: TlsEvent) => void;
}

/** Finds the session that a client wants to resume. */
export class SessionLookup {
  readonly #cache: SessionCache;
  readonly #deadlines: Deadlines;
  readonly #clock: Clock;
  readonly #purged: PurgedCertificates;
  readonly #onEvent: (event: TlsEvent) => void;

  constructor(options: SessionLookupOptions) {
    this.#cache = options.cache;
    this.#deadlines = new Deadlines(options.deadlineMs);
    this.#clock = options.clock;
    this.#purged = options.purged;
    this.#onEvent = options.onEvent;
  }

  /** The session, which the caller overwrites after use, or undefined. It settles before the deadline and never rejects. */
  async find(hello: ClientHello): Promise<FoundSession | undefined> {
    const id = wantedSessionId(hello);
    if (id === undefined) return undefined;
    const stored = await this.#lookUp(id);
    // A copy, since the id is a view on all that the client sent.
    return stored && { ...stored, id: Uint8Array.from(id) };
  }

  close(): void {
    this.#deadlines.clear();
  }

  // Sessions expire with their chain, and go with a purge; this is for caches that held them for longer.
  #judge({ fullHandshakeAt, certificate }: StoredSession): 'hit' | 'expired' | 'unknown' {
    if (this.#clock() >= fullHandshakeAt + tlsLimits.resumptionChainMs) return 'expired';
    const isPurged = certificate !== undefined && this.#purged.has(certificate, fullHandshakeAt);
    return isPurged ? 'unknown' : 'hit';
  }

  // A cache of others may throw at once, and has its own ways to say that it found nothing.
  async #get(id: Uint8Array): Promise<Uint8Array | undefined> {
    const bytes: unknown = await this.#cache.get(id);
    return bytes instanceof Uint8Array ? bytes : undefined;
  }

  #lookUp(id: Uint8Array): Promise<StoredSession | undefined> {
    return new Promise((resolve) => {
      let isOver = false;
      const settle = (failure: 'unknown' | 'timeout' | 'error', bytes?: Uint8Array) => {
        if (isOver) {
          bytes?.fill(0);
          return;
        }
        isOver = true;
        cancel();
        const stored = bytes && decodeStoredSession(bytes);
        const result = stored === undefined ? failure : this.#judge(stored);
        if (result !== 'hit') bytes?.fill(0);
        this.#onEvent({ kind: 'lookup', result });
        resolve(result === 'hit' ? stored : undefined);
      };
      const cancel = this.#deadlines.set(() => settle('timeout'));
      this.#get(id).then(
        (bytes) => settle('unknown', bytes),
        (error: unknown) => {
          this.#onEvent({ kind: 'cacheError', error });
          settle('error');
        },
      );
    });
  }
}

/**
 * The id of the session that can be resumed, if any.
 *
 * In TLS 1.3 only the first PSK identity counts: a session given to OpenSSL for another one fails its binder,
 * and with it the handshake. In TLS 1.2 a session is resumed only with an extended master secret, which binds
 * it to the handshake it came from.
 *
 * @see RFC 8446, section 4.2.11; RFC 7627, section 5.3
 */
function wantedSessionId(hello: ClientHello): Uint8Array | undefined {
  const isTls13 = hello.supportedVersions.includes(tls13);
  if (!isTls13 && !hello.hasExtendedMasterSecret) return undefined;
  const id = isTls13 ? hello.pskIdentities[0] : hello.legacySessionId;
  return id?.length === sessionIdBytes ? id : undefined;
}

import type { ClientHello } from './client-hello.ts';
import type { Clock } from './clock.ts';
import { tlsLimits } from './limits.ts';
import { PurgedCertificates } from './purged-certificates.ts';
import type { SessionCache } from './session-cache.ts';
import { type FoundSession, SessionLookup } from './session-lookup.ts';
import { encodeStoredSession } from './stored-session.ts';
import type { TlsEvent } from './tls-event.ts';
import type { IssuedSession, TlsHandshake } from './tls-handshake.ts';

/** Where sessions are kept, and how long. */
export interface TlsSessionsOptions {
  readonly cache: SessionCache;
  readonly lifetimeMs: number;
  readonly clock: Clock;
  /** For finding a session, in milliseconds. */
  readonly lookupDeadlineMs: number;
  readonly onEvent: (event: TlsEvent) => void;
}

/** What an acceptor does with its session cache. Nothing of it waits for the cache but finding, with a deadline. */
export class TlsSessions {
  readonly #cache: SessionCache;
  readonly #lifetimeMs: number;
  readonly #clock: Clock;
  readonly #onEvent: (event: TlsEvent) => void;
  readonly #purged = new PurgedCertificates();
  readonly #lookup: SessionLookup;

  constructor(options: TlsSessionsOptions) {
    const { cache, clock, lookupDeadlineMs: deadlineMs, onEvent } = options;
    this.#cache = cache;
    this.#lifetimeMs = options.lifetimeMs;
    this.#clock = clock;
    this.#onEvent = onEvent;
    this.#lookup = new SessionLookup({ cache, clock, deadlineMs, onEvent, purged: this.#purged });
  }

  /** The session that the client of a hello wants to resume; the caller overwrites it after use. Never rejects. */
  find(hello: ClientHello): Promise<FoundSession | undefined> {
    return this.#lookup.find(hello);
  }

  /** Stores a session that a client was given, and overwrites it. */
  keep(handshake: TlsHandshake, { id, session }: IssuedSession): void {
    const { address, startedAt, fullHandshakeAt, predecessorId, certificate } = handshake;
    const bytes = encodeStoredSession({ session, predecessorId, fullHandshakeAt, certificate });
    const chainEndsAt = fullHandshakeAt + tlsLimits.resumptionChainMs;
    const expiresAt = Math.min(startedAt + this.#lifetimeMs, chainEndsAt);
    void this.#tell(() =>
      this.#cache.put(id, bytes, {
        expiresAt,
        ...(address !== undefined && { address }),
        ...(certificate !== undefined && { certificate }),
      }),
    ).then(() => {
      bytes.fill(0);
      session.fill(0);
    });
  }

  /**
   * The client has used this session, so it will not come back with the one before. Not earlier: it may have
   * lost its connection before the successor reached it.
   */
  supersede({ predecessorId }: FoundSession): void {
    if (predecessorId === undefined) return;
    void this.#tell(() => this.#cache.delete(predecessorId, 'superseded'));
  }

  promote(ids: readonly Uint8Array[], account: string): void {
    void this.#tell(() => this.#cache.promote(ids, account));
  }

  /** Finds no session any more that was made with a client certificate before now. */
  forgetCertificate(fingerprint256: string): void {
    this.#purged.add(fingerprint256, this.#clock());
  }

  close(): void {
    this.#lookup.close();
  }

  /** Nobody waits for it, and whatever a cache does nothing else fails. */
  async #tell(call: () => Promise<void>): Promise<void> {
    try {
      await call();
    } catch (error) {
      this.#onEvent({ kind: 'cacheError', error });
    }
  }
}

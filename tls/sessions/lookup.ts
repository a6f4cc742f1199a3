import type { TlsEvent } from '../events.ts';
import { type ClientHello, tls13 } from '../hello/client-hello.ts';
import { tlsLimits } from '../limits.ts';
import { type Clock, Deadlines } from '../time.ts';
import { type Answer, type SessionCache, sessionIdBytes } from './session-cache.ts';
import {
  decodeStoredSession,
  encodeStoredSession,
  type FoundSession,
  type IssuedSession,
  type StoredSession,
} from './stored-session.ts';

/** The cache in which sessions are stored, and how long. */
export interface TlsSessionsOptions {
  readonly cache: SessionCache;
  readonly lifetimeMs: number;
  readonly clock: Clock;
  /** The clock for dates in certificates and revocation lists. */
  readonly wallClock: Clock;
  /** For finding a session, in milliseconds. */
  readonly lookupDeadlineMs: number;
  readonly onEvent: (event: TlsEvent) => void;
}

/** The handshake that a session comes from, with all that is stored beside the session. */
export interface SessionOrigin extends Omit<StoredSession, 'session'> {
  /** When the connection was accepted, in milliseconds of the cache's clock. */
  readonly startedAt: number;
  /** The client's; undefined if it is not known. */
  readonly address: string | undefined;
}

/** What an acceptor does with its session cache. Only `find` waits for the cache, and has a deadline. */
export class TlsSessions {
  readonly #cache: SessionCache;
  readonly #lifetimeMs: number;
  readonly #clock: Clock;
  readonly #wallClock: Clock;
  readonly #onEvent: (event: TlsEvent) => void;
  readonly #purged = new PurgedCertificates();
  readonly #lookup: SessionLookup;

  constructor(options: TlsSessionsOptions) {
    const { cache, clock, wallClock, lookupDeadlineMs: deadlineMs, onEvent } = options;
    this.#cache = cache;
    this.#lifetimeMs = options.lifetimeMs;
    this.#clock = clock;
    this.#wallClock = wallClock;
    this.#onEvent = onEvent;
    const purged = this.#purged;
    this.#lookup = new SessionLookup({ cache, clock, wallClock, deadlineMs, onEvent, purged });
  }

  /**
   * The session that the client of a hello wants to resume; the caller overwrites it after use. Never rejects.
   *
   * @param nameDigest - of the server name that the client asks for, if it does
   */
  find(hello: ClientHello, nameDigest: string | undefined): Answer<FoundSession | undefined> {
    return this.#lookup.find(hello, nameDigest);
  }

  /** Stores a session that a client was given, and overwrites it. */
  keep(origin: SessionOrigin, { id, session }: IssuedSession): void {
    const { address, startedAt, fullHandshakeAt, certificate } = origin;
    const { predecessorId, nameDigest, verdictEndsAt } = origin;
    const bytes = encodeStoredSession({
      session,
      predecessorId,
      fullHandshakeAt,
      nameDigest,
      certificate,
      verdictEndsAt,
    });
    const expiresAt = Math.min(
      startedAt + this.#lifetimeMs,
      fullHandshakeAt + tlsLimits.resumptionChainMs,
      this.#clock() + ((verdictEndsAt ?? Infinity) - this.#wallClock()),
    );
    const clean = (): void => {
      bytes.fill(0);
      session.fill(0);
    };
    const told = this.#tell(() =>
      this.#cache.put(id, bytes, {
        expiresAt,
        ...(address !== undefined && { address }),
        ...(certificate !== undefined && { certificate }),
      }),
    );
    if (told === undefined) clean();
    else void told.then(clean);
  }

  /**
   * The client has used this session, so it will not come back with the one before. Before that it might: its
   * connection may have been lost before this session reached it.
   */
  supersede({ predecessorId }: FoundSession): void {
    if (predecessorId === undefined) return;
    void this.#tell(() => this.#cache.delete(predecessorId, 'superseded'));
  }

  promote(ids: readonly Uint8Array[], account: string): void {
    void this.#tell(() => this.#cache.promote(ids, account));
  }

  /** Finds no session any more that was made with a client certificate before its purge. */
  forgetCertificate(fingerprint256: string, purgedAt: number): void {
    this.#purged.add(fingerprint256, purgedAt);
  }

  /** Whether a session was made with a certificate that was purged since. */
  isForgotten(session: FoundSession): boolean {
    return this.#purged.covers(session);
  }

  close(): void {
    this.#lookup.close();
  }

  /**
   * Tells the cache something that nobody waits for; if it fails, that is only an event. Returns when it is done, undefined if it
   * is already.
   */
  #tell(call: () => Answer<void>): Promise<unknown> | undefined {
    const fail = (error: unknown): void => this.#onEvent({ kind: 'cacheError', error });
    try {
      const answer: unknown = call();
      return isPromise(answer) ? Promise.resolve(answer).then(undefined, fail) : undefined;
    } catch (error) {
      fail(error);
      return undefined;
    }
  }
}

/** The cache that a {@link SessionLookup} asks, and how long. */
export interface SessionLookupOptions {
  readonly cache: SessionCache;
  /** Past this the client gets a full handshake, in milliseconds. */
  readonly deadlineMs: number;
  readonly clock: Clock;
  /** The clock for dates in certificates and revocation lists. */
  readonly wallClock: Clock;
  readonly purged: PurgedCertificates;
  readonly onEvent: (event: TlsEvent) => void;
}

/** Finds the session that a client wants to resume. */
export class SessionLookup {
  readonly #cache: SessionCache;
  readonly #deadlines: Deadlines;
  readonly #clock: Clock;
  readonly #wallClock: Clock;
  readonly #purged: PurgedCertificates;
  readonly #onEvent: (event: TlsEvent) => void;

  constructor(options: SessionLookupOptions) {
    this.#cache = options.cache;
    this.#deadlines = new Deadlines(options.deadlineMs);
    this.#clock = options.clock;
    this.#wallClock = options.wallClock;
    this.#purged = options.purged;
    this.#onEvent = options.onEvent;
  }

  /**
   * Finds the session, which the caller overwrites after use: at once, if the cache knows at once. Settles by the deadline, and never
   * rejects.
   */
  find(hello: ClientHello, nameDigest: string | undefined): Answer<FoundSession | undefined> {
    const id = wantedSessionId(hello);
    if (id === undefined) return undefined;
    try {
      // A cache from a module may throw at once, and may return something else than undefined if it found nothing.
      const answer: unknown = this.#cache.get(id);
      if (answer instanceof Uint8Array) return this.#take(id, answer, nameDigest);
      return isPromise(answer) ? this.#wait(id, answer, nameDigest) : this.#miss('unknown');
    } catch (error) {
      return this.#fail(error);
    }
  }

  close(): void {
    this.#deadlines.clear();
  }

  /**
   * Whether a session may be resumed under this server name. A cache removes sessions by itself when their chain ends
   * and in a purge; this also holds for caches that keep them longer. The verdict on a certificate is checked by the
   * wall clock, since that of the cache stands still while a virtual machine sleeps.
   *
   * @see RFC 6066, section 3: no session is resumed under another name
   */
  #check(session: StoredSession, wantedDigest: string | undefined): 'hit' | 'expired' | 'unknown' {
    const { fullHandshakeAt, nameDigest, verdictEndsAt = Infinity } = session;
    // A client that asks for no name has sessions of its own.
    if (nameDigest !== wantedDigest) return 'unknown';
    if (this.#clock() >= fullHandshakeAt + tlsLimits.resumptionChainMs) return 'expired';
    if (this.#wallClock() >= verdictEndsAt) return 'expired';
    return this.#purged.covers(session) ? 'unknown' : 'hit';
  }

  /** What was found, if it may be resumed. */
  #take(
    id: Uint8Array,
    bytes: Uint8Array,
    nameDigest: string | undefined,
  ): FoundSession | undefined {
    const stored = decodeStoredSession(bytes);
    const result = stored === undefined ? 'unknown' : this.#check(stored, nameDigest);
    if (stored === undefined || result !== 'hit') bytes.fill(0);
    this.#onEvent({ kind: 'lookup', result });
    return stored !== undefined && result === 'hit' ? { ...stored, id } : undefined;
  }

  #miss(result: 'unknown' | 'timeout' | 'error'): undefined {
    this.#onEvent({ kind: 'lookup', result });
  }

  #fail(error: unknown): undefined {
    this.#onEvent({ kind: 'cacheError', error });
    return this.#miss('error');
  }

  #wait(
    id: Uint8Array,
    answer: PromiseLike<unknown>,
    nameDigest: string | undefined,
  ): Promise<FoundSession | undefined> {
    return new Promise((resolve) => {
      let isOver = false;
      /** Settles with this; false if it was settled before. */
      const end = (): boolean => {
        if (isOver) return false;
        isOver = true;
        cancel();
        return true;
      };
      const cancel = this.#deadlines.set(() => {
        if (end()) resolve(this.#miss('timeout'));
      });
      answer.then(
        (bytes) => {
          const session = bytes instanceof Uint8Array ? bytes : undefined;
          if (!end()) session?.fill(0);
          else resolve(session ? this.#take(id, session, nameDigest) : this.#miss('unknown'));
        },
        (error: unknown) => {
          if (end()) resolve(this.#fail(error));
          else this.#onEvent({ kind: 'cacheError', error });
        },
      );
    });
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
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

/**
 * Client certificates whose sessions count no more, for as long as there may be one of them: in a cache that
 * could not be reached, or in a lookup that was under way.
 */
export class PurgedCertificates {
  readonly #purgedAt = new Map<string, number>();

  add(fingerprint256: string, nowMs: number): void {
    for (const [other, purgedAt] of this.#purgedAt) {
      if (nowMs < purgedAt + tlsLimits.resumptionChainMs) break;
      this.#purgedAt.delete(other);
    }
    // In the order of time.
    this.#purgedAt.delete(fingerprint256);
    this.#purgedAt.set(fingerprint256, nowMs);
  }

  /** Whether a session was made with a certificate that was purged since its full handshake. */
  covers({
    certificate,
    fullHandshakeAt,
  }: Pick<StoredSession, 'certificate' | 'fullHandshakeAt'>): boolean {
    const purgedAt = certificate === undefined ? undefined : this.#purgedAt.get(certificate);
    return purgedAt !== undefined && fullHandshakeAt <= purgedAt;
  }
}

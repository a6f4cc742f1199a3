import {
  type PurgeOwner,
  RandomTicketKeys,
  type Resumption,
  type SessionCache,
  type SessionCacheStats,
  type TicketKeySource,
} from '../../tls/index.ts';

/** The sessions of a server, as an operator is shown them. */
export interface SessionReport {
  /** How clients come back. */
  readonly kind: Resumption['kind'];
  readonly stats: SessionCacheStats;
  /** Age of the oldest session in seconds; absent where there is none, or where it is not known. */
  readonly oldestSeconds?: number;
}

/** What a purge has done. */
export interface PurgeReport {
  /** Sessions that are gone from the cache. */
  readonly purgedCount: number;
  /** Whether clients may still come back with tickets that they had before. */
  readonly areTicketsLeft: boolean;
}

/** What an operator can do with the TLS sessions of a running server. */
export interface SessionAdministration {
  sessionReport(): Promise<SessionReport>;
  purgeSessions(owner: PurgeOwner): Promise<PurgeReport>;
}

/** The caches that an administration of sessions looks into. */
export interface CachedSessionsOptions {
  readonly kind: Resumption['kind'];
  readonly cache: SessionCache;
  readonly ticketKeys: TicketKeySource;
  /** Of the cache. */
  readonly clock: () => number;
  /** The name of an account as it is written; rejects with a `StoreError` where there is none. */
  readonly accountName: (name: string) => Promise<string>;
  /** Called when the sessions of a client certificate are purged. */
  readonly onCertificatePurged?: (fingerprint256: string) => void;
}

/** The sessions in the cache of this process. */
export class CachedSessions implements SessionAdministration {
  readonly #options: CachedSessionsOptions;

  constructor(options: CachedSessionsOptions) {
    this.#options = options;
  }

  async sessionReport(): Promise<SessionReport> {
    const { kind, cache, clock } = this.#options;
    const stats = cache.stats();
    const { oldestAt } = stats;
    return {
      kind,
      stats,
      ...(oldestAt !== undefined && { oldestSeconds: Math.max(0, (clock() - oldestAt) / 1000) }),
    };
  }

  async purgeSessions(owner: PurgeOwner): Promise<PurgeReport> {
    const { kind, cache, ticketKeys, accountName, onCertificatePurged } = this.#options;
    // First, since a lookup may be under way that finds the session just before it is purged.
    if (typeof owner === 'object' && 'certificate' in owner)
      onCertificatePurged?.(owner.certificate);
    const purgedCount = await cache.purge(
      typeof owner === 'object' && 'account' in owner
        ? { account: await accountName(owner.account) }
        : owner,
    );
    // Clients that show a certificate are never given tickets.
    const isCertificate = typeof owner === 'object' && 'certificate' in owner;
    if (kind === 'off' || isCertificate) return { purgedCount, areTicketsLeft: false };
    if (owner !== 'all') return { purgedCount, areTicketsLeft: true };
    return { purgedCount, areTicketsLeft: !dropTicketKeys(ticketKeys) };
  }
}

/** False where the keys come from a secret, and so would be the same again. */
function dropTicketKeys(ticketKeys: TicketKeySource): boolean {
  if (!(ticketKeys instanceof RandomTicketKeys)) return false;
  // The key that seals now opens tickets until the second rotation.
  ticketKeys.rotate();
  ticketKeys.rotate();
  return true;
}

import { type Account } from '../../store/mail-store.ts';
import {
  type Clock,
  makeSentCalls,
  PurgeError,
  type PurgeOwner,
  RandomTicketKeys,
  type Resumption,
  type SessionCache,
  type SessionCacheStats,
  type TicketKeySource,
} from '../../tls/index.ts';
import type { HandshakeCount } from '../metrics/handshake-counts.ts';
import type { ServerMetrics } from '../metrics/server-metrics.ts';
import type { MailServer } from '../threads/mail-server.ts';

/** The sessions of a server, as an operator is shown them. */
export interface SessionReport {
  /** How clients come back. */
  readonly kind: Resumption['kind'];
  readonly stats: SessionCacheStats;
  /** Age of the oldest session in seconds; absent if there is none, or if it is not known. */
  readonly oldestSeconds?: number;
  /** Since the start, by how clients come back. */
  readonly handshakes: readonly HandshakeCount[];
  /** Since the start: sessions that clients asked for, by what became of it. */
  readonly lookups: Readonly<Record<string, number>>;
  /** Since the start, by the group of the key exchange. */
  readonly groups: Readonly<Record<string, number>>;
}

/** What a purge has done. */
export interface PurgeReport {
  /** How clients come back. */
  readonly kind: Resumption['kind'];
  /** Sessions that are gone from the cache. */
  readonly purgedCount: number;
  /** Connections that were told to end; absent for a purge of everything, which ends none. */
  readonly endedCount?: number;
  /** Whether clients may still come back with tickets that they had before. */
  readonly areTicketsLeft: boolean;
  /** What was not done, and why; a sentence each. Empty if all was done. */
  readonly problems: readonly string[];
}

/** What an operator can do with the TLS sessions of a running server. */
export interface SessionAdministration {
  sessionReport(): Promise<SessionReport>;
  /** Purges as much as it can; rejects with a `StoreError` if there is no such account. */
  purgeSessions(owner: PurgeOwner): Promise<PurgeReport>;
}

/** The caches that an administration of sessions looks into, and the connections that it ends. */
export interface CachedSessionsOptions {
  readonly kind: Resumption['kind'];
  readonly cache: SessionCache;
  readonly ticketKeys: TicketKeySource;
  /** Whether clients may be given tickets: those that show a certificate never are. */
  readonly areTicketsAllowed: boolean;
  /** Of the cache. */
  readonly clock: Clock;
  /** The account of a name as people write it; rejects with a `StoreError` if there is none. */
  readonly findAccount: (name: string) => Promise<Pick<Account, 'id' | 'name'>>;
  readonly mailServer: Pick<MailServer, 'disconnect' | 'forgetCertificate'>;
  readonly metrics: Pick<ServerMetrics, 'handshakes' | 'lookups' | 'groups'>;
  /** Called with what a purge of the cache rejects with; it must not throw. */
  readonly onError: (error: unknown) => void;
}

/** The sessions in the cache of this process. */
export class CachedSessions implements SessionAdministration {
  readonly #options: CachedSessionsOptions;

  constructor(options: CachedSessionsOptions) {
    this.#options = options;
  }

  async sessionReport(): Promise<SessionReport> {
    const { kind, cache, clock, metrics } = this.#options;
    const stats = cache.stats();
    const { oldestAt } = stats;
    return {
      kind,
      stats,
      ...(oldestAt !== undefined && { oldestSeconds: Math.max(0, (clock() - oldestAt) / 1000) }),
      handshakes: metrics.handshakes(),
      lookups: metrics.lookups(),
      groups: metrics.groups(),
    };
  }

  async purgeSessions(owner: PurgeOwner): Promise<PurgeReport> {
    if (owner === 'all') return this.#purgeAll();
    if ('certificate' in owner) return this.#purgeCertificate(owner.certificate);
    return this.#purgeAccount(owner.account);
  }

  async #purgeAll(): Promise<PurgeReport> {
    const { kind, ticketKeys } = this.#options;
    const hadTickets = this.#mayHaveTickets;
    const { purgedCount, problems } = await this.#purgeCache('all');
    const areTicketsLeft = !dropTicketKeys(ticketKeys) && hadTickets;
    return {
      kind,
      purgedCount,
      areTicketsLeft,
      problems: areTicketsLeft && kind === 'tickets' ? [...problems, secretTickets] : problems,
    };
  }

  async #purgeCertificate(certificate: string): Promise<PurgeReport> {
    const { kind, mailServer, clock } = this.#options;
    // First, since a lookup may be under way that finds the session just before it is purged.
    mailServer.forgetCertificate(certificate, clock());
    const text = 'Sessions of your certificate have been purged, connect again';
    const disconnected = await this.#disconnect({ certificate }, text);
    const { purgedCount, problems } = await this.#purgeCache({ certificate });
    return {
      kind,
      purgedCount,
      endedCount: disconnected.endedCount,
      // Clients that show a certificate are never given tickets.
      areTicketsLeft: false,
      problems: [...disconnected.problems, ...problems],
    };
  }

  async #purgeAccount(name: string): Promise<PurgeReport> {
    const { kind, findAccount } = this.#options;
    const account = await findAccount(name);
    const text = 'Sessions of your account have been purged, log in again';
    // First: what they have told the cache before they end is purged with the rest.
    const disconnected = await this.#disconnect({ accountId: account.id }, text);
    const { purgedCount, problems } = await this.#purgeCache({ account: account.name });
    return {
      kind,
      purgedCount,
      endedCount: disconnected.endedCount,
      areTicketsLeft: this.#mayHaveTickets,
      problems: [
        ...disconnected.problems,
        ...problems,
        ...(kind === 'tickets' ? [nobodysTickets] : []),
      ],
    };
  }

  /** Whether any client may have a ticket that counts. */
  get #mayHaveTickets(): boolean {
    const { kind, ticketKeys, areTicketsAllowed, metrics } = this.#options;
    if (kind === 'off' || !areTicketsAllowed) return false;
    if (kind === 'tickets') return true;
    // Keys from a secret open tickets of other machines, and from before this start.
    const areOwnKeys = ticketKeys instanceof RandomTicketKeys;
    return !areOwnKeys || metrics.handshakes().some(({ mode }) => mode === 'ticket');
  }

  async #disconnect(...args: Parameters<MailServer['disconnect']>) {
    const { count: endedCount, silentCount } = await this.#options.mailServer.disconnect(...args);
    const problems =
      silentCount === 0
        ? []
        : [`Workers that do not answer: "${silentCount}", whose connections may go on`];
    return { endedCount, problems };
  }

  async #purgeCache(owner: PurgeOwner): Promise<Pick<PurgeReport, 'purgedCount' | 'problems'>> {
    const { cache, onError } = this.#options;
    makeSentCalls(cache);
    try {
      const purgedCount: unknown = await cache.purge(owner);
      // A cache of the operator's may return anything.
      return { purgedCount: typeof purgedCount === 'number' ? purgedCount : 0, problems: [] };
    } catch (error) {
      onError(error);
      if (error instanceof PurgeError) {
        return { purgedCount: error.purgedCount, problems: [error.message] };
      }
      const reason = error instanceof Error ? error.message : String(error);
      const problem = `The session cache has failed, so sessions may be left in it: ${reason}`;
      return { purgedCount: 0, problems: [problem] };
    }
  }
}

const nobodysTickets =
  'Clients come back with tickets here (REPRISE_SESSION_CACHE=tickets), which nobody can tell apart by account: ' +
  'those of the account still count. To end all tickets of all clients: reprise sessions purge --all';

const secretTickets =
  'Clients come back with tickets here (REPRISE_SESSION_CACHE=tickets), and the keys of these are made from ' +
  'REPRISE_SESSION_SECRET: all of them still count. To end them, set another secret and start the server again';

/** False if the keys come from a secret, and so would be the same again. */
function dropTicketKeys(ticketKeys: TicketKeySource): boolean {
  if (!(ticketKeys instanceof RandomTicketKeys)) return false;
  // The key that seals now opens tickets until the second rotation.
  ticketKeys.rotate();
  ticketKeys.rotate();
  return true;
}

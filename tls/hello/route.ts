import type { SessionCache } from '../sessions/session-cache.ts';
import type { TicketKeySource } from '../tickets/ticket-keys.ts';
import type { TicketRoute, TicketRoutes } from '../tickets/ticket-routes.ts';
import { type ClientHello, tls13 } from './client-hello.ts';

/**
 * How clients come back with a short handshake:
 *
 * - `stateful`: sessions lie in a cache. Clients of TLS 1.3 who cannot be served so, since they send no legacy
 *   session id or need a HelloRetryRequest, get tickets.
 * - `tickets`: the client keeps its session, sealed with a ticket key; the server keeps nothing. In TLS 1.3 a
 *   client gets two tickets with a full handshake and one with each resumed one.
 * - `off`: every handshake is a full one. TLS 1.2 is given session ids nevertheless, since some old clients
 *   cannot do without.
 *
 * The owner closes the cache and the keys.
 */
export type Resumption =
  | {
      readonly kind: 'stateful';
      readonly cache: SessionCache;
      readonly ticketKeys: TicketKeySource;
    }
  | { readonly kind: 'tickets'; readonly ticketKeys: TicketKeySource }
  | { readonly kind: 'off' };

/** How one connection was resumed, or can be later. */
export type ResumptionMode = 'stateful' | 'ticket' | 'none';

/** Where a connection is handed over to. */
export type HelloRoute = { readonly mode: Exclude<ResumptionMode, 'ticket'> } | TicketRoute;

/** What decides about the way of a hello. */
export interface HelloRouteOptions {
  readonly kind: Resumption['kind'];
  /** Absent: there are to be no tickets. */
  readonly tickets: TicketRoutes | undefined;
  /** Named groups that the server takes key shares of. */
  readonly groups: readonly number[];
}

const stateful: HelloRoute = { mode: 'stateful' };
const none: HelloRoute = { mode: 'none' };

/**
 * Chooses how the client of a hello is to resume, now and later.
 *
 * TLS before 1.3 resumes only with an extended master secret, which binds a session to its handshake
 * (RFC 7627, section 5.3). TLS 1.3 resumes from the cache only if Node asks for sessions: if the hello has a legacy
 * session id, and a key share for which no second hello is needed. Other clients get tickets.
 */
export function routeHello(hello: ClientHello, options: HelloRouteOptions): HelloRoute {
  if (options.kind === 'off') return none;
  return hello.supportedVersions.includes(tls13)
    ? routeTls13(hello, options)
    : routeBeforeTls13(hello, options);
}

function routeTls13(hello: ClientHello, { kind, tickets, groups }: HelloRouteOptions): HelloRoute {
  const resumed = tickets?.toResume(hello);
  if (resumed !== undefined) return resumed;
  const canLookUp =
    hello.legacySessionId.length > 0 &&
    hello.keyShareGroups.some((group) => groups.includes(group));
  return kind === 'stateful' && canLookUp ? stateful : (tickets?.toBegin(hello) ?? none);
}

function routeBeforeTls13(hello: ClientHello, { kind, tickets }: HelloRouteOptions): HelloRoute {
  if (!hello.hasExtendedMasterSecret) return none;
  const resumed = tickets?.toResume(hello);
  if (resumed !== undefined) return resumed;
  if (kind === 'stateful') return stateful;
  return hello.sessionTicket === undefined ? none : (tickets?.toBegin(hello) ?? none);
}

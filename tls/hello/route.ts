import type { SessionCache } from '../sessions/session-cache.ts';
import { findTicketKey, type TicketKey, type TicketKeySource } from '../tickets/ticket-keys.ts';
import { type ClientHello, tls13 } from './client-hello.ts';

/**
 * How clients come back with a short handshake:
 *
 * - `stateful`: sessions lie in a cache. Clients of TLS 1.3 who cannot be served so, since they send no legacy
 *   session id or need a HelloRetryRequest, get tickets.
 * - `tickets`: the client keeps its session, sealed with a ticket key; the server keeps nothing. In TLS 1.3 a
 *   client gets two tickets with a full handshake and none with a resumed one, so one that uses each of them
 *   only once resumes twice.
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
export type HelloRoute =
  | { readonly mode: Exclude<ResumptionMode, 'ticket'> }
  | { readonly mode: 'ticket'; readonly key: TicketKey };

/** What decides about the way of a hello. */
export interface HelloRouteOptions {
  readonly kind: Resumption['kind'];
  /** Keys that open tickets, the first of which seals; empty where there are to be no tickets. */
  readonly keys: readonly TicketKey[];
  /** Named groups that the server takes key shares of. */
  readonly groups: readonly number[];
}

const stateful: HelloRoute = { mode: 'stateful' };
const none: HelloRoute = { mode: 'none' };

/**
 * Chooses how the client of a hello is to resume, now and later.
 *
 * TLS before 1.3 resumes only with an extended master secret, which binds a session to its handshake
 * (RFC 7627, section 5.3). TLS 1.3 resumes from the cache only where Node asks for sessions: where the hello
 * has a legacy session id, and no second hello is needed for want of a key share. Other clients take tickets.
 */
export function routeHello(hello: ClientHello, options: HelloRouteOptions): HelloRoute {
  if (options.kind === 'off') return none;
  return hello.supportedVersions.includes(tls13)
    ? routeTls13(hello, options)
    : routeBeforeTls13(hello, options);
}

function routeTls13(hello: ClientHello, { kind, keys, groups }: HelloRouteOptions): HelloRoute {
  for (const identity of hello.pskIdentities) {
    const key = findTicketKey(keys, identity);
    if (key !== undefined) return { mode: 'ticket', key };
  }
  const canLookUp =
    hello.legacySessionId.length > 0 &&
    hello.keyShareGroups.some((group) => groups.includes(group));
  return kind === 'stateful' && canLookUp ? stateful : newTicket(keys);
}

function routeBeforeTls13(hello: ClientHello, { kind, keys }: HelloRouteOptions): HelloRoute {
  if (!hello.hasExtendedMasterSecret) return none;
  const { sessionTicket } = hello;
  const key = sessionTicket && findTicketKey(keys, sessionTicket);
  if (key !== undefined) return { mode: 'ticket', key };
  if (kind === 'stateful') return stateful;
  return sessionTicket === undefined ? none : newTicket(keys);
}

function newTicket([key]: readonly TicketKey[]): HelloRoute {
  return key === undefined ? none : { mode: 'ticket', key };
}

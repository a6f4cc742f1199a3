import { type ClientHello, tls13 } from './client-hello.ts';
import type { Resumption, ResumptionMode } from './resumption.ts';
import { findTicketKey, type TicketKey } from './ticket-key.ts';

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

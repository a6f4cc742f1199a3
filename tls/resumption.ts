import type { SessionCache } from './session-cache.ts';
import type { TicketKeySource } from './ticket-key.ts';

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

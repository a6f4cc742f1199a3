import { normalizeServerName } from '../certificates/credentials.ts';
import { type ClientHello, tls13 } from '../hello/client-hello.ts';
import { tlsLimits } from '../limits.ts';
import type { Clock } from '../time.ts';
import { hasTicketHook, type TicketClients } from './ticket-hook.ts';
import type { TicketKey, TicketKeySource } from './ticket-keys.ts';
import { findTicketKey, readFullHandshakeAt, ticketHead, ticketNameFor } from './ticket-name.ts';

/**
 * How the keys of tickets come to OpenSSL:
 *
 * - `native`: through Node's hook, all keys in one context; in TLS 1.3 each resumption renews the ticket
 * - `per_key`: a server of `node:tls` for each key and server name, if Node has no hook that works. A client of TLS 1.3
 *   gets no new ticket when it resumes.
 *
 * With `per_key` two kinds of clients get no tickets: those that ask for a name that no certificate has as it is, since
 * a server would be kept for each name that they invent; and wolfSSL, which fails if a ticket is not renewed.
 */
export type TicketKeyMode = 'native' | 'per_key';

/** Where a client with tickets goes. */
export type TicketRoute = NativeTicketRoute | PerKeyTicketRoute;

/** To a server with a {@link TicketHook}. */
export interface NativeTicketRoute {
  readonly mode: 'ticket';
  readonly clients: TicketClients;
  /** As `normalizeServerName` makes it; undefined if the client asks for none. */
  readonly serverName: string | undefined;
  /** When the chain began whose ticket it comes with; undefined if no ticket is to be opened. */
  readonly fullHandshakeAt: number | undefined;
  /** {@link ticketHead} of each ticket that may be opened for it. */
  readonly openable: readonly string[];
}

/** To a server with one key. */
export interface PerKeyTicketRoute {
  readonly mode: 'ticket';
  readonly key: TicketKey;
  /** That OpenSSL gives the key: 16 bytes, for one server name. */
  readonly keyName: Uint8Array;
}

/** Decides to which server a client goes that has tickets, or is to get some. */
export interface TicketRoutes {
  /** The route of a client that comes with tickets we can open; undefined for another. */
  toResume(hello: ClientHello): TicketRoute | undefined;
  /** The route of a client that makes a full handshake and is to get tickets; undefined if it cannot. */
  toBegin(hello: ClientHello): TicketRoute | undefined;
}

/** What {@link openTicketRoutes} chooses by. */
export interface TicketRoutesOptions {
  /** Default: `native` if this Node has the hook. */
  readonly mode?: TicketKeyMode | undefined;
  /** The clock of chains of tickets. */
  readonly clock: Clock;
  /** Whether a normalized server name is one of ours, wildcards aside. */
  readonly isOurName: (serverName: string) => boolean;
}

/**
 * Makes the routes for tickets.
 *
 * @param keys - undefined: there are no tickets
 */
export function openTicketRoutes(
  keys: TicketKeySource | undefined,
  { mode, clock, isOurName }: TicketRoutesOptions,
): TicketRoutes | undefined {
  if (keys === undefined) return undefined;
  const chosen = mode ?? (hasTicketHook() ? 'native' : 'per_key');
  if (chosen === 'native') return new NativeTicketRoutes(keys, clock);
  return new PerKeyTicketRoutes(keys, isOurName);
}

/**
 * For servers with the hook. It does not tell whose ticket OpenSSL wants to open, so a client with a ticket for
 * another server name, or of a chain that has ended, goes where none is opened.
 *
 * @see RFC 6066, section 3
 */
export class NativeTicketRoutes implements TicketRoutes {
  readonly #source: TicketKeySource;
  readonly #clock: Clock;

  constructor(source: TicketKeySource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  toResume(hello: ClientHello): NativeTicketRoute | undefined {
    const { keys } = this.#source;
    const serverName = serverNameOf(hello);
    const now = this.#clock();
    let fullHandshakeAt = Infinity;
    const openable: string[] = [];
    for (const ticket of offeredTickets(hello)) {
      const key = findTicketKey(keys, ticket);
      if (key === undefined) continue;
      const beganAt = readFullHandshakeAt(key, ticket, serverName, now);
      if (beganAt === undefined || now >= beganAt + tlsLimits.resumptionChainMs) return undefined;
      // OpenSSL decides which of several it takes.
      fullHandshakeAt = Math.min(fullHandshakeAt, beganAt);
      openable.push(ticketHead(ticket));
    }
    if (openable.length === 0) return undefined;
    return { mode: 'ticket', clients: clientsOf(hello), serverName, fullHandshakeAt, openable };
  }

  toBegin(hello: ClientHello): NativeTicketRoute {
    const serverName = serverNameOf(hello);
    return {
      mode: 'ticket',
      clients: clientsOf(hello),
      serverName,
      fullHandshakeAt: undefined,
      openable: [],
    };
  }
}

/** For servers with one key each. */
export class PerKeyTicketRoutes implements TicketRoutes {
  readonly #source: TicketKeySource;
  readonly #isOurName: (serverName: string) => boolean;

  /** @param isOurName - whether a normalized server name is one of ours, wildcards aside */
  constructor(source: TicketKeySource, isOurName: (serverName: string) => boolean) {
    this.#source = source;
    this.#isOurName = isOurName;
  }

  toResume(hello: ClientHello): PerKeyTicketRoute | undefined {
    if (!this.#canHaveTickets(hello)) return undefined;
    const { keys } = this.#source;
    for (const ticket of offeredTickets(hello)) {
      const key = findTicketKey(keys, ticket);
      const route = key && this.#routeTo(key, hello);
      if (route?.keyName.every((byte, i) => byte === ticket[i])) return route;
    }
    return undefined;
  }

  toBegin(hello: ClientHello): PerKeyTicketRoute | undefined {
    const [key] = this.#source.keys;
    return key && this.#canHaveTickets(hello) ? this.#routeTo(key, hello) : undefined;
  }

  #routeTo(key: TicketKey, hello: ClientHello): PerKeyTicketRoute {
    return { mode: 'ticket', key, keyName: ticketNameFor(key, serverNameOf(hello)) };
  }

  #canHaveTickets(hello: ClientHello): boolean {
    const serverName = serverNameOf(hello);
    if (serverName !== undefined && !this.#isOurName(serverName)) return false;
    return !isTls13(hello) || !hello.pskIdentities.some((ticket) => isOfWolfssl(hello, ticket));
  }
}

function isTls13({ supportedVersions }: ClientHello): boolean {
  return supportedVersions.includes(tls13);
}

/** Whether the legacy session id is the end of the ticket, as of no other client of TLS 1.3 that we know. */
function isOfWolfssl({ legacySessionId: id }: ClientHello, ticket: Uint8Array): boolean {
  return id.length > 0 && Buffer.from(id).equals(ticket.subarray(-id.length));
}

function serverNameOf({ serverName }: ClientHello): string | undefined {
  return serverName === undefined ? undefined : normalizeServerName(serverName);
}

function clientsOf(hello: ClientHello): TicketClients {
  if (isTls13(hello)) return 'tls13';
  return hello.serverName === undefined ? 'tls12-unnamed' : 'tls12-named';
}

/** The tickets that OpenSSL would look at; none if they are more than a client needs. */
function offeredTickets(hello: ClientHello): readonly Uint8Array[] {
  const { pskIdentities, sessionTicket } = hello;
  if (isTls13(hello)) return pskIdentities.length > tlsLimits.pskIdentities ? [] : pskIdentities;
  return sessionTicket === undefined ? [] : [sessionTicket];
}

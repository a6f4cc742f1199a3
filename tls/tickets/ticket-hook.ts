import { randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Clock } from '../time.ts';
import type { TicketKeySource } from './ticket-keys.ts';
import {
  isNamedBy,
  type TicketChain,
  ticketHead,
  ticketNameBytes,
  writeTicketName,
} from './ticket-name.ts';

/*
 * Node's context of OpenSSL has a hook for ticket keys, which only Node's own tests use. With it all keys that live
 * open tickets in one context, a resumed connection of TLS 1.3 gets a new ticket, and each ticket has a name of its
 * own. What holds of it on Node 26.10 with OpenSSL 3.5, each held by a test:
 *
 * - `context.enableTicketKeyCallback()`, then `context.onticketkeycallback = (name, iv, isSealing) => answer`.
 * - The answer is an array of result, MAC key, AES key and, to seal, name and IV. Results: to seal, 1, or 0 for no
 *   ticket (TLS 1.2 then sends an empty one); to open, 0 for an unknown key, 1, or 2 to renew too.
 * - All of them must be there, also with result 0: Node looks at the length of the AES key before the result, and
 *   ends the process if it is no array of bytes.
 * - The hook has no argument that tells the connection, and no async context.
 * - In TLS 1.3 the server's `secureConnection` is emitted within the same call into OpenSSL, right before the tickets
 *   of that connection are sealed. Ticks and promises run in between, I/O does not.
 * - In TLS 1.2 a ticket is sealed before `secureConnection`, and before `keylog`. At that moment the connection has the
 *   client's Finished but not the server's, as no other has: what follows is written in the same call.
 * - A ticket of TLS 1.3 that is renewed counts its lifetime anew; in TLS 1.2 it would keep the old one's.
 */

/**
 * The clients of a server of TLS: those of TLS 1.3, or those of TLS 1.2 that ask for a server name, or those that do
 * not. Older versions count as TLS 1.2.
 */
export type TicketClients = 'tls13' | 'tls12-named' | 'tls12-unnamed';

/** Which tickets a {@link TicketHook} seals and opens. */
export interface TicketHookOptions {
  readonly keys: TicketKeySource;
  readonly clock: Clock;
  readonly clients: TicketClients;
  /** Whether tickets are opened, those of every live key; in TLS 1.3 they are renewed. */
  readonly opens: boolean;
}

/** A connection on its way to its tickets. */
export interface TicketConnection {
  /** As `normalizeServerName` makes it; undefined if the client asked for none. */
  readonly serverName: string | undefined;
  /** When the chain of the ticket began that it came with; undefined if it came with none that opens. */
  readonly fullHandshakeAt: number | undefined;
  /** {@link ticketHead} of each ticket that may be opened for it; none when its handshake has ended. */
  openable: readonly string[];
  /** Whether OpenSSL reads from the system, and so not while the promises of another connection run. */
  readonly isDirect: boolean;
  /** For clients of TLS 1.2 that ask for a name, from their ClientHello on. */
  tlsSocket?: TLSSocket | undefined;
}

/** A connection for a socket that TLS is to take over. */
export function ticketConnection(
  socket: Socket,
  {
    serverName,
    fullHandshakeAt,
    openable,
  }: Pick<TicketConnection, 'serverName' | 'fullHandshakeAt' | 'openable'>,
): TicketConnection {
  const { _handle: handle } = socket as { readonly _handle?: unknown };
  return {
    serverName,
    fullHandshakeAt,
    openable,
    isDirect: socket instanceof Socket && Boolean(handle),
  };
}

type Answer = readonly [
  result: 0 | 1 | 2,
  macKey: Uint8Array,
  aesKey: Uint8Array,
  name: Uint8Array,
  iv: Uint8Array,
];
type Hook = (name: Uint8Array, iv: Uint8Array, isSealing: boolean) => Answer;

interface NativeContext {
  enableTicketKeyCallback?: () => void;
  onticketkeycallback?: Hook;
  close?: () => void;
}

const noBytes = new Uint8Array(ticketNameBytes);
const refusal: Answer = [0, noBytes, noBytes, noBytes, noBytes];

/** Whether this Node has the hook. */
export function hasTicketHook(): boolean {
  // Without an authority Node would read all that it trusts.
  const context = nativeContextOf(createServer({ ca: [] }));
  try {
    return typeof context?.enableTicketKeyCallback === 'function';
  } finally {
    context?.close?.();
  }
}

/** Node's own object for OpenSSL's context of a server; undefined if this Node keeps it elsewhere. */
export function nativeContextOf(server: Server): NativeContext | undefined {
  const { _sharedCreds: credentials } = server as unknown as {
    readonly _sharedCreds?: { readonly context?: NativeContext };
  };
  return credentials?.context;
}

/**
 * Seals and opens the tickets of one server of TLS. A ticket is sealed for its connection's server name and chain of
 * resumptions, or not at all. The hook is not told whose ticket it opens. So which tickets of a connection may be
 * opened is decided before, by its first hello: others in a second hello, after a HelloRetryRequest, are not opened.
 */
export class TicketHook {
  readonly #options: TicketHookOptions;
  /** TLS 1.3: the connection whose tickets are sealed next. */
  #sealing: TicketChain | 'unknown' | undefined;
  /** TLS 1.2: the connections whose handshake has begun, and has not ended. */
  readonly #underWay = new Set<TicketConnection>();
  /** How many connections whose handshake has not ended may each open a ticket with this head. */
  readonly #openable = new Map<string, number>();
  /** Copies of keys that OpenSSL has taken over by the end of this turn of the event loop. */
  #spentKeys: Uint8Array[] = [];
  #isCleaning = false;

  /** @throws Error if this Node does not have the hook */
  constructor(server: Server, options: TicketHookOptions) {
    this.#options = options;
    const context = nativeContextOf(server);
    // Without the hook OpenSSL would seal with a key of its own, for any server name.
    if (context?.enableTicketKeyCallback === undefined) {
      throw new Error('Cannot seal tickets: this Node has no hook for their keys');
    }
    context.enableTicketKeyCallback();
    context.onticketkeycallback = (name, iv, isSealing) => {
      // Node would take an exception for the end of the process.
      try {
        return isSealing ? this.#seal() : this.#open(name, iv);
      } catch {
        return refusal;
      }
    };
  }

  /** The handshake of a connection begins. */
  begin(connection: TicketConnection): void {
    if (this.#options.clients === 'tls12-named') this.#underWay.add(connection);
    for (const head of connection.openable) {
      this.#openable.set(head, (this.#openable.get(head) ?? 0) + 1);
    }
  }

  /**
   * The handshake of a connection is done: in TLS 1.3 its tickets are sealed now.
   *
   * @param connection - undefined if it has failed nevertheless: it is to get no ticket
   */
  secure(connection: TicketConnection | undefined, isResumed: boolean): void {
    if (connection !== undefined) this.end(connection);
    if (this.#options.clients !== 'tls13') return;
    // A connection over another stream may come in between another's `secureConnection` and its tickets.
    const isCertain = connection?.isDirect === true || this.#sealing === undefined;
    const chain = connection && this.#chainOf(connection, isResumed);
    this.#sealing = isCertain && chain !== undefined ? chain : 'unknown';
    this.#cleanSoon();
  }

  /** Its handshake has ended, whichever way; does nothing a second time. */
  end(connection: TicketConnection): void {
    this.#underWay.delete(connection);
    for (const head of connection.openable) {
      const count = this.#openable.get(head) ?? 0;
      if (count > 1) this.#openable.set(head, count - 1);
      else this.#openable.delete(head);
    }
    connection.openable = [];
  }

  /** Undefined if it has resumed without a ticket that it could come with. */
  #chainOf(connection: TicketConnection, isResumed: boolean): TicketChain | undefined {
    const { serverName } = connection;
    const now = this.#options.clock();
    const fullHandshakeAt = isResumed ? connection.fullHandshakeAt : now;
    return fullHandshakeAt === undefined
      ? undefined
      : { serverName, fullHandshakeAt: Math.min(fullHandshakeAt, now) };
  }

  #seal(): Answer {
    const { keys, clients } = this.#options;
    const [key] = keys.keys;
    const chain = clients === 'tls13' ? this.#sealing : this.#findSealing();
    if (key === undefined || chain === undefined || chain === 'unknown') return refusal;
    const iv = randomBytes(ticketNameBytes);
    const name = writeTicketName(key, iv, chain);
    return [1, ...this.#copyKeys(key.secret), name, iv];
  }

  /** The connection of TLS 1.2 whose ticket is sealed now; undefined if that is not certain. */
  #findSealing(): TicketChain | undefined {
    const fullHandshakeAt = this.#options.clock();
    if (this.#options.clients === 'tls12-unnamed')
      return { serverName: undefined, fullHandshakeAt };
    let found: TicketConnection | undefined;
    for (const connection of this.#underWay) {
      const { tlsSocket } = connection;
      if (!tlsSocket?.getPeerFinished() || tlsSocket.getFinished()) continue;
      if (found !== undefined) return undefined;
      found = connection;
    }
    return found && { serverName: found.serverName, fullHandshakeAt };
  }

  #open(name: Uint8Array, iv: Uint8Array): Answer {
    const { opens, keys, clients } = this.#options;
    if (!this.#openable.has(ticketHead(name, iv))) return refusal;
    const key = opens ? keys.keys.find((key) => isNamedBy(name, key)) : undefined;
    if (key === undefined) return refusal;
    return [clients === 'tls13' ? 2 : 1, ...this.#copyKeys(key.secret), noBytes, noBytes];
  }

  /** Copies, since what runs before OpenSSL takes them may overwrite a key that ends. */
  #copyKeys(secret: Uint8Array): [macKey: Uint8Array, aesKey: Uint8Array] {
    const copy = secret.slice(16);
    this.#spentKeys.push(copy);
    this.#cleanSoon();
    return [copy.subarray(0, 16), copy.subarray(16)];
  }

  #cleanSoon(): void {
    if (this.#isCleaning) return;
    this.#isCleaning = true;
    setImmediate(() => {
      this.#isCleaning = false;
      this.#sealing = undefined;
      for (const copy of this.#spentKeys) copy.fill(0);
      this.#spentKeys = [];
    });
  }
}

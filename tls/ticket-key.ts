/** A key that session tickets are sealed with. */
export interface TicketKey {
  /** 16 bytes, with which every ticket of the key begins. Not secret. */
  readonly name: Uint8Array;
  /** The 48 bytes that TLS takes: the name, then 32 bytes that are secret. */
  readonly secret: Uint8Array;
  /** The instant from which it seals tickets, in milliseconds since 1970. */
  readonly createdAt: number;
  /** The instant from which it opens no ticket any more. */
  readonly expiresAt: number;
}

/**
 * The ticket keys of a server, which change while it runs. Tickets of a key that is gone cost a full
 * handshake, so a key stays for as long as its last ticket lives.
 */
export interface TicketKeySource {
  /** Those that open tickets, at least one; the first seals new ones. */
  readonly keys: readonly TicketKey[];
  /** Calls the listener after each change of `keys`, until the returned function is called. */
  subscribe(listener: () => void): () => void;
}

const ticketKeyNameBytes = 16;

/** Bytes of {@link TicketKey.secret}. */
export const ticketKeyBytes = 48;

/** A key from the 48 bytes that TLS takes, which it copies. */
export function makeTicketKey(
  secret: Uint8Array,
  { createdAt, expiresAt }: { readonly createdAt: number; readonly expiresAt: number },
): TicketKey {
  if (secret.length !== ticketKeyBytes) {
    throw new RangeError(`Cannot make a ticket key of "${secret.length}" bytes, expected 48`);
  }
  // Arrays of their own: a view on a pool would carry its neighbours along to other threads.
  const name = Uint8Array.from(secret.subarray(0, ticketKeyNameBytes));
  return { name, secret: Uint8Array.from(secret), createdAt, expiresAt };
}

/** The key that a ticket is sealed with; undefined where it is none of these. */
export function findTicketKey(
  keys: readonly TicketKey[],
  ticket: Uint8Array,
): TicketKey | undefined {
  if (ticket.length <= ticketKeyNameBytes) return undefined;
  return keys.find(({ name }) => name.every((byte, i) => ticket[i] === byte));
}

/** For sources: the listeners that are told of changes. */
export class KeyListeners {
  readonly #listeners = new Set<() => void>();

  add(listener: () => void): () => void {
    // Wrapped, so that the same function can be added twice.
    const entry = (): void => listener();
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

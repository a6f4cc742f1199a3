import { KeyListeners, type TicketKey, type TicketKeySource } from './ticket-key.ts';

/** Ticket keys that are decided elsewhere, such as in the thread that has them all. */
export class ReplicatedTicketKeys implements TicketKeySource {
  readonly #listeners = new KeyListeners();
  #keys: readonly TicketKey[];

  /** @param keys - at least one; the first seals */
  constructor(keys: readonly TicketKey[]) {
    this.#keys = checked(keys);
  }

  get keys(): readonly TicketKey[] {
    return this.#keys;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Takes over the keys as they are now. */
  replace(keys: readonly TicketKey[]): void {
    this.#keys = checked(keys);
    this.#listeners.tell();
  }
}

function checked(keys: readonly TicketKey[]): readonly TicketKey[] {
  if (keys.length === 0) throw new RangeError('Cannot do without a ticket key');
  return [...keys];
}

import { takeTurn } from '../../../store/turns.ts';

/** What takes less memory once it is packed. */
export interface Packable {
  /** Packs it; does nothing if it is in use again, or gone. */
  pack(): void;
}

/**
 * Packs what clients hold that are idle: one after another, each in a turn of its own, so that nobody waits for thousands
 * that became idle together.
 */
export class IdlePacker {
  readonly #takeTurn: () => Promise<void>;
  readonly #waiting = new Set<Packable>();
  #isPacking = false;

  /** @param turn - as {@link takeTurn} */
  constructor(turn: () => Promise<void>) {
    this.#takeTurn = turn;
  }

  /** Packs it soon. */
  add(idle: Packable): void {
    this.#waiting.add(idle);
    if (!this.#isPacking) void this.#packAll();
  }

  async #packAll(): Promise<void> {
    this.#isPacking = true;
    for (const idle of this.#waiting) {
      await this.#takeTurn();
      this.#waiting.delete(idle);
      idle.pack();
    }
    this.#isPacking = false;
  }
}

/** That of this thread. */
export const idlePacker = new IdlePacker(takeTurn);

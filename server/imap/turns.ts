import { takeTurn } from '../../store/turns.ts';
import type { Responses } from './responses.ts';

/** Lines that are written in one turn: 14 KB in a third of a millisecond, one record of TLS. */
const turnLines = 320;

/** Messages that are looked at in one turn if there is nothing to write: about as long. */
const turnMessages = 16_384;

/**
 * Long work on a mailbox for one client, in turns:
 *
 *     for (const uid of uids) {
 *       if (turn.look()) await turn.next();
 *       …
 *     }
 */
export class Turn {
  readonly #out: Responses;
  /** Of the present turn, from 1 down. */
  #left = 1;

  constructor(out: Responses) {
    this.#out = out;
  }

  /** Counts a message that is looked at. True if the turn is over. */
  look(): boolean {
    this.#left -= 1 / turnMessages;
    return this.#left <= 0;
  }

  /** Counts a line that was written. */
  wrote(): void {
    this.#left -= 1 / turnLines;
  }

  /** Settles when it is the client's turn again, and the client keeps up. Rejects if the client is gone. */
  async next(): Promise<void> {
    // Lines that wait for the next turn would be one string each, and by then in the part of the heap that V8 seldom
    // collects: with a hundred clients most of it.
    this.#out.flush();
    await this.#out.ready();
    await takeTurn();
    this.#left = 1;
  }
}

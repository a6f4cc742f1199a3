/**
 * Lets the long work of many clients take turns: in each round of the event loop one of those that wait goes on, the one
 * that has waited longest. Short work of others then waits for one turn, however many searches and notifications a
 * thread has to do.
 */
class TurnQueue {
  readonly #waiting: (() => void)[] = [];
  /** True until the loop has gone round, if there was a turn since it last did, or somebody waits for one. */
  #isScheduled = false;

  takeIfFree(): Promise<void> | undefined {
    if (this.#isScheduled) return this.take();
    this.#schedule();
    return undefined;
  }

  take(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      // What it does with its turn follows behind this callback, before the loop goes round.
      this.#waiting.shift()?.();
      if (this.#waiting.length > 0) this.#schedule();
    });
  }
}

/** That of this thread, whose event loop they share. */
const queue = new TurnQueue();

/** Settles when it is the caller's turn, which lasts until it awaits what does not come at once: a millisecond or two. */
export function takeTurn(): Promise<void> {
  return queue.take();
}

/** As {@link takeTurn}, but undefined if the caller may go on at once: nobody waits, or has just had a turn in this way. */
export function takeTurnIfFree(): Promise<void> | undefined {
  return queue.takeIfFree();
}

/** Lines that are written in one turn: 14 KB in a third of a millisecond, one record of TLS. */
const turnLines = 320;

/** Messages that are looked at in one turn if there is nothing to write: about as long. */
const turnMessages = 16_384;

/** Where long work writes to. */
export interface TurnOutput {
  /** Hands over what has been gathered. */
  flush(): void;
  /** Settles when the client keeps up; rejects if it is gone. */
  ready(): Promise<void>;
}

/**
 * Long work on a mailbox for one client, in turns:
 *
 *     for (const uid of uids) {
 *       if (turn.look()) await turn.next();
 *       …
 *     }
 */
export class Turn {
  readonly #out: TurnOutput;
  /** Of the present turn, from 1 down. */
  #left = 1;

  constructor(out: TurnOutput) {
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

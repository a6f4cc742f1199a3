import { nextTick } from 'node:process';

/** How long the turns of one round of the event loop go on, in milliseconds; the last of them may take longer. */
const roundMs = 1;

/**
 * Lets the long work of many clients take turns. In each round of the event loop those that wait go on, one after the
 * other in the order in which they came, until a millisecond is used up: hundreds of short turns, such as one line for
 * each client that idles, or one long one, such as a slice of a search. Short work of others then waits for that long,
 * however many searches and notifications a thread has to do.
 */
export class TurnQueue {
  readonly #steadyClock: () => number;
  readonly #waiting: (() => void)[] = [];
  /** True from the first turn, or the first that waits for one, until the loop has gone round without either. */
  #isGoingRound = false;

  constructor(steadyClock: () => number) {
    this.#steadyClock = steadyClock;
  }

  /** As {@link takeTurnIfFree}. */
  takeIfFree(): Promise<void> | undefined {
    if (this.#isGoingRound) return this.take();
    this.#goRound();
    return undefined;
  }

  /** As {@link takeTurn}. */
  take(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (!this.#isGoingRound) this.#goRound();
    });
  }

  #goRound(): void {
    this.#isGoingRound = true;
    setImmediate(() => {
      this.#isGoingRound = false;
      if (this.#waiting.length === 0) return;
      this.#goRound();
      this.#letGo(this.#steadyClock() + roundMs);
    });
  }

  /** Lets the first that waits go on, and the next ones until then. */
  #letGo(untilMs: number): void {
    this.#waiting.shift()?.();
    // A tick comes when no microtask is left, so when the turn is over. In a tick the microtasks would come behind all ticks.
    queueMicrotask(() =>
      nextTick(() => {
        if (this.#waiting.length > 0 && this.#steadyClock() < untilMs) this.#letGo(untilMs);
      }),
    );
  }
}

/** That of this thread, whose event loop they share. */
const queue = new TurnQueue(() => performance.now());

/** Settles when it is the caller's turn, which lasts until it awaits what does not come at once: a millisecond or two. */
export function takeTurn(): Promise<void> {
  return queue.take();
}

/**
 * As {@link takeTurn}, but undefined if the caller may go on at once: nobody waits for a turn, or has had one since the
 * loop last went round.
 */
export function takeTurnIfFree(): Promise<void> | undefined {
  return queue.takeIfFree();
}

/** Lines that are written in one turn: 14 KB in a third of a millisecond, one record of TLS. */
const turnLines = 320;

/** Messages that are looked at in one turn if there is nothing to write: about as long. */
const turnMessages = 16_384;

/** Where long work writes to. */
interface TurnOutput {
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

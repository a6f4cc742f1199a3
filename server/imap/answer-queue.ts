/** How much may go on at a time. */
export interface AnswerQueueLimits {
  /** Commands that are not answered while the next one is read. */
  readonly maxUnansweredCommands: number;
  /** Bytes of their messages. */
  readonly maxUnansweredBytes: number;
}

/** Who is told of an {@link AnswerQueue}. */
export interface AnswerQueueListeners {
  /** An answer cannot be given: the connection is to end. */
  readonly onFailure: () => void;
  /** The last answer is given. */
  readonly onEmpty: () => void;
}

interface Unanswered {
  readonly bytes: number;
  readonly given: Promise<void>;
}

/**
 * The answers of commands that go on while the next ones are read: each is given when it is known, and all before it are
 * given. So the messages of a client that does not wait for answers wait together for the disk, and not one after the other.
 *
 * @see RFC 3501, section 5.5
 */
export class AnswerQueue {
  readonly #limits: AnswerQueueLimits;
  readonly #listeners: AnswerQueueListeners;
  readonly #unanswered: Unanswered[] = [];
  #bytes = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(limits: AnswerQueueLimits, listeners: AnswerQueueListeners) {
    this.#limits = limits;
    this.#listeners = listeners;
  }

  /** True if all answers are given. */
  get isEmpty(): boolean {
    return this.#unanswered.length === 0;
  }

  /** True once an answer could not be given; those behind it are not given either. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /**
   * Adds a command.
   *
   * @param bytes of its message
   * @param give gives its answer, as soon as that is known; called when all answers before it are given
   */
  add(bytes: number, give: () => Promise<void>): void {
    const before = this.#unanswered.at(-1)?.given;
    this.#bytes += bytes;
    this.#unanswered.push({ bytes, given: this.#giveAfter(before, give) });
  }

  /** Settles when there is room for one more command with so many bytes. Never rejects. */
  async room(bytes: number): Promise<void> {
    const { maxUnansweredCommands, maxUnansweredBytes } = this.#limits;
    // Ends: each turn waits for the first of them, which is then gone.
    for (;;) {
      const [first] = this.#unanswered;
      if (first === undefined) return;
      const hasRoom = this.#unanswered.length < maxUnansweredCommands;
      if (hasRoom && this.#bytes + bytes <= maxUnansweredBytes) return;
      await first.given;
    }
  }

  /** Settles when all answers are given; rejects with why one cannot be. */
  async settle(): Promise<void> {
    await this.#unanswered.at(-1)?.given;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #giveAfter(before: Promise<void> | undefined, give: () => Promise<void>): Promise<void> {
    await before;
    try {
      if (this.#failure === undefined) await give();
    } catch (error) {
      this.#failure = { error };
      this.#listeners.onFailure();
    }
    this.#bytes -= this.#unanswered.shift()!.bytes;
    if (this.isEmpty) this.#listeners.onEmpty();
  }
}

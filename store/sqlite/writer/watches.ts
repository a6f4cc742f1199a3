/**
 * Who watches which mailbox, and which account, in memory that a client shares with the writer: a counter of watches for each
 * of so many groups of them. The writer posts the events of a commit only to clients whose counter is not
 * zero, and nobody asks anybody.
 *
 * No commit is missed: a client adds to the counter *before* it reads the mailbox, and the writer looks at the
 * counter *after* it has committed. If the read does not contain a commit, then it was before that commit, so
 * the addition was too, and the writer sees it and posts the event. If the read contains the commit, nothing
 * is missed if the writer does not see the addition. (`Atomics` orders accesses to the counters. SQLite puts
 * a full memory barrier before the reader's second look at the head of the log and one behind the writer's
 * change of it, which orders these two as well.)
 *
 * Ids ascend, so that only a store with more mailboxes, or accounts, than counters lets two share one. That costs a message
 * too many: the client drops events of what it does not watch.
 */
const counterCounts = { mailboxes: 16_384, accounts: 4_096 };

/** Counters of a new client, all zero (80 KiB). */
export function makeWatchCounters(): SharedArrayBuffer {
  const count = counterCounts.mailboxes + counterCounts.accounts;
  return new SharedArrayBuffer(count * Int32Array.BYTES_PER_ELEMENT);
}

/** The counters of one client. */
export interface WatchCounters {
  readonly mailboxes: Int32Array;
  readonly accounts: Int32Array;
}

/** @param shared of {@link makeWatchCounters} */
export function toWatchCounters(shared: SharedArrayBuffer): WatchCounters {
  const { mailboxes, accounts } = counterCounts;
  return {
    mailboxes: new Int32Array(shared, 0, mailboxes),
    accounts: new Int32Array(shared, mailboxes * Int32Array.BYTES_PER_ELEMENT, accounts),
  };
}

/** True if the client may watch what has the id. The writer asks after the commit, see above. */
export function isWatched(counters: Int32Array, id: number): boolean {
  return Atomics.load(counters, id % counters.length) !== 0;
}

/** A watch; an object of its own, so that a listener may watch twice. */
interface Watch<Event> {
  readonly listener: (event: Event) => void;
}

/** The mailboxes that one client watches, or the accounts. */
export class Watches<Event> {
  readonly #counters: Int32Array;
  readonly #watches = new Map<number, Set<Watch<Event>>>();

  /** @param counters those that the writer looks at */
  constructor(counters: Int32Array) {
    this.#counters = counters;
  }

  /** Watches that have not ended. */
  get count(): number {
    return [...this.#watches.values()].reduce((count, watches) => count + watches.size, 0);
  }

  /**
   * Begins to watch, then reads; every commit that `read` does not see is told. It must be synchronous, since
   * events come in a later turn. If it throws, nothing is watched. `close` may be called more than once.
   */
  open<T>(
    id: number,
    listener: (event: Event) => void,
    read: () => T,
  ): { readonly value: T; readonly close: () => void } {
    const close = this.#begin(id, listener);
    try {
      return { value: read(), close };
    } catch (error) {
      close();
      throw error;
    }
  }

  /**
   * Tells those who watch what has the id. If a listener throws, the others are told all the same; its error is thrown
   * later, where nothing catches it.
   */
  tell(id: number, event: Event): void {
    // A listener may end itself and others, which then hear nothing.
    for (const { listener } of this.#watches.get(id) ?? []) {
      try {
        listener(event);
      } catch (error) {
        // A fault of the program: it must not cost the others their events, nor requests their answers, which come
        // after the events. In a later turn, since microtasks run the code that waits for those answers.
        setImmediate(() => {
          throw error;
        });
      }
    }
  }

  /** Ends all. */
  clear(): void {
    for (const [id, watches] of this.#watches) this.#count(id, -watches.size);
    this.#watches.clear();
  }

  #begin(id: number, listener: (event: Event) => void): () => void {
    let watch: Watch<Event> | undefined = { listener };
    const watches = this.#watches.get(id) ?? new Set<Watch<Event>>();
    this.#watches.set(id, watches.add(watch));
    this.#count(id, 1);
    return () => {
      const ended = watch;
      // The function that ends a watch must not keep what the listener holds.
      watch = undefined;
      if (ended !== undefined) this.#end(id, ended);
    };
  }

  #end(id: number, watch: Watch<Event>): void {
    const watches = this.#watches.get(id);
    // Not there after `clear`.
    if (watches?.delete(watch) !== true) return;
    this.#count(id, -1);
    if (watches.size === 0) this.#watches.delete(id);
  }

  #count(id: number, change: number): void {
    Atomics.add(this.#counters, id % this.#counters.length, change);
  }
}

import { EventListeners } from '../../event-listeners.ts';

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
 * The last number is no counter of watches: the writer adds to it when what the client may have read of accounts no longer
 * counts ({@link KnownAccounts}).
 *
 * Ids ascend, so that only a store with more mailboxes, or accounts, than counters lets two share one. That costs a message
 * too many: the client drops events of what it does not watch.
 */
const counterCounts = { mailboxes: 16_384, accounts: 4_096 };

/** Counters of a new client, all zero (80 KiB). */
export function makeWatchCounters(): SharedArrayBuffer {
  const count = counterCounts.mailboxes + counterCounts.accounts + 1;
  return new SharedArrayBuffer(count * Int32Array.BYTES_PER_ELEMENT);
}

/** The counters of one client. */
export interface WatchCounters {
  readonly mailboxes: Int32Array;
  readonly accounts: Int32Array;
  /** One number, which changes when an account has changed or gone; 0 until the writer knows the client. */
  readonly accountsVersion: Int32Array;
}

/** @param shared of {@link makeWatchCounters} */
export function toWatchCounters(shared: SharedArrayBuffer): WatchCounters {
  const all = new Int32Array(shared);
  const accountsEnd = counterCounts.mailboxes + counterCounts.accounts;
  return {
    mailboxes: all.subarray(0, counterCounts.mailboxes),
    accounts: all.subarray(counterCounts.mailboxes, accountsEnd),
    accountsVersion: all.subarray(accountsEnd),
  };
}

/** True if the client may watch what has the id. The writer asks after the commit, see above. */
export function isWatched(counters: Int32Array, id: number): boolean {
  return Atomics.load(counters, id % counters.length) !== 0;
}

/** The mailboxes that one client watches, or the accounts. */
export class Watches<Event> {
  readonly #counters: Int32Array;
  readonly #listeners = new Map<number, EventListeners<Event>>();

  /** @param counters those that the writer looks at */
  constructor(counters: Int32Array) {
    this.#counters = counters;
  }

  /** Watches that have not ended. */
  get count(): number {
    return [...this.#listeners.values()].reduce((sum, { count }) => sum + count, 0);
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

  /** Tells those who watch what has the id. */
  tell(id: number, event: Event): void {
    this.#listeners.get(id)?.tell(event);
  }

  /** Ends all. */
  clear(): void {
    for (const [id, listeners] of this.#listeners) {
      this.#count(id, -listeners.count);
      listeners.clear();
    }
    this.#listeners.clear();
  }

  #begin(id: number, listener: (event: Event) => void): () => void {
    const listeners = this.#listeners.get(id) ?? new EventListeners<Event>();
    this.#listeners.set(id, listeners);
    const end = listeners.add(listener);
    this.#count(id, 1);
    return () => {
      if (!end()) return;
      this.#count(id, -1);
      if (listeners.count === 0) this.#listeners.delete(id);
    };
  }

  #count(id: number, change: number): void {
    Atomics.add(this.#counters, id % this.#counters.length, change);
  }
}

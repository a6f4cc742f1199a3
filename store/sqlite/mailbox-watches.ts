import type { MailboxEvent, MailboxListener } from '../mail-store.ts';

/**
 * Who watches which mailbox, in memory that a client shares with the writer: a counter of watches for each of
 * so many groups of mailboxes. The writer posts the events of a commit only to clients whose counter is not
 * zero, and nobody asks anybody.
 *
 * No commit is missed: a client adds to the counter *before* it reads the mailbox, and the writer looks at the
 * counter *after* it has committed. If the read does not contain a commit, then it was before that commit, so
 * the addition was too, and the writer sees it and posts the event. If the read contains the commit, nothing
 * is missed if the writer does not see the addition. (`Atomics` orders accesses to the counters. SQLite puts
 * a full memory barrier before the reader's second look at the head of the log and one behind the writer's
 * change of it, which orders these two as well.)
 *
 * Ids of mailboxes ascend, so that only a store with more mailboxes than counters lets two share one. That
 * costs a message too many: the client drops events of mailboxes that it does not watch.
 */
const counterCount = 16_384;

/** Counters of a new client, all zero (64 KiB). */
export function makeWatchCounters(): SharedArrayBuffer {
  return new SharedArrayBuffer(counterCount * Int32Array.BYTES_PER_ELEMENT);
}

/** True if the client may watch the mailbox. The writer asks after the commit, see above. */
export function isWatched(counters: Int32Array, mailboxId: number): boolean {
  return Atomics.load(counters, mailboxId % counterCount) !== 0;
}

/** A watch; an object of its own, so that a listener may watch twice. */
interface Watch {
  readonly listener: MailboxListener;
}

/** The mailboxes that one client watches. */
export class MailboxWatches {
  readonly #counters: Int32Array;
  readonly #watches = new Map<number, Set<Watch>>();

  /** @param counters of {@link makeWatchCounters}; the writer has them already */
  constructor(counters: SharedArrayBuffer) {
    this.#counters = new Int32Array(counters);
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
    mailboxId: number,
    listener: MailboxListener,
    read: () => T,
  ): { readonly value: T; readonly close: () => void } {
    const close = this.#begin(mailboxId, listener);
    try {
      return { value: read(), close };
    } catch (error) {
      close();
      throw error;
    }
  }

  /**
   * Tells those who watch the mailbox. If a listener throws, the others are told all the same; its error is thrown
   * later, where nothing catches it.
   */
  tell(mailboxId: number, event: MailboxEvent): void {
    // A listener may end itself and others, which then hear nothing.
    for (const { listener } of this.#watches.get(mailboxId) ?? []) {
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
    for (const [mailboxId, watches] of this.#watches) this.#count(mailboxId, -watches.size);
    this.#watches.clear();
  }

  #begin(mailboxId: number, listener: MailboxListener): () => void {
    let watch: Watch | undefined = { listener };
    const watches = this.#watches.get(mailboxId) ?? new Set();
    this.#watches.set(mailboxId, watches.add(watch));
    this.#count(mailboxId, 1);
    return () => {
      const ended = watch;
      // The function that ends a watch must not keep what the listener holds.
      watch = undefined;
      if (ended !== undefined) this.#end(mailboxId, ended);
    };
  }

  #end(mailboxId: number, watch: Watch): void {
    const watches = this.#watches.get(mailboxId);
    // Not there after `clear`.
    if (watches?.delete(watch) !== true) return;
    this.#count(mailboxId, -1);
    if (watches.size === 0) this.#watches.delete(mailboxId);
  }

  #count(mailboxId: number, change: number): void {
    Atomics.add(this.#counters, mailboxId % counterCount, change);
  }
}

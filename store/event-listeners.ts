/** A listener, in an object of its own, so that one may be added twice. */
interface Listening<Event> {
  readonly listener: (event: Event) => void;
}

/** Who is told what happens in a mailbox, or in an account. */
export class EventListeners<Event> {
  readonly #listeners = new Set<Listening<Event>>();

  /** Those that have not ended. */
  get count(): number {
    return this.#listeners.size;
  }

  /** Adds a listener. The function that it returns ends that; it returns false if that has ended before, by {@link clear} too. */
  add(listener: (event: Event) => void): () => boolean {
    let listening: Listening<Event> | undefined = { listener };
    this.#listeners.add(listening);
    return () => {
      const isEnded = listening !== undefined && this.#listeners.delete(listening);
      // The function must not keep what the listener holds.
      listening = undefined;
      return isEnded;
    };
  }

  /** Tells all. If a listener throws, the others are told all the same; its error is thrown later, where nothing catches it. */
  tell(event: Event): void {
    // A listener may end itself and others, which then hear nothing.
    for (const { listener } of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        // A fault of the program: it must not cost the others their events, nor callers their answers, which come after the
        // events. In a later turn, since microtasks run the code that waits for those answers.
        setImmediate(() => {
          throw error;
        });
      }
    }
  }

  /** Ends all. */
  clear(): void {
    this.#listeners.clear();
  }
}

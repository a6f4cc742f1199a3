/** A watch; an object of its own, so that a listener may watch twice. */
interface Watch<Event> {
  readonly listener: (event: Event) => void;
}

/** Who is told what happens in a mailbox, or in an account. */
export class Watches<Event> {
  readonly #watches = new Set<Watch<Event>>();

  /** Those that have not ended. */
  get count(): number {
    return this.#watches.size;
  }

  /** Watches until the function that it returns is called, which may be more than once. */
  begin(listener: (event: Event) => void): () => void {
    let watch: Watch<Event> | undefined = { listener };
    this.#watches.add(watch);
    return () => {
      if (watch !== undefined) this.#watches.delete(watch);
      // The function that ends a watch must not keep what the listener holds.
      watch = undefined;
    };
  }

  /** Tells all. If a listener throws, the others are told all the same; its error is thrown later, where nothing catches it. */
  tell(event: Event): void {
    // A listener may end itself and others, which then hear nothing.
    for (const { listener } of this.#watches) {
      try {
        listener(event);
      } catch (error) {
        // A fault of the program: it must not cost the others their events, nor the caller its answer.
        setImmediate(() => {
          throw error;
        });
      }
    }
  }

  /** Ends all. */
  end(): void {
    this.#watches.clear();
  }
}

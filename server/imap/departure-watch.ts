/** Fewer clients leave no more behind than everyday traffic does, which the engine collects by itself. */
const minDepartures = 500;

/**
 * Notices that many clients have left for good, as after a storm of connections: at least half of those that
 * were there, and no more leave now.
 */
export class DepartureWatch {
  readonly #onDeparture: () => void;
  #mostCount = 0;
  #lastCount = 0;

  /** @param onDeparture - called once for each such departure */
  constructor(onDeparture: () => void) {
    this.#onDeparture = onDeparture;
  }

  /** Takes the number of clients, now and then. */
  observe(clientCount: number): void {
    const isLeaving = clientCount < this.#lastCount;
    this.#lastCount = clientCount;
    this.#mostCount = Math.max(this.#mostCount, clientCount);
    const leftCount = this.#mostCount - clientCount;
    if (isLeaving || leftCount < minDepartures || leftCount < this.#mostCount / 2) return;
    this.#mostCount = clientCount;
    this.#onDeparture();
  }
}

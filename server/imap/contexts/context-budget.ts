/** What the contexts of each account take, in bytes of memory of a thread. */
export class ContextBudget {
  readonly #maxBytes: number;
  readonly #takenBytes = new Map<number, number>();

  /** @param maxBytes - of each account */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** True if there is room for so many bytes more. */
  hasRoom(accountId: number, bytes: number): boolean {
    return (this.#takenBytes.get(accountId) ?? 0) + bytes <= this.#maxBytes;
  }

  /** Takes bytes, whether there is room or not; or gives them back, if they are below 0. */
  take(accountId: number, bytes: number): void {
    const taken = (this.#takenBytes.get(accountId) ?? 0) + bytes;
    if (taken === 0) this.#takenBytes.delete(accountId);
    else this.#takenBytes.set(accountId, taken);
  }
}

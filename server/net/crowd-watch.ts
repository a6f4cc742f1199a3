/** Fewer clients leave no more behind than everyday traffic does, which the engine collects by itself. */
const minChange = 200;

/**
 * Notices that a crowd of clients has come, or has left: half as many again as there were, or were left, and the
 * number does not change much any more. What the crowd has left behind, its logins or itself, can be given back then.
 */
export class CrowdWatch {
  readonly #onChange: () => void;
  #count = 0;
  /** The lowest and the highest number since the last crowd. */
  #least = 0;
  #most = 0;

  /** @param onChange - called once for each crowd */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Takes the number of clients, now and then. */
  observe(count: number): void {
    const isCalm = Math.abs(count - this.#count) < minChange / 4;
    this.#count = count;
    this.#least = Math.min(this.#least, count);
    this.#most = Math.max(this.#most, count);
    if (!isCalm || !(isCrowd(this.#least, count) || isCrowd(count, this.#most))) return;
    this.#least = count;
    this.#most = count;
    this.#onChange();
  }
}

function isCrowd(fewer: number, more: number): boolean {
  return more - fewer >= Math.max(minChange, fewer / 2);
}

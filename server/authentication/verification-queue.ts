/** So many logins wait for a check of their password that another would wait too long. Try again later. */
export class VerificationQueueFullError extends Error {
  /** The response code for the client (RFC 5530). */
  readonly code = 'UNAVAILABLE';

  constructor() {
    super('Too many logins at once, try again later');
    this.name = 'VerificationQueueFullError';
  }
}

/**
 * Runs costly checks a few at a time, first come first served: argon2 uses libuv's pool of four threads,
 * which files need too.
 */
export class VerificationQueue {
  readonly #concurrency: number;
  readonly #maxWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** At most `concurrency` run and `maxWaiting` wait; what comes beyond is refused at once. */
  constructor(options: { readonly concurrency: number; readonly maxWaiting: number }) {
    this.#concurrency = options.concurrency;
    this.#maxWaiting = options.maxWaiting;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Rejects with a {@link VerificationQueueFullError}, or as the check does. */
  async run<T>(check: () => Promise<T>): Promise<T> {
    if (this.#running < this.#concurrency) {
      this.#running += 1;
    } else {
      if (this.#waiting.length >= this.#maxWaiting) throw new VerificationQueueFullError();
      // Whoever ends hands its place over, so `#running` stays as it is.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    try {
      return await check();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}

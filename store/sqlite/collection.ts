import type { WriterClient } from './writer-client.ts';

/**
 * Has the writer delete what nobody can reach, in bounded steps with others' requests between them: at start,
 * then at an interval. It has one timer, which does not keep the process running.
 */
export class Collection {
  readonly #writer: WriterClient;
  readonly #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;

  /** @param intervalMs 0 for never */
  constructor(writer: WriterClient, intervalMs: number) {
    this.#writer = writer;
    if (intervalMs === 0) return;
    this.#timer = setInterval(() => this.start(), intervalMs);
    this.#timer.unref();
    this.start();
  }

  /** Begins a run unless one is under way, and does not wait for it. A fault ends the run; the next begins anew. */
  start(): void {
    if (this.#timer !== undefined) this.run().catch(() => undefined);
  }

  /** Settles when nothing is left to delete. */
  run(): Promise<void> {
    this.#running ??= this.#runSteps().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Lets the step under way end, and begins no other. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    await this.#running?.catch(() => undefined);
  }

  async #runSteps(): Promise<void> {
    let hasMore = true;
    while (hasMore && !this.#isStopped) hasMore = await this.#writer.request('collect', undefined);
  }
}

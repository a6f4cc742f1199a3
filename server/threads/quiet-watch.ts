import { callInThread } from './call-in-thread.ts';
import { collectGarbage } from './heap.ts';

/** Work below this share of the busiest time since the last call is rest. */
const quietShare = 0.1;

/**
 * Notices that a thread or a process has worked for a while and has much less to do now. What its visitors have left behind
 * can be given back then; without a sign it would stay until others come.
 */
export class QuietWatch {
  readonly #minWorkedMs: number;
  readonly #onQuiet: () => void;
  /** Since the last call, in milliseconds. */
  #workedMs = 0;
  /** The most between two looks since then, in milliseconds. */
  #mostMs = 0;

  /**
   * @param minWorkedMs - work that leaves so much behind that a call pays, in milliseconds
   * @param onQuiet - called once each time
   */
  constructor(minWorkedMs: number, onQuiet: () => void) {
    this.#minWorkedMs = minWorkedMs;
    this.#onQuiet = onQuiet;
  }

  /** Takes how long it has worked since the last look, in milliseconds. Looks are some seconds apart, always as many. */
  observe(workedMs: number): void {
    this.#workedMs += workedMs;
    this.#mostMs = Math.max(this.#mostMs, workedMs);
    if (this.#workedMs < this.#minWorkedMs || workedMs >= this.#mostMs * quietShare) return;
    this.#workedMs = 0;
    this.#mostMs = workedMs;
    this.#onQuiet();
  }
}

/** Between two looks at what a thread has done, in milliseconds. */
const threadIntervalMs = 5_000;

/** About a thousand visits, in milliseconds. To collect what they have left takes about a twentieth of it. */
const minThreadWorkedMs = 1_000;

/**
 * From one collection to the next that lets V8 give back pages, in milliseconds. V8 puts the pages that it has emptied into a pool
 * for all threads, to use them again; it gives them back eight seconds later, or keeps those that arrive within twelve seconds
 * of others until a collection brings more.
 */
const pagePoolMs = 15_000;

/**
 * From now on collects the garbage of this thread's heap whenever the thread has worked and has little to do any more: twice,
 * since V8 chooses the pages that it empties when a collection begins, by what the one before has found on them, so that the
 * first leaves pages of a few objects and many holes; and once more, so that it gives back what it has emptied. Call it once
 * in each thread.
 *
 * @param intervalMs - between two looks
 * @param poolMs - from the second collection to the third
 */
export function collectWhenQuiet(intervalMs = threadIntervalMs, poolMs = pagePoolMs): void {
  let last: NodeJS.Timeout | undefined;
  const collect = async () => {
    await collectGarbage();
    await collectGarbage();
    clearTimeout(last);
    last = setTimeout(() => void collectGarbage(), poolMs).unref();
  };
  const watch = new QuietWatch(minThreadWorkedMs, () => void collect());
  let before = performance.eventLoopUtilization();
  setInterval(() => {
    const now = performance.eventLoopUtilization();
    watch.observe(now.active - before.active);
    before = now;
  }, intervalMs).unref();
}

/** Between two looks at the process, in milliseconds. So long that its threads have collected their garbage before. */
const processIntervalMs = 15_000;

/** Processor time of all threads, in milliseconds. To give back takes about a twentieth of it, of one thread that does nothing else. */
const minProcessWorkedMs = 1_000;

/**
 * From now on lets the allocator give back what has been freed whenever this process has worked and has little to do any more.
 * Call it once, in the main thread. Does nothing if another allocator than that of the system is loaded, which gives back by
 * itself.
 *
 * @param intervalMs - between two looks
 */
export function trimWhenQuiet(intervalMs = processIntervalMs): void {
  if (process.platform !== 'linux' || /malloc/.test(process.env['LD_PRELOAD'] ?? '')) return;
  const watch = new QuietWatch(minProcessWorkedMs, () => {
    // It is a help and no more.
    callInThread('trimAllocator', undefined).catch(() => undefined);
  });
  let before = process.cpuUsage();
  setInterval(() => {
    const now = process.cpuUsage();
    watch.observe((now.user + now.system - before.user - before.system) / 1000);
    before = now;
  }, intervalMs).unref();
}

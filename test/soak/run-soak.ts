import { setTimeout as sleep } from 'node:timers/promises';
import { allocatorEnvironment } from './allocator.ts';
import { Load, type LoadCounts } from './load.ts';
import { ServerUnderSoak } from './server-under-soak.ts';
import { nextCycle, planCycles, type SoakCycle, type SoakOptions } from './soak-options.ts';
import type { ReachableCounts, ServerSample } from './soak-server.ts';

/** A sample of the time series. */
export interface SoakSample extends ServerSample {
  /** Since the start of the soak, in milliseconds. */
  readonly atMs: number;
  /** Connections that have been made. */
  readonly connectionCount: number;
  /** Clients that are connected. */
  readonly openCount: number;
}

/** The server when all clients have left and all sessions have expired. */
export interface QuietPoint extends SoakSample {
  readonly isWarmUp: boolean;
  /** Most bytes of sessions that the cycle before had. */
  readonly peakUsedBytes: number;
  /**
   * Resident memory after a forced collection of garbage, in the main thread and in all that serve; nothing was forced for
   * `residentBytes`.
   */
  readonly collectedResidentBytes: number;
  /** Threads whose garbage was collected for it. */
  readonly collectedThreadCount: number;
  /** Objects of connections while the sessions were alive still but the clients had left. */
  readonly reachableBefore: ReachableCounts;
  /** The same at the quiet point. */
  readonly reachable: ReachableCounts;
}

export interface SoakResult {
  readonly options: SoakOptions;
  readonly samples: readonly SoakSample[];
  readonly quietPoints: readonly QuietPoint[];
  readonly counts: LoadCounts;
  readonly lastError: string | undefined;
  /** Objects of connections before the first one. */
  readonly reachableAtStart: ReachableCounts;
}

/** Called with each quiet point and each sample, for a person who waits; and decides how long that is. */
export interface SoakObserver {
  readonly onSample?: (sample: SoakSample) => void;
  readonly onQuietPoint?: (point: QuietPoint) => void;
  /** Asked after the planned cycles, and after each further one: whether there is to be one more. Absent: no. */
  readonly wantsMore?: (points: readonly QuietPoint[], elapsedMs: number) => boolean;
}

/** The cache looks at the clock once a minute; past that nothing is awaited any more. */
const expiryDeadlineMs = 75_000;
/** After the sockets of the clients have closed, those of the server close. */
const closingDeadlineMs = 15_000;
const pollMs = 100;
/** While sessions are waited for: to be asked is work, and the server is to rest. */
const restPollMs = 2_000;

const accounts = Array.from({ length: 8 }, (_, index) => ({
  name: `user${index}`,
  password: 'correct-horse',
}));

/** Runs cycles of traffic and quiet against a server in a process of its own. */
export async function runSoak(
  options: SoakOptions,
  observer: SoakObserver = {},
): Promise<SoakResult> {
  const { cacheKind, lifetimeSeconds, workerCount, allocator } = options;
  const server = await ServerUnderSoak.start(
    { cacheKind, lifetimeSeconds, workerCount, accounts },
    allocatorEnvironment(allocator),
  );
  const soak = new Soak(server, options, observer);
  try {
    return await soak.run();
  } finally {
    await server.stop();
  }
}

class Soak {
  readonly #server: ServerUnderSoak;
  readonly #options: SoakOptions;
  readonly #observer: SoakObserver;
  readonly #load: Load;
  readonly #samples: SoakSample[] = [];
  readonly #startedAt = performance.now();

  constructor(server: ServerUnderSoak, options: SoakOptions, observer: SoakObserver) {
    this.#server = server;
    this.#options = options;
    this.#observer = observer;
    const { imapPort, imapsPort } = server;
    const { mix, concurrency, seed } = options;
    const lifetimeMs = options.lifetimeSeconds * 1000;
    this.#load = new Load({ imapPort, imapsPort, accounts, mix, lifetimeMs, concurrency, seed });
  }

  async run(): Promise<SoakResult> {
    const quietPoints: QuietPoint[] = [];
    // Each way of connecting once, so that what is made once is there.
    await this.#load.run(50);
    const reachableAtStart = await this.#server.count();
    const cycles = [...planCycles(this.#options)];
    for (const cycle of cycles) quietPoints.push(await this.#run(cycle));
    while (this.#observer.wantsMore?.(quietPoints, performance.now() - this.#startedAt) === true) {
      const cycle = nextCycle(cycles);
      cycles.push(cycle);
      quietPoints.push(await this.#run(cycle));
    }
    const { lastError, counts } = this.#load;
    return {
      options: this.#options,
      samples: this.#samples,
      quietPoints,
      counts,
      lastError,
      reachableAtStart,
    };
  }

  async #run({ connectionCount, isWarmUp }: SoakCycle): Promise<QuietPoint> {
    const firstSample = this.#samples.length;
    await this.#sampleDuring(this.#load.run(connectionCount));
    const point = await this.#sampleDuring(this.#quiet(isWarmUp, firstSample));
    this.#samples.push(point);
    this.#observer.onQuietPoint?.(point);
    return point;
  }

  async #quiet(isWarmUp: boolean, firstSample: number): Promise<QuietPoint> {
    await this.#waitFor(({ socketCount }) => socketCount === 0, closingDeadlineMs);
    const { usedBytes } = await this.#sample();
    const reachableBefore = await this.#server.count();
    // The age of a ticket is told by OpenSSL, whose clock nobody moves.
    this.#load.expireAll({ someComeBack: this.#options.cacheKind !== 'tickets' });
    await this.#server.expire();
    const { workerCount, lifetimeSeconds } = this.#options;
    const lifeMs = workerCount > 0 ? lifetimeSeconds * 1000 : 0;
    const figure = this.#options.cacheKind === 'never-frees' ? 'entryCount' : 'heldBytes';
    const isGone = (sample: SoakSample) => sample[figure] === 0;
    await this.#waitFor(isGone, lifeMs + expiryDeadlineMs, lifeMs > 0 ? restPollMs : pollMs);
    await sleep(this.#options.settleMs);
    const point = await this.#sample();
    const collectedThreadCount = await this.#server.collect();
    const reachable = await this.#server.count();
    // An allocator gives back what was freed a little later.
    await sleep(this.#options.settleMs);
    const { residentBytes: collectedResidentBytes } = await this.#sample();
    const cycle = this.#samples.slice(firstSample);
    return {
      ...point,
      isWarmUp,
      peakUsedBytes: Math.max(usedBytes, ...cycle.map((sample) => sample.usedBytes)),
      collectedResidentBytes,
      collectedThreadCount,
      reachableBefore,
      reachable,
    };
  }

  /** Takes samples until the task is done. */
  async #sampleDuring<T>(task: Promise<T>): Promise<T> {
    const done = new AbortController();
    const sampling = this.#sampleUntil(done.signal);
    try {
      return await task;
    } finally {
      done.abort();
      await sampling;
    }
  }

  async #sampleUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const sample = await this.#sample();
      this.#samples.push(sample);
      this.#observer.onSample?.(sample);
      await sleep(this.#options.sampleIntervalMs, undefined, { signal }).catch(() => {});
    }
  }

  async #waitFor(
    test: (sample: SoakSample) => boolean,
    deadlineMs: number,
    intervalMs = pollMs,
  ): Promise<void> {
    const deadline = performance.now() + deadlineMs;
    while (!test(await this.#sample()) && performance.now() < deadline) await sleep(intervalMs);
  }

  async #sample(): Promise<SoakSample> {
    const sample = await this.#server.sample();
    return {
      atMs: Math.round(performance.now() - this.#startedAt),
      connectionCount: this.#load.counts.connections,
      openCount: this.#load.openCount,
      ...sample,
    };
  }
}

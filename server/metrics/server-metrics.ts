import type { Clock, Credential, ResumptionProof, SessionCache } from '../../tls/index.ts';
import { AllThreadMetrics } from './all-thread-metrics.ts';
import { readingsOfMetric, threadMetrics, type ThreadMetricName } from './thread-metrics.ts';
import { addCertificateMetrics } from './certificate-metrics.ts';
import { countGroups, countHandshakes, type HandshakeCount } from './handshake-counts.ts';
import { oneReading, PolledRegistry, type Reading, type Readings } from './polled-registry.ts';
import { addProcessMetrics } from './process-metrics.ts';
import { addResumptionMetrics } from './resumption-metrics.ts';
import { addSessionCacheMetrics } from './session-cache-metrics.ts';
import { addStoreMetrics, type StoreMetricsOptions } from './store-metrics.ts';

/** Where the metrics of a server come from. */
export interface ServerMetricsOptions {
  readonly store: StoreMetricsOptions;
  /** The clock of the session cache. */
  readonly clock: Clock;
  /** Lines of the log that could not be written since the start. */
  readonly lostLogLines: () => number;
}

/** The metrics of a server: of its threads added up, of its session cache, its store and its process. */
export class ServerMetrics {
  /** Where threads that serve clients get room for their numbers. */
  readonly threads = new AllThreadMetrics();
  /** For the session cache, in milliseconds; see {@link addSessionCacheMetrics}. */
  readonly recordReclaim: (durationMs: number) => void;
  readonly #registry = new PolledRegistry();
  readonly #prepare: readonly (() => Promise<void>)[];
  #sessionCache: SessionCache | undefined;
  #proof: ResumptionProof | undefined;
  #readCredentials: () => readonly Credential[] = () => [];
  #values: Float64Array = this.threads.sum();
  #unknownLookups = 0;

  constructor({ store, clock, lostLogLines }: ServerMetricsOptions) {
    for (const [name, threadMetric] of Object.entries(threadMetrics)) {
      const metric = {
        name: threadMetric.name,
        help: threadMetric.help,
        read: () =>
          name === 'lookups'
            ? this.#readLookups(this.#values)
            : this.#read(name as ThreadMetricName),
      };
      if (threadMetric.kind === 'gauge') this.#registry.addGauge(metric);
      else this.#registry.addCounter(metric);
    }
    this.#registry.addCounter({
      name: 'reprise_workers_replaced_total',
      help: 'Workers that were started in the place of one that crashed.',
      read: () => oneReading(this.threads.replacedCount),
    });
    this.#registry.addCounter({
      name: 'reprise_log_lines_lost_total',
      help: 'Lines of the log that could not be written.',
      read: () => oneReading(lostLogLines()),
    });
    addCertificateMetrics(this.#registry, () => this.#readCredentials());
    addResumptionMetrics(this.#registry, () => this.#proof);
    this.recordReclaim = addSessionCacheMetrics(this.#registry, {
      read: () => this.#sessionCache?.stats(),
      clock,
    });
    this.#prepare = [
      addStoreMetrics(this.#registry, store),
      addProcessMetrics(this.#registry, () => this.#proof?.ticketKeyMode),
    ];
  }

  /** The media type of {@link text}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Shows the numbers of a cache from now on. */
  watchSessionCache(cache: SessionCache): void {
    this.#sessionCache = cache;
  }

  /** Shows when the certificates end that `read` returns at each scrape. */
  watchCredentials(read: () => readonly Credential[]): void {
    this.#readCredentials = read;
  }

  /** Handshakes since the start, by how clients come back. */
  handshakes(): readonly HandshakeCount[] {
    return countHandshakes(this.threads.sum());
  }

  /** Handshakes since the start, by the group of their key exchange. */
  groups(): Readonly<Record<string, number>> {
    return countGroups(this.threads.sum());
  }

  /** Sessions that clients asked for since the start, by what became of it. */
  lookups(): Readonly<Record<string, number>> {
    const readings = this.#readLookups(this.threads.sum());
    return Object.fromEntries(readings.map(([{ result = '' }, value]) => [result, value]));
  }

  /** Shows what was found out about resumption from now on. */
  showProof(proof: ResumptionProof): void {
    this.#proof = proof;
  }

  /** The numbers as they are now, in Prometheus' text format. */
  async text(): Promise<string> {
    for (const prepare of this.#prepare) await prepare();
    this.#values = this.threads.sum();
    return this.#registry.text();
  }

  #read(name: ThreadMetricName): Readings {
    return readingsOfMetric(name, this.#values);
  }

  // To a thread an expired session is one that is not there. The cache knows better, but not of deadlines.
  #readLookups(values: Float64Array): readonly Reading[] {
    const readings = [...readingsOfMetric('lookups', values)];
    const valueOf = (wanted: string) =>
      readings.find(([{ result }]) => result === wanted)?.[1] ?? 0;
    const unknownToThreads = valueOf('unknown');
    const expiredInCache = this.#sessionCache?.stats().lookups.expired ?? 0;
    // The cache counts before the thread does: neither number may go down meanwhile.
    const unknown = Math.max(this.#unknownLookups, unknownToThreads - expiredInCache);
    this.#unknownLookups = unknown;
    const expired = valueOf('expired') + unknownToThreads - unknown;
    return readings.map(([labels, value]): Reading => {
      if (labels['result'] === 'unknown') return [labels, unknown];
      return [labels, labels['result'] === 'expired' ? expired : value];
    });
  }
}

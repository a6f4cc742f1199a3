import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Numbers with the labels they belong to. */
export type Readings = Iterable<readonly [labels: Readonly<Record<string, string>>, value: number]>;

export interface PolledMetric {
  readonly name: string;
  readonly help: string;
  /** Names of the labels; absent: none. */
  readonly labelNames?: readonly string[];
  /** Called for each scrape. What it leaves out is not shown. */
  readonly read: () => Readings;
}

/** Metrics of Prometheus whose numbers are kept elsewhere and read when they are asked for. */
export class PolledRegistry {
  readonly #registry = new Registry();

  /** The media type of {@link text}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The numbers must never go down while the process lives. */
  addCounter({ read, labelNames = [], ...metric }: PolledMetric): void {
    const counter = new Counter({
      ...metric,
      labelNames: [...labelNames],
      registers: [],
      collect() {
        clear(this, labelNames);
        for (const [labels, value] of read()) this.inc(labels, value);
      },
    });
    this.#registry.registerMetric(counter);
  }

  addGauge({ read, labelNames = [], ...metric }: PolledMetric): void {
    const gauge = new Gauge({
      ...metric,
      labelNames: [...labelNames],
      registers: [],
      collect() {
        clear(this, labelNames);
        for (const [labels, value] of read()) this.set(labels, value);
      },
    });
    this.#registry.registerMetric(gauge);
  }

  /** A histogram of durations; the function adds one, in seconds. */
  addHistogram(metric: {
    readonly name: string;
    readonly help: string;
    /** Upper bounds in seconds, ascending. */
    readonly buckets: readonly number[];
  }): (seconds: number) => void {
    const histogram = new Histogram({ ...metric, buckets: [...metric.buckets], registers: [] });
    this.#registry.registerMetric(histogram);
    return (seconds) => histogram.observe(seconds);
  }

  /** Everything in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}

function clear(metric: Counter | Gauge, labelNames: readonly string[]): void {
  metric.reset();
  // A metric without labels is 0 then; what is not known must not be shown as 0.
  if (labelNames.length === 0) metric.remove();
}

/** The readings of a metric without labels; none where the number is not known. */
export function oneReading(value: number | undefined): Readings {
  return value === undefined ? [] : [[{}, value]];
}

/** A reading for each field of a record, with the field's name as the only label. */
export function readingsOf(label: string, values: Readonly<Record<string, number>>): Readings {
  return Object.entries(values).map(([name, value]) => [{ [label]: name }, value] as const);
}

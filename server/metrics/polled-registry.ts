/** Numbers with the labels they belong to. */
export type Readings = Iterable<Reading>;

/** A value, with the labels that tell it from others of its metric. */
export type Reading = readonly [labels: Readonly<Record<string, string>>, value: number];

/** A metric whose value is read when it is asked for. */
export interface PolledMetric {
  readonly name: string;
  readonly help: string;
  /** Called for each scrape. What it leaves out is not shown. */
  readonly read: () => Readings;
}

/** What a histogram is called, and its buckets. */
export interface HistogramOptions {
  readonly name: string;
  readonly help: string;
  /** Upper bounds in seconds, ascending. */
  readonly buckets: readonly number[];
}

/**
 * Metrics in Prometheus' text format, whose numbers are kept elsewhere and read when they are asked for.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export class PolledRegistry {
  readonly #metrics: (() => Iterable<string>)[] = [];

  /** The media type of {@link text}. */
  get contentType(): string {
    return 'text/plain; version=0.0.4; charset=utf-8';
  }

  /** The numbers must never go down while the process lives. */
  addCounter(metric: PolledMetric): void {
    this.#metrics.push(() => linesOf('counter', metric));
  }

  addGauge(metric: PolledMetric): void {
    this.#metrics.push(() => linesOf('gauge', metric));
  }

  /** A histogram of durations; the function adds one, in seconds. */
  addHistogram({ name, help, buckets }: HistogramOptions): (seconds: number) => void {
    const counts = buckets.map(() => 0);
    let [count, sum] = [0, 0];
    this.#metrics.push(function* () {
      yield* headOf('histogram', name, help);
      for (const [index, bound] of buckets.entries()) {
        yield sample(`${name}_bucket`, { le: String(bound) }, counts[index] ?? 0);
      }
      yield sample(`${name}_bucket`, { le: '+Inf' }, count);
      yield sample(`${name}_sum`, {}, sum);
      yield sample(`${name}_count`, {}, count);
    });
    return (seconds) => {
      count += 1;
      sum += seconds;
      for (const [index, bound] of buckets.entries()) if (seconds <= bound) counts[index]! += 1;
    };
  }

  /** Everything as it is now. */
  text(): string {
    const lines: string[] = [];
    for (const metric of this.#metrics) lines.push(...metric());
    return `${lines.join('\n')}\n`;
  }
}

function* linesOf(kind: string, { name, help, read }: PolledMetric): Generator<string> {
  yield* headOf(kind, name, help);
  for (const [labels, value] of read()) yield sample(name, labels, value);
}

function headOf(kind: string, name: string, help: string): readonly string[] {
  return [`# HELP ${name} ${escape(help)}`, `# TYPE ${name} ${kind}`];
}

function sample(name: string, labels: Readonly<Record<string, string>>, value: number): string {
  const pairs = Object.entries(labels).map(
    ([label, text]) => `${label}="${escape(text).replaceAll('"', '\\"')}"`,
  );
  const labelled = pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`;
  return `${labelled} ${formatNumber(value)}`;
}

function escape(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

/** As Go writes numbers, which differs from JavaScript only in what is not finite. */
function formatNumber(value: number): string {
  return String(value).replace('Infinity', 'Inf').replace(/^Inf/, '+Inf');
}

/** The readings of a metric without labels; none if the number is not known. */
export function oneReading(value: number | undefined): Readings {
  return value === undefined ? [] : [[{}, value]];
}

/** A reading for each field of a record, with the field's name as the only label. */
export function readingsOf(label: string, values: Readonly<Record<string, number>>): Readings {
  return Object.entries(values).map(([name, value]) => [{ [label]: name }, value] as const);
}

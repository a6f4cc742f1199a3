import {
  readingsOfMetric,
  metricValueCount,
  threadMetrics,
  type ThreadMetricName,
} from './thread-metrics.ts';
import { makeMetricValues } from './thread-metrics-recorder.ts';

/** The numbers of all threads that serve clients, added up. */
export class AllThreadMetrics {
  readonly #threads = new Map<number, Float64Array>();
  #replacedCount = 0;

  /** Threads that were started in the place of another. */
  get replacedCount(): number {
    return this.#replacedCount;
  }

  /**
   * The values for the thread of a number, which is about to start. One that takes the place of another
   * goes on counting where that left off, but for what is gone with it, such as its connections.
   */
  valuesOf(threadNumber: number): Float64Array {
    const known = this.#threads.get(threadNumber);
    if (known === undefined) {
      const values = makeMetricValues();
      this.#threads.set(threadNumber, values);
      return values;
    }
    this.#replacedCount += 1;
    clearGauges(known);
    return known;
  }

  /** The sum over all threads as it is now; a copy. */
  sum(): Float64Array {
    const sum = new Float64Array(metricValueCount);
    for (const values of this.#threads.values()) {
      for (let index = 0; index < metricValueCount; index++) sum[index]! += values[index]!;
    }
    return sum;
  }
}

function clearGauges(values: Float64Array): void {
  let index = 0;
  for (const [name, { kind }] of Object.entries(threadMetrics)) {
    for (const _ of readingsOfMetric(name as ThreadMetricName, values)) {
      if (kind === 'gauge') values[index] = 0;
      index += 1;
    }
  }
}

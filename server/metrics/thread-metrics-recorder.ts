import type { Command } from '../../protocol/grammar/commands.ts';
import type { TlsEvent } from '../../tls/index.ts';
import {
  metricValueCount,
  type ThreadMetricName,
  metricValueIndex,
  type ThreadMetricLabels,
} from './thread-metrics.ts';
import type {
  ClientPort,
  CommandResult,
  ConnectionEndCause,
  LoginResult,
  MetricsRecorder,
} from './metrics-recorder.ts';

/**
 * Room for the numbers of one thread. It is shared memory: send it to the thread, and read it here whenever
 * they are wanted. So a thread that hangs is no obstacle, and what a crashed one has counted is not lost.
 */
export function makeMetricValues(): Float64Array {
  return new Float64Array(new SharedArrayBuffer(metricValueCount * Float64Array.BYTES_PER_ELEMENT));
}

/** Counts into values. One recorder at a time writes into them. */
export class ThreadMetricsRecorder implements MetricsRecorder {
  readonly #values: Float64Array;

  /** @param values - from {@link makeMetricValues} */
  constructor(values: Float64Array) {
    this.#values = values;
  }

  recordTlsEvent(event: TlsEvent): void {
    switch (event.kind) {
      case 'handshake': {
        const { mode, outcome } = event;
        this.#addHandshake(event.protocol, mode, outcome);
        this.#add('groups', { group: event.group as ThreadMetricLabels<'groups'>['group'] });
        break;
      }
      case 'failure':
        this.#addHandshake(event.protocol, event.mode, 'failed');
        this.#add('handshakeFailures', { cause: event.code });
        break;
      case 'lookup':
        this.#add('lookups', { result: event.result });
        break;
      case 'cacheError':
        break;
    }
  }

  recordConnectionOpened(port: ClientPort): void {
    this.#add('connections', { port });
    this.#add('connectionsOpened', { port });
  }

  recordConnectionClosed(port: ClientPort): void {
    this.#add('connections', { port }, -1);
  }

  recordConnectionRefused(): void {
    this.#add('connectionsRefused', {});
  }

  recordConnectionEnded(cause: ConnectionEndCause): void {
    this.#add('connectionsEnded', { cause });
  }

  recordLogin(result: LoginResult): void {
    this.#add('logins', { result });
  }

  recordCommand(name: Command['name'] | undefined, result: CommandResult): void {
    this.#add('commands', { command: name ?? 'unknown', result });
  }

  #addHandshake(
    protocol: string,
    mode: ThreadMetricLabels<'handshakes'>['mode'],
    outcome: ThreadMetricLabels<'handshakes'>['outcome'],
  ): void {
    const version = protocol as ThreadMetricLabels<'handshakes'>['version'];
    if (!this.#add('handshakes', { version, mode, outcome })) {
      this.#add('handshakes', { version: 'unknown', mode, outcome });
    }
  }

  /** False where there is no such number. */
  #add<Name extends ThreadMetricName>(
    name: Name,
    labels: ThreadMetricLabels<Name>,
    amount = 1,
  ): boolean {
    const index = metricValueIndex(name, labels);
    if (index === -1) return false;
    this.#values[index]! += amount;
    return true;
  }
}

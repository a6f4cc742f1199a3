import type { Command } from '../../protocol/grammar/commands.ts';

/** Numbers of one kind: one for each combination of its labels' values. */
export interface ThreadMetric {
  /** As Prometheus shows it. */
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'gauge';
  /** The values that each label can have. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
}

/** Not read from the command table: the thread that only shows the numbers need not load what carries commands out. */
const commandNames = [
  'APPEND',
  'AUTHENTICATE',
  'CANCELUPDATE',
  'CAPABILITY',
  'CHECK',
  'CLOSE',
  'COMPRESS',
  'COPY',
  'CREATE',
  'DELETE',
  'ENABLE',
  'ESEARCH',
  'EXAMINE',
  'EXPUNGE',
  'FETCH',
  'GETMETADATA',
  'ID',
  'IDLE',
  'LANGUAGE',
  'LIST',
  'LOGIN',
  'LOGOUT',
  'LSUB',
  'MOVE',
  'NAMESPACE',
  'NOOP',
  'NOTIFY',
  'RENAME',
  'REPLACE',
  'RLIST',
  'RLSUB',
  'SEARCH',
  'SELECT',
  'SETMETADATA',
  'SORT',
  'STARTTLS',
  'STATUS',
  'STORE',
  'SUBSCRIBE',
  'THREAD',
  'UIDBATCHES',
  'UNAUTHENTICATE',
  'UNSELECT',
  'UNSUBSCRIBE',
] as const satisfies readonly Command['name'][];

/** Fails to compile if a command has no number here. */
type EveryCommandCounts<Missing extends never> = Missing;
/** Never: a command that no metric counts would be a compile error. */
export type UncountedCommand = EveryCommandCounts<
  Exclude<Command['name'], (typeof commandNames)[number]>
>;

/** What a thread that serves clients counts. */
export const threadMetrics = {
  handshakes: {
    name: 'reprise_tls_handshakes_total',
    help:
      'TLS handshakes, by protocol version, by how the client was or can be resumed, and by outcome. ' +
      'Of failed ones the version is the best that the client offered; unknown where it offered none.',
    kind: 'counter',
    labels: {
      version: ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3', 'unknown'],
      mode: ['stateful', 'ticket', 'none'],
      outcome: ['full', 'resumed', 'failed'],
    },
  },
  groups: {
    name: 'reprise_tls_groups_total',
    help:
      'TLS handshakes that came to an end, by the group of their key exchange. none: there was none, as when TLS ' +
      'before 1.3 is resumed.',
    kind: 'counter',
    labels: {
      group: ['X25519MLKEM768', 'X25519', 'P-256', 'P-384', 'P-521', 'none', 'unknown'],
    },
  },
  handshakeFailures: {
    name: 'reprise_tls_failures_total',
    help: 'TLS handshakes that failed, by cause.',
    kind: 'counter',
    labels: {
      cause: [
        'NOT_TLS',
        'HELLO_TOO_LARGE',
        'HELLO_TIMEOUT',
        'TOO_MANY_PENDING',
        'CLOSED',
        'HANDSHAKE_FAILED',
        'CLIENT_CERTIFICATE_REFUSED',
        'ACCEPTOR_CLOSED',
      ],
    },
  },
  lookups: {
    name: 'reprise_session_cache_lookups_total',
    help: 'Sessions that clients asked for, by what became of it.',
    kind: 'counter',
    labels: { result: ['hit', 'unknown', 'expired', 'timeout', 'error'] },
  },
  connections: {
    name: 'reprise_connections',
    help: 'Clients that are connected, by the port they came to; handshakes under way on the port for TLS left out.',
    kind: 'gauge',
    labels: { port: ['imap', 'imaps'] },
  },
  connectionsOpened: {
    name: 'reprise_connections_total',
    help: 'Clients that have connected, by the port they came to.',
    kind: 'counter',
    labels: { port: ['imap', 'imaps'] },
  },
  connectionsRefused: {
    name: 'reprise_connections_refused_total',
    help: 'Clients that were sent away, since there were too many or the server stopped.',
    kind: 'counter',
    labels: {},
  },
  connectionsEnded: {
    name: 'reprise_connections_ended_total',
    help:
      'Clients whose connection the server has ended, by cause. late: no login in time; notImap: their first ' +
      'command was none; notTls: TLS was expected, and they sent something else; commandFlood: too many commands in a second before login; unfinishedInput: strangers had sent too much ' +
      'that they did not finish; stalled: took no output; ' +
      'proxyHeader: a PROXY header was missing, malformed or from an address that is not trusted; room: had to make ' +
      'room before login; slow: handshakes that took longest while there were too many.',
    kind: 'counter',
    labels: {
      cause: [
        'late',
        'autologout',
        'notImap',
        'notTls',
        'commandFlood',
        'unfinishedInput',
        'stalled',
        'proxyHeader',
        'room',
        'slow',
      ],
    },
  },
  logins: {
    name: 'reprise_logins_total',
    help: 'Logins, by result; busy: not looked at, since too many waited; referred: right, but the mail is on another server.',
    kind: 'counter',
    labels: { result: ['accepted', 'refused', 'busy', 'referred'] },
  },
  commands: {
    name: 'reprise_commands_total',
    help: 'IMAP commands, by name and by what they were answered with.',
    kind: 'counter',
    labels: {
      command: [...commandNames, 'unknown'],
      result: ['ok', 'no', 'bad', 'error', 'ended'],
    },
  },
} as const satisfies Record<string, ThreadMetric>;

/** A metric of {@link threadMetrics}. */
export type ThreadMetricName = keyof typeof threadMetrics;

/** A value for each label of a metric. */
export type ThreadMetricLabels<Name extends ThreadMetricName> = {
  readonly [
    Label in keyof (typeof threadMetrics)[Name]['labels']
  ]: (typeof threadMetrics)[Name]['labels'][Label] extends readonly (infer Value)[] ? Value : never;
};

interface Place {
  readonly metric: ThreadMetric;
  readonly start: number;
  readonly length: number;
}

const places = placeMetrics();

/** How many numbers there are in all. */
export const metricValueCount = [...places.values()].reduce((sum, { length }) => sum + length, 0);

/** Where a number lies; -1 where a label has a value that the metric does not know. */
export function metricValueIndex<Name extends ThreadMetricName>(
  name: Name,
  labels: ThreadMetricLabels<Name>,
): number {
  const { metric, start } = places.get(name)!;
  let index = 0;
  for (const label in metric.labels) {
    const values = metric.labels[label]!;
    const position = values.indexOf((labels as Readonly<Record<string, string>>)[label]!);
    if (position === -1) return -1;
    index = index * values.length + position;
  }
  return start + index;
}

/** All numbers of a metric with their labels. */
export function* readingsOfMetric(
  name: ThreadMetricName,
  values: Float64Array,
): Generator<readonly [labels: Readonly<Record<string, string>>, value: number]> {
  const { metric, start, length } = places.get(name)!;
  for (let offset = 0; offset < length; offset++) {
    yield [labelsAt(metric, offset), values[start + offset] ?? 0];
  }
}

function labelsAt(metric: ThreadMetric, offset: number): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  let stride = combinationCount(metric);
  for (const [label, values] of Object.entries(metric.labels)) {
    stride /= values.length;
    labels[label] = values[Math.floor(offset / stride) % values.length]!;
  }
  return labels;
}

function combinationCount({ labels }: ThreadMetric): number {
  return Object.values(labels).reduce((product, values) => product * values.length, 1);
}

function placeMetrics(): ReadonlyMap<ThreadMetricName, Place> {
  const found = new Map<ThreadMetricName, Place>();
  let start = 0;
  for (const [name, metric] of Object.entries(threadMetrics) as [
    ThreadMetricName,
    ThreadMetric,
  ][]) {
    const length = combinationCount(metric);
    found.set(name, { metric, start, length });
    start += length;
  }
  return found;
}

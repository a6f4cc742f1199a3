import { readingsOfMetric } from './thread-metrics.ts';

/** Handshakes of one way to resume and one version of TLS since the start of the server. */
export interface HandshakeCount {
  /** How clients were resumed or, after a full handshake, could be later: `stateful`, `ticket`, `none`. */
  readonly mode: string;
  /** `TLSv1.2`, `TLSv1.3` and the like. */
  readonly version: string;
  readonly full: number;
  readonly resumed: number;
  /** The part of them that was resumed, 0 to 1. */
  readonly hitRate: number;
}

/**
 * What threads have counted, most handshakes first; nothing for those that there were none of.
 *
 * @param values - of threads, added up
 */
export function countHandshakes(values: Float64Array): readonly HandshakeCount[] {
  const counts = new Map<
    string,
    { mode: string; version: string; full: number; resumed: number }
  >();
  for (const [{ mode = '', version = '', outcome }, value] of readingsOfMetric(
    'handshakes',
    values,
  )) {
    if (outcome !== 'full' && outcome !== 'resumed') continue;
    const key = `${mode} ${version}`;
    const count = counts.get(key) ?? { mode, version, full: 0, resumed: 0 };
    count[outcome] += value;
    counts.set(key, count);
  }
  return [...counts.values()]
    .filter(({ full, resumed }) => full + resumed > 0)
    .toSorted((one, other) => other.full + other.resumed - (one.full + one.resumed))
    .map((count) => ({ ...count, hitRate: count.resumed / (count.full + count.resumed) }));
}

/** Handshakes by the group of their key exchange; nothing for groups that none had. */
export function countGroups(values: Float64Array): Readonly<Record<string, number>> {
  const readings = [...readingsOfMetric('groups', values)].filter(([, value]) => value > 0);
  return Object.fromEntries(readings.map(([{ group = '' }, value]) => [group, value]));
}

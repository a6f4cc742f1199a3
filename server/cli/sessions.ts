import { PurgeError, type PurgeOwner, type SessionCacheStats } from '../../tls/index.ts';
import type { PurgeReport, SessionReport } from '../admin/session-administration.ts';
import type { HandshakeCount } from '../metrics/handshake-counts.ts';
import { formatByteSize } from '../config/byte-size.ts';
import { type ControlClient, connectToServer } from '../control/control-client.ts';
import { readCommandConfiguration } from './command-configuration.ts';
import type { GlobalOptions, PurgeOptions, SessionStatsOptions } from './command-options.ts';
import { UsageError } from './usage-error.ts';

/** `sessions stats` */
export async function showSessions(options: SessionStatsOptions): Promise<void> {
  const report = await withServer(options, (server) => server.sessionReport());
  console.log(options.json === true ? JSON.stringify(report) : describe(report));
}

/** `sessions purge` */
export async function purgeSessions(options: PurgeOptions): Promise<void> {
  const owner = ownerOf(options);
  const report = await withServer(options, (server) => server.purgeSessions(owner));
  for (const line of describePurge(report, owner)) console.log(line);
  const { problems, purgedCount } = report;
  if (problems.length > 0) throw new PurgeError(problems.join('\n'), purgedCount);
}

/** What was done. */
function* describePurge(
  { kind, purgedCount, endedCount, areTicketsLeft }: PurgeReport,
  owner: PurgeOwner,
): Generator<string> {
  if (kind === 'stateful') yield `Purged ${count(purgedCount, 'session')}`;
  if (kind === 'off') yield 'There are no sessions to purge: resumption is off';
  if (kind === 'tickets') {
    if (owner === 'all' && !areTicketsLeft) yield 'Ended all tickets: their keys are replaced';
    if (owner !== 'all' && 'certificate' in owner) {
      yield 'There is nothing to purge: clients that show a certificate get no tickets';
    }
  }
  if (endedCount !== undefined) yield `Ended ${count(endedCount, 'connection')}`;
  if (kind !== 'stateful' || !areTicketsLeft) return;
  yield owner === 'all'
    ? 'Tickets are left: they are made with REPRISE_SESSION_SECRET, and end with another secret'
    : 'Tickets belong to nobody the server knows: those that clients have are left';
}

function ownerOf({ account, certificate, all }: PurgeOptions): PurgeOwner {
  const owners: PurgeOwner[] = [];
  if (account !== undefined) owners.push({ account });
  if (certificate !== undefined) owners.push({ certificate: fingerprintOf(certificate) });
  if (all === true) owners.push('all');
  const [owner, ...others] = owners;
  if (owner === undefined || others.length > 0) {
    throw new UsageError('Say what to purge: --account NAME, --certificate FINGERPRINT or --all');
  }
  return owner;
}

/** As TLS has it, however it was typed. */
function fingerprintOf(text: string): string {
  const digits = text.replaceAll(':', '').toLowerCase();
  if (!/^[\da-f]{64}$/.test(digits)) {
    throw new UsageError(
      `Cannot read fingerprint "${text}", expected SHA-256 in 64 hexadecimal digits, with or without colons`,
    );
  }
  return digits;
}

async function withServer<T>(
  options: GlobalOptions,
  action: (server: ControlClient) => Promise<T>,
): Promise<T> {
  const { dataDirectory } = readCommandConfiguration(options);
  const server = await connectToServer(dataDirectory);
  if (server === undefined) {
    throw new UsageError(
      `No server runs on data directory "${dataDirectory}": there are no sessions to see or to purge`,
    );
  }
  try {
    return await action(server);
  } finally {
    await server.close();
  }
}

function describe(report: SessionReport): string {
  const { kind, stats, oldestSeconds, handshakes, lookups, groups } = report;
  const { removed, refused } = stats;
  const rows: readonly (readonly [string, string])[] = [
    ['Resumption', kind],
    ['Sessions', stats.entryCount.toLocaleString('en')],
    ['Used', formatByteSize(stats.usedBytes)],
    ['Held', formatByteSize(stats.heldBytes)],
    ['Oldest', oldestSeconds === undefined ? '-' : `${Math.round(oldestSeconds)} s`],
    ...handshakes.map(
      (count, index) => [index === 0 ? 'Handshakes' : '', describeHandshakes(count)] as const,
    ),
    ['Groups', list(groups) || '-'],
    ['Lookups', list(lookups)],
    ['Removed', list(removed)],
    ['Refused', list({ 'too large': refused.tooLarge, 'over share': refused.overShare })],
    ...failureRow(stats),
  ];
  return rows.map(([name, value]) => `${name.padEnd(12)}${value}`).join('\n');
}

function describeHandshakes({ mode, version, full, resumed, hitRate }: HandshakeCount): string {
  return `${mode} ${version}: ${list({ full, resumed })} (${(100 * hitRate).toFixed(1)} %)`;
}

function failureRow({ failures }: SessionCacheStats): readonly (readonly [string, string])[] {
  return failures === undefined ? [] : [['Failures', list(failures)]];
}

function list(values: Readonly<Record<string, number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value.toLocaleString('en')}`)
    .join(', ');
}

function count(amount: number, noun: string): string {
  return `${amount.toLocaleString('en')} ${noun}${amount === 1 ? '' : 's'}`;
}

import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type EphemeralKeyInfo, type TLSSocket } from 'node:tls';
import type { Test } from 'tap';
import { type MailServer, startMailServer } from '../../fixtures/mail-server.ts';
import { readMetrics } from '../../fixtures/metrics-text.ts';

export const versions = ['TLSv1.2', 'TLSv1.3'] as const;
export const securities = ['tls', 'starttls'] as const;
export const returnCount = 3;

type Version = (typeof versions)[number];
type Security = (typeof securities)[number];

/** What clients saw: handshakes by version and outcome, by group, and failures by cause. */
type Tally = Map<string, number>;

export interface Scene {
  readonly server: MailServer;
  readonly tally: Tally;
  /** A session of each kind of client, to come back with. */
  readonly sessions: Map<string, Buffer>;
}

export async function startScene(
  t: Test,
  environment: Readonly<Record<string, string>>,
): Promise<Scene> {
  const server = await startMailServer(t, {
    environment: { REPRISE_ADMIN_PORT: '0', ...environment },
  });
  return { server, tally: new Map(), sessions: new Map() };
}

export async function metricsOf({
  server,
}: Pick<Scene, 'server'>): Promise<Record<string, number>> {
  const response = await fetch(`http://127.0.0.1:${server.process.adminPort}/metrics`);
  return readMetrics(await response.text());
}

function count(tally: Tally, key: string): void {
  tally.set(key, (tally.get(key) ?? 0) + 1);
}

/** One visit, with the session of the last one of its kind. Whether it was resumed. */
export async function visit(scene: Scene, security: Security, version: Version): Promise<boolean> {
  const kind = `${security} ${version}`;
  const session = scene.sessions.get(kind);
  const client = await scene.server.connect(security, {
    minVersion: version,
    maxVersion: version,
    ...(session !== undefined && { session }),
  });
  // Sessions of TLS 1.3 come behind the handshake.
  await client.ok('NOOP');
  const { isResumed } = client;
  count(scene.tally, `${client.tlsSocket.getProtocol()} ${isResumed ? 'resumed' : 'full'}`);
  count(scene.tally, `group ${groupOf(client.tlsSocket, isResumed)}`);
  const last = client.sessions.at(-1);
  if (last !== undefined) scene.sessions.set(kind, last);
  await client.logout();
  return isResumed;
}

/** The group in which a client has agreed on keys; Node names curves as OpenSSL does. */
function groupOf(socket: TLSSocket, isResumed: boolean): string | undefined {
  if (isResumed && socket.getProtocol() !== 'TLSv1.3') return 'none';
  const { name } = socket.getEphemeralKeyInfo() as EphemeralKeyInfo;
  return name === 'prime256v1' ? 'P-256' : name;
}

/** All kinds of clients, each coming back a few times. How many visits were resumed. */
export async function visitInAllWays(scene: Scene): Promise<number> {
  let resumedCount = 0;
  for (const version of versions) {
    for (const security of securities) {
      for (let round = 0; round <= returnCount; round++) {
        if (await visit(scene, security, version)) resumedCount += 1;
      }
    }
  }
  return resumedCount;
}

/** Handshakes that fail: not TLS at all, a version that is too old, and a client that leaves. */
export async function failInAllWays({ server, tally }: Scene): Promise<void> {
  const port = server.process.imapsPort;
  const plain = connectTcp(port, '127.0.0.1');
  plain.end('a CAPABILITY\r\n');
  plain.resume();
  await once(plain, 'close');
  count(tally, 'NOT_TLS');

  const old = connectTls({
    port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    minVersion: 'TLSv1.1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
  const refused = new Promise((resolve) => old.once('error', resolve));
  await refused;
  count(tally, 'HANDSHAKE_FAILED');

  const silent = connectTcp(port, '127.0.0.1');
  await once(silent, 'connect');
  silent.end();
  silent.resume();
  await once(silent, 'close');
  count(tally, 'CLOSED');
}

/** The metrics say what the tally says, and nothing beyond. */
export function checkHandshakes(
  t: Test,
  { tally }: Scene,
  metrics: Readonly<Record<string, number>>,
  mode: string,
): void {
  const wanted: Record<string, number> = {};
  for (const [key, value] of tally) {
    const [version, outcome] = key.split(' ');
    if (version === 'group') {
      wanted[`reprise_tls_groups_total{group="${outcome}"}`] = value;
    } else if (outcome === undefined) {
      wanted[`reprise_tls_failures_total{cause="${key}"}`] = value;
      // Who was too old has said what it speaks; the others have said nothing.
      const labels =
        key === 'HANDSHAKE_FAILED'
          ? `version="TLSv1.1",mode="${mode}",outcome="failed"`
          : 'version="unknown",mode="none",outcome="failed"';
      const name = `reprise_tls_handshakes_total{${labels}}`;
      wanted[name] = (wanted[name] ?? 0) + value;
    } else {
      const labels = `version="${version}",mode="${mode}",outcome="${outcome}"`;
      wanted[`reprise_tls_handshakes_total{${labels}}`] = value;
    }
  }
  const found = Object.entries(metrics).filter(
    ([name, value]) => name.startsWith('reprise_tls_') && value !== 0,
  );
  t.same(Object.fromEntries(found), wanted);
}

export function lookups(metrics: Readonly<Record<string, number>>) {
  return Object.fromEntries(
    ['hit', 'unknown', 'expired', 'timeout', 'error'].map((result) => [
      result,
      metrics[`reprise_session_cache_lookups_total{result="${result}"}`],
    ]),
  );
}

export const kindCount = versions.length * securities.length;
export const noLookups = { hit: 0, unknown: 0, expired: 0, timeout: 0, error: 0 };

// What a server finds out about its own resumption before it listens, and what it makes of it.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import t, { type Test } from 'tap';
import { startTestServer } from '../../../server/testing.ts';
import type { BrokenPart } from '../../fixtures/broken-resumption.ts';
import { readMetrics } from '../../fixtures/metrics-text.ts';
import { type ServerProcess, startServerProcess } from '../../fixtures/server-process.ts';
import { TestAuthority } from '../../fixtures/test-authority.ts';
import { visitWithNode } from '../../fixtures/tls-visit.ts';
import { startTwoWorkers } from '../../fixtures/two-workers.ts';

const preload = pathToFileURL(
  resolve(import.meta.dirname, '../../fixtures/broken-resumption.ts'),
).href;

/** The environment of a server whose Node is broken in these parts, in all threads. */
function brokenEnvironment(...parts: readonly BrokenPart[]): Record<string, string> {
  return { NODE_OPTIONS: `--import=${preload}`, BROKEN_RESUMPTION: parts.join() };
}

async function start(
  t: Test,
  environment: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const server = await startServerProcess({
    environment: { REPRISE_ADMIN_PORT: '0', REPRISE_WORKERS: '0', ...environment },
  });
  t.teardown(() => server.stop());
  return server;
}

async function scrape({ adminPort }: ServerProcess): Promise<Record<string, number>> {
  return readMetrics(await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text());
}

/** The values of a metric by what its labels say of the kind. */
function provedIn(metrics: Readonly<Record<string, number>>): Record<string, number> {
  const name = 'reprise_resumption_proved';
  return Object.fromEntries(
    Object.entries(metrics).flatMap(([sample, value]) => {
      const kind = new RegExp(`^${name}\\{kind="([^"]+)"\\}$`).exec(sample)?.[1];
      return kind === undefined || kind.endsWith('-renewal') ? [] : [[kind, value]];
    }),
  );
}

/** How ticket keys come to OpenSSL. */
const ticketKeysOf = (metrics: Readonly<Record<string, number>>) =>
  /ticket_keys="(\w+)"/.exec(Object.keys(metrics).join(' '))?.[1];

const warningsOf = ({ log }: Pick<ServerProcess, 'log'>) =>
  log.filter(({ msg }) => String(msg).includes('does not resume'));

/** How many of three reconnections with TLS 1.3 are resumed. */
async function countResumed(port: number): Promise<number> {
  let resumedCount = 0;
  let { sessions } = await visitWithNode({ port, version: 'TLSv1.3' });
  for (let round = 0; round < 3; round++) {
    const visit = await visitWithNode({ port, version: 'TLSv1.3', session: sessions.at(-1) });
    if (visit.isResumed) resumedCount++;
    if (visit.sessions.length > 0) sessions = visit.sessions;
  }
  return resumedCount;
}

for (const workers of ['0', '1']) {
  await t.test(`all resumes, and the proof leaves no trace, with ${workers} workers`, async (t) => {
    const server = await start(t, { REPRISE_WORKERS: workers });
    const metrics = await scrape(server);
    t.strictSame(provedIn(metrics), {
      'tls12-stateful': 1,
      'tls13-stateful': 1,
      'tls13-hybrid': 1,
    });
    t.strictSame(warningsOf(server), []);
    const counts = Object.entries(metrics).filter(([name]) =>
      /^reprise_(?:tls_|connections|session_cache_(?:lookups|entries|removed))/.test(name),
    );
    t.ok(counts.length > 10);
    for (const [name, count] of counts) t.equal(count, 0, name);
  });
}

await t.test('what the configuration excludes is not tried', async (t) => {
  const tickets = await start(t, {
    REPRISE_SESSION_CACHE: 'tickets',
    REPRISE_TLS_POLICY: 'modern',
  });
  t.strictSame(provedIn(await scrape(tickets)), { 'tls13-ticket': 1 });
  const off = await start(t, { REPRISE_SESSION_CACHE: 'off' });
  t.strictSame(provedIn(await scrape(off)), {});
  const authority = await TestAuthority.create('Clients');
  const directory = t.testdir();
  const [caPath, secretPath] = [join(directory, 'ca.pem'), join(directory, 'secret')];
  writeFileSync(caPath, authority.cert);
  writeFileSync(secretPath, randomBytes(32));
  const asking = await start(t, {
    REPRISE_TLS_CLIENT_AUTH: 'required',
    REPRISE_TLS_CLIENT_CA: caPath,
    // Nobody is there: memory stands in for it.
    REPRISE_SESSION_CACHE: 'redis://127.0.0.1:1',
    REPRISE_SESSION_SECRET: secretPath,
  });
  t.strictSame(provedIn(await scrape(asking)), { 'tls12-stateful': 1, 'tls13-stateful': 1 });
});

await t.test('with a Node that does not resume, clients get tickets and resume', async (t) => {
  const server = await start(t, {
    ...brokenEnvironment('tls13-stateful'),
    REPRISE_WORKERS: '1',
  });
  const metrics = await scrape(server);
  t.match(provedIn(metrics), { 'tls13-stateful': 0, 'tls12-stateful': 1, 'tls13-ticket': 1 });
  const [warning, ...others] = warningsOf(server);
  t.strictSame(others, []);
  const { node, openssl } = process.versions;
  t.match(warning, {
    level: 'warn',
    kind: 'tls13-stateful',
    reason: 'the handshake is a full one',
    node,
    openssl,
    msg: `TLS 1.3 from the session cache does not resume with Node ${node} and OpenSSL ${openssl}: clients get tickets; see "reprise self-test", and use a Node with which it passes`,
  });
  t.equal(await countResumed(server.imapsPort), 3);
  const resumed = 'reprise_tls_handshakes_total{version="TLSv1.3",mode="ticket",outcome="resumed"}';
  t.equal((await scrape(server))[resumed], 3);
});

await t.test('with a hook for ticket keys that does not work, tickets go without it', async (t) => {
  const environment = { REPRISE_WORKERS: '1', REPRISE_SESSION_CACHE: 'tickets' };
  const sound = await start(t, environment);
  t.equal(ticketKeysOf(await scrape(sound)), 'native');
  const server = await start(t, { ...environment, ...brokenEnvironment('ticket-hook') });
  t.equal(ticketKeysOf(await scrape(server)), 'per_key');
  t.equal(await countResumed(server.imapsPort), 3);
  t.match(
    server.log.filter(({ level }) => level === 'warn').map(({ msg }) => msg),
    [/^session tickets are not renewed with Node /],
  );
});

await t.test('a hook that ends the process is not touched if the operator says so', async (t) => {
  for (const cache of ['tickets', 'memory']) {
    const environment = {
      ...brokenEnvironment('ticket-hook-aborts'),
      REPRISE_WORKERS: '1',
      REPRISE_SESSION_CACHE: cache,
    };
    await t.rejects(start(t, environment), 'without the key there is no server');
    const server = await start(t, { ...environment, REPRISE_TICKET_KEYS: 'per_key' });
    t.equal(ticketKeysOf(await scrape(server)), 'per_key');
    t.equal(await countResumed(server.imapsPort), 3);
    t.strictSame(
      server.log.filter(({ level }) => level === 'warn'),
      [],
    );
  }
});

await t.test('a worker that replaces another knows the verdict too', async (t) => {
  const server = await startTwoWorkers(t, brokenEnvironment('tls13-stateful'));
  for (const worker of [1, 2]) await server.crash(worker);
  await server.logged('worker replaced', 2);
  t.equal(await countResumed(server.process.imapsPort), 3);
  t.equal(warningsOf(server.process).length, 1, 'found out once');
});

await t.test('if nothing resumes it is said, and clients are served', async (t) => {
  const server = await start(t, brokenEnvironment('tls12-stateful', 'tls13-stateful', 'tickets'));
  t.match(
    warningsOf(server).map(({ msg }) => msg),
    [
      /^TLS 1.2 from the session cache .*: clients make full handshakes;/,
      /^TLS 1.3 from the session cache .*: clients make full handshakes;/,
      /^TLS 1.2 with tickets .*: clients make full handshakes;/,
      /^TLS 1.3 with tickets .*: clients make full handshakes;/,
      /^TLS 1.3 with tickets beside .*: clients make full handshakes;/,
    ],
  );
  t.equal(await countResumed(server.imapsPort), 0);
});

await t.test('servers of one process share the verdict', async (t) => {
  const [first, second] = [await startTestServer(), await startTestServer()];
  t.teardown(() => Promise.all([first.stop(), second.stop()]));
  t.equal(first.server.resumptionProof, second.server.resumptionProof);
  t.equal(first.server.resumptionProof.results['tls13-stateful'], 'resumes');
});

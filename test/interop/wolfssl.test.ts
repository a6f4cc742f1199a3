// wolfSSL sends no legacy session id, so that no cache can serve it: it resumes with tickets in every mode. Once it has
// resumed without a new ticket it fails, so that each resumption must bring one, or none may be made.
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { RandomTicketKeys, SegmentSessionCache } from '../../tls/index.ts';
import { startServerProcess } from '../fixtures/server-process.ts';
import { lifetimeMs, startAcceptorServer } from '../fixtures/tls-acceptor-server.ts';

const isInstalled =
  spawnSync('gcc', ['--version']).status === 0 && existsSync('/usr/include/wolfssl/ssl.h');
if (!isInstalled && process.env['CI'] === 'true') {
  throw new Error('gcc or wolfSSL is not installed (apt-get install gcc libwolfssl-dev)');
}
const options = {
  skip: isInstalled
    ? false
    : 'gcc or wolfSSL is not installed (apt-get install gcc libwolfssl-dev)',
  timeout: 60_000,
};
t.setTimeout(120_000);

const reconnectionCount = 20;
const directory = await mkdtemp(join(tmpdir(), 'reprise-wolfssl-'));
t.teardown(() => rm(directory, { recursive: true, force: true }));
const program = join(directory, 'wolfssl-client');
if (isInstalled) {
  const source = join(import.meta.dirname, '../fixtures/wolfssl-client.c');
  execFileSync('gcc', ['-O1', '-o', program, source, '-lwolfssl']);
}

/** What became of a first visit and the reconnections. */
async function visit(port: number, ...more: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)(program, [
    String(port),
    String(1 + reconnectionCount),
    ...more,
  ]);
  return stdout.trim().split('\n');
}

const all = ['full', ...Array<string>(reconnectionCount).fill('resumed')];
const none = Array<string>(1 + reconnectionCount).fill('full');

for (const [sessionCache, wanted] of [
  ['memory', all],
  ['tickets', all],
  ['off', none],
] as const) {
  await t.test(`wolfSSL, ${sessionCache}`, options, async (t) => {
    const environment = { REPRISE_WORKERS: '2', REPRISE_SESSION_CACHE: sessionCache };
    const server = await startServerProcess({ environment });
    t.teardown(() => server.stop());
    t.same(await visit(server.imapsPort), wanted, 'on the port for TLS');
    t.same(await visit(server.imapPort, 'starttls'), wanted, 'after STARTTLS');
  });
}

for (const [kind, wanted] of [
  // Its first hello gets a ticket, the second a session of the cache.
  ['stateful', ['full', 'full', ...all.slice(2)]],
  ['tickets', none],
] as const) {
  await t.test(`wolfSSL, where tickets are not renewed, ${kind}`, options, async (t) => {
    const cache = new SegmentSessionCache({ maxBytes: 1024 * 1024, lifetimeMs });
    const ticketKeys = new RandomTicketKeys({ lifetimeMs });
    const resumption = { kind, cache, ticketKeys };
    const server = await startAcceptorServer({ ticketKeyMode: 'per_key', resumption });
    t.teardown(async () => {
      await server.stop();
      ticketKeys.close();
      await cache.close();
    });
    t.same(await visit(server.port), wanted, 'never an alert');
  });
}

// Full handshakes without a login: those from one address take a bounded part of the session cache, and no flood
// takes the session of a client that has logged in.
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { makeCredentials } from '../../server/authentication/make-credentials.ts';
import { readConfiguration } from '../../server/config/read-configuration.ts';
import { createServer, type RepriseServer } from '../../server/create-server.ts';
import { createLogger } from '../../server/logging.ts';
import { ImapClient } from '../fixtures/imap-client.ts';
import { visitWithNode } from '../fixtures/tls-visit.ts';

const cacheBytes = 1024 * 1024;
/** An address may hold two segments of a 64th of the cache. */
const shareBytes = cacheBytes / 32;
/** Of what all those have that have not logged in. */
const probationBytes = cacheBytes / 8;

/** Addresses of clients; all of 127.0.0.0/8 is this machine. */
const member = '127.0.0.2';
const newcomer = '127.0.0.3';

/** A session is resumed only under the name that it was made for. */
const servername = 'localhost';

await t.test('a flood from one address leaves room for the others', async (t) => {
  const server = await startServer(t, 2);
  const newcomerSession = await handshake(server, newcomer);
  const before = server.sessionCache.stats();
  await flood(server, 150, () => '127.0.0.1');
  const { usedBytes, removed, refused } = server.sessionCache.stats();
  const floodBytes = usedBytes - before.usedBytes;
  t.ok(floodBytes > shareBytes * 0.9 && floodBytes <= shareBytes, `${floodBytes} bytes`);
  t.ok(refused.overShare > 50, `${refused.overShare} sessions were refused`);
  t.equal(removed.evicted, 0);
  t.ok((await comeBack(server, newcomer, newcomerSession)).isResumed);
});

await t.test('a flood from many addresses evicts no session of who has logged in', async (t) => {
  const server = await startServer(t, 0);
  const memberSession = await login(server, member);
  const newcomerSession = await handshake(server, newcomer);
  await flood(server, 450, (number) => `127.1.${number >> 8}.${number & 255}`);
  const { usedBytes, removed } = server.sessionCache.stats();
  t.ok(usedBytes <= probationBytes + 1_000, `${usedBytes} bytes`);
  t.ok(removed.evicted > 0, `${removed.evicted} sessions were evicted`);
  t.ok((await comeBack(server, member, memberSession)).isResumed);
  t.notOk((await comeBack(server, newcomer, newcomerSession)).isResumed, 'but of who has not');
});

/** Full handshakes without a login, from the addresses of the numbers from 1. */
async function flood(server: RepriseServer, count: number, addressOf: (number: number) => string) {
  let number = 0;
  const visit = async () => {
    while (number < count) await handshake(server, addressOf(++number));
  };
  await Promise.all(Array.from({ length: 10 }, visit));
}

async function startServer(t: Test, workerCount: number): Promise<RepriseServer> {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'reprise-test-'));
  t.teardown(() => rm(dataDirectory, { recursive: true, force: true }));
  const server = await createServer({
    configuration: readConfiguration({
      environment: {
        REPRISE_DATA: dataDirectory,
        REPRISE_HOST: '127.0.0.1',
        REPRISE_IMAP_PORT: '-1',
        REPRISE_IMAPS_PORT: '0',
        REPRISE_ADMIN_PORT: '-1',
        REPRISE_WORKERS: String(workerCount),
        REPRISE_SESSION_CACHE_BYTES: String(cacheBytes),
      },
    }),
    logger: createLogger({ level: 'silent' }),
  });
  t.teardown(() => server.close({ deadlineMs: 1_000 }));
  await server.store.createAccount('alice', await makeCredentials('correct-horse'));
  return server;
}

/** The newest session of a client that has logged in. */
async function login({ imapsPort }: RepriseServer, address: string): Promise<Buffer> {
  const client = await ImapClient.connect({
    port: imapsPort,
    security: 'tls',
    tls: { minVersion: 'TLSv1.3', servername, socket: connectFrom(address, imapsPort) },
  });
  await client.login('alice', 'correct-horse');
  await client.logout();
  return client.sessions.at(-1)!;
}

/** The newest session of a client that has not. */
async function handshake(server: RepriseServer, address: string): Promise<Buffer> {
  return (await comeBack(server, address, undefined)).sessions.at(-1)!;
}

function comeBack({ imapsPort: port }: RepriseServer, address: string, session?: Buffer) {
  const socket = connectFrom(address, port);
  return visitWithNode({ port, version: 'TLSv1.3', session, socket, tls: { servername } });
}

function connectFrom(localAddress: string, port: number): Socket {
  return connect({ host: '127.0.0.1', port, localAddress });
}

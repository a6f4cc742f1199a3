// Nothing of a client that has gone stays reachable in the server, however it went. The control leaks one
// listener for each socket and must be seen.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import t from 'tap';
import type { HeapCounts } from '../fixtures/heap-server.ts';
import { ImapClient } from '../fixtures/imap-client.ts';

const clientCount = 200;

await t.test(`${clientCount} clients that idled and went leave nothing reachable`, async (t) => {
  const server = await startHeapServer();
  t.teardown(() => stop(server));
  const before = await counts(server);
  await visitAll(server);
  const after = await settled(server, before);
  t.same(after, before);
});

await t.test('control: a listener that keeps each socket is seen', async (t) => {
  const server = await startHeapServer({ LEAK: 'true' });
  t.teardown(() => stop(server));
  const before = await counts(server);
  await visitAll(server);
  const after = await settled(server, before, 2_000);
  t.ok(after.sockets - before.sockets >= clientCount, JSON.stringify(after));
});

interface HeapServer {
  readonly child: ChildProcess;
  readonly imapPort: number;
  readonly imapsPort: number;
}

async function startHeapServer(environment: NodeJS.ProcessEnv = {}): Promise<HeapServer> {
  const child = fork(join(import.meta.dirname, '../fixtures/heap-server.ts'), {
    env: { PATH: process.env['PATH'], ...environment },
    execArgv: [],
  });
  const [ports] = (await once(child, 'message')) as [{ imapPort: number; imapsPort: number }];
  return { child, ...ports };
}

async function stop({ child }: HeapServer): Promise<void> {
  const exited = once(child, 'exit');
  child.send('stop');
  await exited;
}

async function counts({ child }: HeapServer): Promise<HeapCounts> {
  child.send('count');
  const [answer] = (await once(child, 'message')) as [HeapCounts];
  return answer;
}

/** The counts once they are back where they were; or as they are after the deadline. */
async function settled(
  server: HeapServer,
  before: HeapCounts,
  deadlineMs = 10_000,
): Promise<HeapCounts> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const now = await counts(server);
    if (JSON.stringify(now) === JSON.stringify(before) || Date.now() > deadline) return now;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** All clients are there at once, in IDLE; they go in three ways: LOGOUT, without a word, with close_notify. */
async function visitAll(server: HeapServer): Promise<void> {
  const clients: ImapClient[] = [];
  for (let index = 0; index < clientCount; index++) {
    const security = index % 2 === 0 ? 'tls' : 'starttls';
    const port = security === 'tls' ? server.imapsPort : server.imapPort;
    const client = await ImapClient.connect({ port, security });
    await client.login('alice', 'secret');
    await client.ok('SELECT INBOX');
    if (index % 3 !== 0) {
      client.send('i IDLE\r\n');
      await client.read();
    }
    clients.push(client);
  }
  for (const [index, client] of clients.entries()) {
    if (index % 3 === 0) await client.logout();
    else if (index % 3 === 1) await client.drop();
    else client.socket.end();
  }
}

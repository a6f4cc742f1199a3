// Nothing of a client that has gone stays reachable in the server, however it went. The control leaks one
// listener for each socket and must be seen.
import t from 'tap';
import { HeapProcess } from '../fixtures/heap-process.ts';
import { ImapClient } from '../fixtures/imap-client.ts';

const clientCount = 100;

await t.test(`${clientCount} clients that idled and went leave nothing reachable`, async (t) => {
  const server = await HeapProcess.start(t);
  const before = await server.counts();
  await visitAll(server);
  // Never, if one of them stays.
  const after = await server.counts((now) => JSON.stringify(now) === JSON.stringify(before));
  t.same(after, before);
});

await t.test('control: a listener that keeps each socket is seen', async (t) => {
  const server = await HeapProcess.start(t, 'leak');
  const before = await server.counts();
  await visitAll(server);
  const after = await server.counts(({ openSockets }) => openSockets === before.openSockets);
  t.ok(after.sockets - before.sockets >= clientCount, JSON.stringify(after));
});

/** All clients are there at once, in IDLE; they go in three ways: LOGOUT, without a word, with close_notify. */
async function visitAll(server: HeapProcess): Promise<void> {
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

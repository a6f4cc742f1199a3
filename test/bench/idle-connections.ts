// Resident memory of a client over TLS that has logged in, selected INBOX and idles, from a cold start, so
// that no room which earlier connections left behind hides a part of it:
//
//     node test/bench/idle-connections.ts [clients] [options of the server's node …]
import { ImapClient } from '../fixtures/imap-client.ts';
import { startServerProcess, type ServerProcess } from '../fixtures/server-process.ts';

const [clientCount = '2000', ...nodeOptions] = process.argv.slice(2);
const largest = Number(clientCount);
const parallel = 10;

const server = await startServerProcess({ nodeOptions });
try {
  await server.addUser('alice', 'correct-horse');
  await measure(server);
} finally {
  await server.stop();
}

async function measure(server: ServerProcess): Promise<void> {
  const start = await server.residentBytes();
  const clients: ImapClient[] = [];
  let before = start;
  console.log(`start      ${mib(start)} MiB`);
  for (const target of [100, largest / 4, largest / 2, largest]) {
    const count = clients.length;
    while (clients.length < target) {
      clients.push(...(await Promise.all(Array.from({ length: parallel }, () => idle(server)))));
    }
    const now = await server.residentBytes();
    const each = kib((now - before) / (clients.length - count));
    const average = kib((now - start) / clients.length);
    console.log(
      `${String(clients.length).padEnd(10)} ${mib(now)} MiB, ${each} KiB each of the last, ${average} on average`,
    );
    before = now;
  }
  await Promise.all(clients.map((client) => client.drop()));
}

/** A client in IDLE. */
async function idle({ imapsPort }: ServerProcess): Promise<ImapClient> {
  const client = await ImapClient.connect({ port: imapsPort, security: 'tls' });
  await client.login('alice', 'correct-horse');
  await client.ok('SELECT INBOX');
  client.send('i IDLE\r\n');
  await client.read();
  return client;
}

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}

function kib(bytes: number): string {
  return (bytes / 1024).toFixed(1);
}

import { ImapClient } from '../fixtures/imap-client.ts';
import type { ServerProcess } from '../fixtures/server-process.ts';

/** Connections that are made at the same time. */
const parallel = 10;

/** Clients of the account alice that have selected INBOX and idle. */
export async function idleClients(server: ServerProcess, count: number): Promise<ImapClient[]> {
  const clients: ImapClient[] = [];
  while (clients.length < count) {
    const group = Array.from({ length: Math.min(parallel, count - clients.length) });
    clients.push(...(await Promise.all(group.map(() => idle(server)))));
  }
  return clients;
}

async function idle({ imapsPort }: ServerProcess): Promise<ImapClient> {
  const client = await ImapClient.connect({ port: imapsPort, security: 'tls' });
  await client.login('alice', 'correct-horse');
  await client.ok('SELECT INBOX');
  client.send('i IDLE\r\n');
  await client.read();
  return client;
}

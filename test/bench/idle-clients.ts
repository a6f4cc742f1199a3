import { randomBytes } from 'node:crypto';
import { ImapClient } from '../fixtures/imap-client.ts';
import type { ServerProcess } from '../fixtures/server-process.ts';

/** Of the names of mailboxes that are asked for, so that a client says much. */
const nameBytes = 512;

/** Connections that are made at the same time. */
const parallel = 10;

export interface IdleOptions {
  /** True if the client compresses. */
  readonly isCompressed?: boolean;
  /** How much the client says before it idles, in bytes. */
  readonly saidBytes?: number;
}

/** Clients of the account alice that have selected INBOX and idle. */
export async function idleClients(
  server: ServerProcess,
  count: number,
  options: IdleOptions = {},
): Promise<ImapClient[]> {
  const clients: ImapClient[] = [];
  while (clients.length < count) {
    const group = Array.from({ length: Math.min(parallel, count - clients.length) });
    clients.push(...(await Promise.all(group.map(() => idle(server, options)))));
  }
  return clients;
}

async function idle(
  { imapsPort }: ServerProcess,
  { isCompressed = false, saidBytes = 0 }: IdleOptions,
): Promise<ImapClient> {
  const client = await ImapClient.connect({ port: imapsPort, security: 'tls' });
  await client.login('alice', 'correct-horse');
  if (isCompressed) {
    await client.ok('COMPRESS DEFLATE');
    client.startDeflate();
  }
  for (let said = 0; said < saidBytes; said += nameBytes) {
    await client.command(`STATUS ${randomBytes(nameBytes / 2).toString('hex')} (MESSAGES)`);
  }
  await client.ok('SELECT INBOX');
  client.send('i IDLE\r\n');
  await client.read();
  return client;
}

// Resident memory that one client can make a server take, one that reads nothing of what it asked for, and one that files 50 MB:
//
//     npm run bench -- one-client [NAME=value of its environment …] [options of its node …]
//
// The mailbox of the first has 10,000 messages of 4 KiB. The second files its message on a server that has seen as many bytes
// in small messages, whose garbage has filled V8's young generation, and on a new one with --max-semi-space-size=1. What the
// threads hold is judged exactly by test/security/memory.test.ts.
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { ImapClient } from '../fixtures/imap-client.ts';
import { plainMessage } from '../fixtures/plain-message.ts';
import { BenchServer, password } from './bench-server.ts';
import { mebibyte, printFigure } from './figures.ts';
import { environmentOf, nodeOptionsOf } from './settings.ts';

const settings = process.argv.slice(2);
const environment = environmentOf(settings);
const nodeOptions = nodeOptionsOf(settings);
const command = 'FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE BODY.PEEK[])';

await withServer([], async (server) => {
  const grown = await readNothing(server);
  printFigure('a client that reads nothing of 10,000 messages', grown / mebibyte, 'MiB', {
    atMost: 4,
  });
});
await withServer([], async (server) => {
  const client = await login(server);
  const small = plainMessage('small', mebibyte / 2);
  for (let index = 0; index < 100; index++) await client.ok('APPEND INBOX', small);
  printLarge('a server that has seen traffic', await appendLarge(server, client));
});
await withServer(['--max-semi-space-size=1'], async (server) => {
  printLarge('a new server', await appendLarge(server, await login(server)));
});

async function withServer(
  options: readonly string[],
  measure: (server: BenchServer) => Promise<void>,
): Promise<void> {
  const server = await BenchServer.start({
    accounts: ['alice'],
    environment: { REPRISE_WORKERS: '0', ...environment },
    nodeOptions: [...options, ...nodeOptions],
  });
  try {
    await measure(server);
  } finally {
    await server.stop();
  }
}

async function login(server: BenchServer): Promise<ImapClient> {
  const client = await ImapClient.connect({ port: server.process.imapsPort, security: 'tls' });
  await client.login('alice', password);
  return client;
}

function printLarge(where: string, grownBytes: number): void {
  printFigure(`a message of 50 MB, ${where}`, grownBytes / mebibyte, 'MiB', { atMost: 32 });
}

/** How far resident memory rises at the most within two seconds after a client has asked for everything. */
async function readNothing(server: BenchServer): Promise<number> {
  const client = await login(server);
  await fill(client, 10_000);
  await client.ok('SELECT filled');
  // Once through, so that what the code itself takes is there before it is measured.
  client.send(`warm ${command}\r\n`);
  while (!(await client.read()).text.startsWith('warm OK'));
  const before = await server.process.residentBytes();
  client.socket.pause();
  client.send(`stuck ${command}\r\n`);
  let peak = 0;
  for (let sample = 0; sample < 100; sample++) {
    peak = Math.max(peak, await server.process.residentBytes());
    await delay(20);
  }
  await client.drop();
  return peak - before;
}

/** How far resident memory rises at the most while a message of 50 MB comes in. */
async function appendLarge(server: BenchServer, client: ImapClient): Promise<number> {
  const before = await server.process.residentBytes();
  const chunk = plainMessage('large', mebibyte);
  client.send(`a APPEND INBOX {${50 * chunk.length}}\r\n`);
  await client.read();
  let peak = 0;
  for (let sent = 0; sent < 50; sent++) {
    if (!client.socket.write(chunk)) await once(client.socket, 'drain');
    peak = Math.max(peak, await server.process.residentBytes());
  }
  client.send('\r\n');
  const { status, text } = await client.readTagged('a');
  if (status !== 'OK') throw new Error(`APPEND was answered ${status} ${text}`);
  peak = Math.max(peak, await server.process.residentBytes());
  await client.drop();
  return peak - before;
}

/** Makes the mailbox `filled` with messages of 4 KiB, by copying a few over and over. */
async function fill(client: ImapClient, count: number): Promise<void> {
  await client.ok('CREATE filled');
  for (let index = 0; index < 10; index++) {
    await client.ok('APPEND filled', plainMessage(`message ${index}`, 4096));
  }
  await client.ok('SELECT filled');
  for (let have = 10; have < count; have *= 2) {
    await client.ok(`COPY 1:${Math.min(have, count - have)} filled`);
  }
}

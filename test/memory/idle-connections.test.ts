// What a client costs that has logged in over TLS, selected a mailbox of 10,000 messages and idles: bytes that are reachable
// in the server, beside a client that has only connected. What the process takes of the system, OpenSSL included, is for
// `npm run bench -- idle-connections`.
import t, { type Test } from 'tap';
import { HeapProcess } from '../fixtures/heap-process.ts';
import type { HeapFault } from '../fixtures/heap-server.ts';
import { ImapClient } from '../fixtures/imap-client.ts';
import { plainMessage } from '../fixtures/plain-message.ts';

const clientCount = 100;
const messageCount = 10_000;
/** An idle client is at 1.3; one that had the UIDs of its mailbox for itself is at 3.2. */
const maxRatio = 2;

await t.test(
  `a client in IDLE holds at most ${maxRatio} times what a connection takes`,
  async (t) => {
    const { ratio, server, clients } = await compare(t);
    t.ok(ratio <= maxRatio, `${ratio} times`);

    const actor = await logIn(server);
    await actor.ok('APPEND INBOX', plainMessage('news'));
    const told = await Promise.all(clients.map(async (client) => (await client.read()).text));
    t.same(new Set(told), new Set([`* ${messageCount + 1} EXISTS`]), 'all of them listen');
  },
);

await t.test('control: sessions that share nothing hold more', async (t) => {
  const { ratio } = await compare(t, 'copies');
  t.ok(ratio > maxRatio, `${ratio} times`);
});

interface Comparison {
  readonly ratio: number;
  readonly server: HeapProcess;
  /** In IDLE. */
  readonly clients: readonly ImapClient[];
}

async function compare(t: Test, fault?: HeapFault): Promise<Comparison> {
  const server = await HeapProcess.start(t, fault);
  await fill(await logIn(server));
  const clients: ImapClient[] = [];
  t.teardown(() => Promise.all(clients.map((client) => client.drop())));
  const cost = async (connect: () => Promise<ImapClient>): Promise<number> => {
    await Promise.all(clients.splice(0).map((client) => client.drop()));
    // So that what the code itself keeps is there before.
    for (let count = 0; count < 10; count++) clients.push(await connect());
    const before = await server.reachableBytes();
    for (let count = 0; count < clientCount; count++) clients.push(await connect());
    return ((await server.reachableBytes()) - before) / clientCount;
  };
  const connected = await cost(() =>
    ImapClient.connect({ port: server.imapsPort, security: 'tls' }),
  );
  const idle = await cost(() => startIdling(server));
  t.comment(`${connected.toFixed(0)} bytes a connection, ${idle.toFixed(0)} an idle client`);
  return { ratio: idle / connected, server, clients };
}

async function logIn(server: HeapProcess): Promise<ImapClient> {
  const client = await ImapClient.connect({ port: server.imapsPort, security: 'tls' });
  await client.login('alice', 'secret');
  return client;
}

async function startIdling(server: HeapProcess): Promise<ImapClient> {
  const client = await logIn(server);
  await client.ok('SELECT INBOX');
  client.send('i IDLE\r\n');
  const { text } = await client.read();
  if (!text.startsWith('+')) throw new Error(`IDLE was answered "${text}"`);
  return client;
}

/** Fills INBOX, by copying a message over and over. */
async function fill(client: ImapClient): Promise<void> {
  await client.ok('APPEND INBOX', plainMessage('message'));
  await client.ok('SELECT INBOX');
  for (let have = 1; have < messageCount; have *= 2) {
    await client.ok(`COPY 1:${Math.min(have, messageCount - have)} INBOX`);
  }
  await client.logout();
}

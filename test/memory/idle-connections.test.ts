// What a client costs that has logged in over TLS, selected INBOX and idles: resident memory of the
// server's process, the clients being in this one.
import t from 'tap';
import type { ImapClient } from '../fixtures/imap-client.ts';
import { startMailServer } from '../fixtures/mail-server.ts';
import { plainMessage } from '../fixtures/plain-message.ts';

const clientCount = 1_000;
/**
 * So that the code that serves a client is there. Few, and few at a time: what more of them leave free in the
 * heap would hide a part of the clients that are measured.
 */
const warmUpCount = 50;
const concurrency = 10;
const maxKibPerClient = 64;

const server = await startMailServer(t);

await t.test(
  `${clientCount} clients in IDLE cost at most ${maxKibPerClient} KiB each`,
  async (t) => {
    const filler = await server.login();
    for (let index = 0; index < 100; index++) {
      await filler.ok('APPEND INBOX', plainMessage(`message ${index}`));
    }
    await filler.logout();

    await repeat(warmUpCount, async () => (await idle()).drop());
    const before = await server.process.residentBytes();
    const clients: ImapClient[] = [];
    await repeat(clientCount, async () => void clients.push(await idle()));
    const after = await server.process.residentBytes();

    const kib = (after - before) / 1024 / clientCount;
    t.comment(`${kib.toFixed(1)} KiB each; ${mib(before)} MiB before, ${mib(after)} MiB with them`);
    t.ok(kib <= maxKibPerClient, `${kib.toFixed(1)} KiB each`);

    const actor = await server.login();
    await actor.ok('APPEND INBOX', plainMessage('news'));
    const told = await Promise.all(clients.map(async (client) => (await client.read()).text));
    t.same(new Set(told), new Set(['* 101 EXISTS']), 'all of them were listening');
    await Promise.all(clients.map((client) => client.drop()));
    await (await server.login()).ok('NOOP');
  },
);

/** A client in IDLE. */
async function idle(): Promise<ImapClient> {
  const client = await server.login('tls');
  await client.ok('SELECT INBOX');
  client.send('i IDLE\r\n');
  const { text } = await client.read();
  if (!text.startsWith('+')) throw new Error(`IDLE answered "${text}"`);
  return client;
}

async function repeat(count: number, action: () => Promise<void>): Promise<void> {
  let begun = 0;
  const worker = async () => {
    while (begun++ < count) await action();
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}

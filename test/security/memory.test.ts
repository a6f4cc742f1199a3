// What one client can make the server hold: resident memory of the server's own process.
import { once } from 'node:events';
import t, { type Test } from 'tap';
import type { ImapClient } from '../fixtures/imap-client.ts';
import { startMailServer, type MailServer } from '../fixtures/mail-server.ts';
import { plainMessage } from '../fixtures/plain-message.ts';

const mebibyte = 1024 * 1024;
const server = await startMailServer(t);

await t.test('a client that reads nothing of 10,000 messages costs less than 4 MiB', async (t) => {
  const client = await server.login('tls');
  await fill(client, 10_000);
  const command = 'FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE BODY.PEEK[])';
  // Once through, so that what the code itself takes is there before it is measured.
  await client.ok('SELECT filled');
  await drain(client, `warm ${command}\r\n`, 'warm');

  const before = await server.process.residentBytes();
  client.socket.pause();
  client.send(`stuck ${command}\r\n`);
  let peak = 0;
  const witness = await server.login('tls');
  for (let sample = 0; sample < 100; sample++) {
    await witness.ok('NOOP');
    peak = Math.max(peak, await server.process.residentBytes());
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const grown = peak - before;
  t.comment(`grown by ${(grown / 1024).toFixed(0)} KiB`);
  t.ok(grown < 4 * mebibyte, `resident memory grew by ${grown} octets`);
  await client.drop();
});

await t.test('an APPEND of 50 MB raises resident memory by less than 32 MiB', async (t) => {
  await t.test('on a server that has seen traffic', async (t) => {
    const client = await server.login('tls');
    await client.ok('CREATE large');
    // As many octets in smaller messages: garbage of any traffic fills V8's young generation once.
    const small = plainMessage('small', mebibyte / 2);
    for (let index = 0; index < 100; index++) await client.ok('APPEND large', small);
    const grown = await appendLarge(t, server, client);
    t.ok(grown < 32 * mebibyte, `resident memory grew by ${grown} octets`);
  });

  await t.test('on a new server whose garbage does not linger', async (t) => {
    const eager = await startMailServer(t, { nodeOptions: ['--max-semi-space-size=1'] });
    const client = await eager.login('tls');
    await client.ok('CREATE large');
    const grown = await appendLarge(t, eager, client);
    t.ok(grown < 32 * mebibyte, `resident memory grew by ${grown} octets`);
  });
});

/** Files a message of 50 MB; by how many octets the server's resident memory rose at the most. */
async function appendLarge(t: Test, { process }: MailServer, client: ImapClient): Promise<number> {
  const before = await process.residentBytes();
  const chunk = plainMessage('large', mebibyte);
  client.send(`a APPEND large {${50 * chunk.length}}\r\n`);
  t.match((await client.read()).text, /^\+/);
  let peak = 0;
  for (let sent = 0; sent < 50; sent++) {
    if (!client.socket.write(chunk)) await once(client.socket, 'drain');
    peak = Math.max(peak, await process.residentBytes());
  }
  client.send('\r\n');
  t.equal((await client.readTagged('a')).status, 'OK');
  peak = Math.max(peak, await process.residentBytes());
  t.comment(`grown by ${((peak - before) / 1024).toFixed(0)} KiB`);
  return peak - before;
}

/** Makes the mailbox `filled` with `count` messages of 4 KiB, by copying a few over and over. */
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

/** Sends a command and reads its answer without keeping it. */
async function drain(client: ImapClient, command: string, tag: string): Promise<void> {
  client.send(command);
  while (!(await client.read()).text.startsWith(`${tag} OK`));
}

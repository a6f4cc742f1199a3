// Resident memory that the clients of one account make a server take by APPENDs that they do not finish:
//
//     npm run bench -- half-appends [connections] [NAME=value of its environment …]
//
// Each sends 30 messages of one command, of 512 KiB, most of it header that is kept apart, and begins one more. What the server
// counts of it is judged exactly by test/security/account-input.test.ts.
import { setTimeout as delay } from 'node:timers/promises';
import { ImapClient } from '../fixtures/imap-client.ts';
import { BenchServer, password } from './bench-server.ts';
import { mebibyte, printFigure } from './figures.ts';
import { environmentOf, positionalOf } from './settings.ts';

const settings = process.argv.slice(2);
const [connections = '40'] = positionalOf(settings);
const header = `Subject: ${'long '.repeat(100_000)}\r\n\r\n`;
const text = `${header}${'x'.repeat(mebibyte / 2 - header.length)}`;
const message = `{${text.length}+}\r\n${text}`;

const server = await BenchServer.start({
  accounts: ['alice', 'bob'],
  environment: { REPRISE_WORKERS: '0', ...environmentOf(settings) },
});
try {
  await measure(Number(connections));
} finally {
  await server.stop();
}

async function login(name: string): Promise<ImapClient> {
  const client = await ImapClient.connect({ port: server.process.imapsPort, security: 'tls' });
  await client.login(name, password);
  return client;
}

async function measure(count: number): Promise<void> {
  const bob = await login('bob');
  await bob.ok('APPEND INBOX', Buffer.from(text));
  const clients: ImapClient[] = [];
  for (let index = 0; index < count; index++) clients.push(await login('alice'));
  const before = await server.process.residentBytes();
  let endedCount = 0;
  let peak = 0;
  for (const client of clients) {
    client.send(`a APPEND Drafts ${Array(30).fill(message).join(' ')} {10}\r\n`);
    // One that is ended for what it holds reads BYE.
    const { text: answer } = await client.read();
    if (!answer.startsWith('+')) endedCount += 1;
    peak = Math.max(peak, await server.process.residentBytes());
  }
  await delay(2_000);
  const held = (await server.process.residentBytes()) - before;
  printFigure(
    `${count} half-sent APPENDs: resident memory, at the most`,
    (peak - before) / mebibyte,
    'MiB',
  );
  printFigure('and two seconds later', held / mebibyte, 'MiB', { atMost: 96 });
  printFigure('connections that were ended', endedCount, '');
  const { status } = await bob.command('APPEND INBOX', Buffer.from(text));
  printFigure('messages that another account adds then, of 1', status === 'OK' ? 1 : 0, '', {
    atLeast: 1,
  });
  for (const client of [...clients, bob]) await client.drop();
}

// Memory of a large mailbox that many sessions of one worker have selected, and what is left when they have gone:
//
//     npm run bench -- feed-memory [messages] [sessions] [seconds until it is forgotten] [NAME=value of its environment …]
//
// A mailbox of 1,000,000; one session selects it and fetches all flags, then 99 more select it. All have logged in before,
// so that only what a selected mailbox costs is counted. Memory is told after a collection of garbage in all threads, with
// jemalloc if it is installed: PSS, and what the threads hold, which is the exact one of the two. At the end nobody has it selected, and after 75 seconds it is to be forgotten.
import { setTimeout as delay } from 'node:timers/promises';
import { findJemalloc } from '../../server/self-test/allocators.ts';
import { allocatorEnvironment } from '../soak/allocator.ts';
import { BenchServer, fillInbox } from './bench-server.ts';
import { type CollectedMemory, collectingNodeOptions, collectMemory } from './collected-memory.ts';
import { mebibyte, printFigure } from './figures.ts';
import type { ImapConnection } from './load/imap-connection.ts';
import { environmentOf, positionalOf } from './settings.ts';

const [messages = '1000000', sessions = '100', seconds = '75'] = positionalOf(
  process.argv.slice(2),
);
const messageCount = Number(messages);
const allocator = findJemalloc() === undefined ? 'system' : 'jemalloc';
/** What the threads hold differs by this from one look to the next if nothing has changed. */
const noiseMiB = 0.5;

const server = await BenchServer.start({
  accounts: ['alice'],
  environment: {
    REPRISE_WORKERS: '1',
    ...allocatorEnvironment(allocator),
    ...environmentOf(process.argv.slice(2)),
  },
  nodeOptions: collectingNodeOptions,
});
try {
  console.log(`allocator: ${allocator}`);
  await measure();
} finally {
  await server.stop();
}

async function measure(): Promise<void> {
  const filler = await server.login('alice');
  await fillInbox(filler, messageCount);
  filler.close();
  await server.restart();
  const clients: ImapConnection[] = [];
  while (clients.length < Number(sessions)) clients.push(await warmClient());
  const before = await collectMemory(server.process);
  print('before', before);

  const [first, ...others] = clients;
  await first!.ok('SELECT INBOX');
  const { sizeBytes } = await first!.ok('FETCH 1:* FLAGS');
  printFigure('answer of FETCH 1:* FLAGS', sizeBytes / mebibyte, 'MiB');
  const withOne = await collectMemory(server.process);
  print('with one session, above that', difference(withOne, before));
  for (const client of others) {
    await client.ok('SELECT INBOX');
    await client.ok('NOOP');
  }
  const withAll = await collectMemory(server.process);
  print(`with ${sessions}, above before`, difference(withAll, before));
  for (const kind of ['heldBytes', 'pssBytes'] as const) {
    const each = (withAll[kind] - withOne[kind]) / others.length;
    printFigure(`a session (${kind})`, each / 1024, 'KiB', { atMost: 16 });
    // What the first session itself took is not the mailbox's.
    const mailbox = withOne[kind] - before[kind] - Math.max(0, each);
    printFigure(`a message (${kind})`, mailbox / messageCount, 'bytes', { atMost: 24 });
  }

  for (const client of clients) await client.ok('UNSELECT');
  await delay(Number(seconds) * 1000);
  const after = difference(await collectMemory(server.process), before);
  print(`${seconds} s after the last has left, above before`, after);
  printFigure('left (heldBytes)', after.heldBytes / mebibyte, 'MiB', { atMost: noiseMiB });
  for (const client of clients) client.close();
}

function print(when: string, { pssBytes, heldBytes }: CollectedMemory): void {
  printFigure(`${when}: PSS`, pssBytes / mebibyte, 'MiB');
  printFigure(`${when}: held`, heldBytes / mebibyte, 'MiB');
}

function difference(now: CollectedMemory, before: CollectedMemory): CollectedMemory {
  return {
    pssBytes: now.pssBytes - before.pssBytes,
    heldBytes: now.heldBytes - before.heldBytes,
  };
}

/** A client that has selected a mailbox once, an empty one. */
async function warmClient(): Promise<ImapConnection> {
  const client = await server.login('alice');
  await client.ok('SELECT Archive');
  await client.ok('FETCH 1:* FLAGS').catch(() => {});
  await client.ok('NOOP');
  await client.ok('UNSELECT');
  return client;
}

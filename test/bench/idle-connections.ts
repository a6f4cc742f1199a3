// Resident memory of a client over TLS that has logged in, selected INBOX and idles, from a cold start, so
// that no room which earlier connections left behind hides a part of it:
//
//     npm run bench -- idle-connections [clients] [NAME=value of its environment …] [options of its node …]
//
// With jemalloc as in the image if it is installed, unless LD_PRELOAD is given.
import { setTimeout as delay } from 'node:timers/promises';
import type { ImapClient } from '../fixtures/imap-client.ts';
import { startServerProcess, type ServerProcess } from '../fixtures/server-process.ts';
import { findJemalloc } from '../../server/self-test/allocators.ts';
import { allocatorEnvironment } from '../soak/allocator.ts';
import { printFigure } from './figures.ts';
import { idleClients } from './idle-clients.ts';
import { environmentOf, nodeOptionsOf, positionalOf } from './settings.ts';

const settings = process.argv.slice(2);
const [clientCount = '2000'] = positionalOf(settings);
const largest = Number(clientCount);
/** For what the logins have left behind to be collected. */
const settleMs = 25_000;
const boundKiB = 42;

const allocator = findJemalloc() === undefined ? 'system' : 'jemalloc';
console.log(`allocator: ${allocator}, unless the settings name another`);
const server = await startServerProcess({
  environment: { ...allocatorEnvironment(allocator), ...environmentOf(settings) },
  nodeOptions: nodeOptionsOf(settings),
});
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
  for (const target of [largest / 4, largest / 2, largest]) {
    const count = clients.length;
    clients.push(...(await idleClients(server, target - count)));
    await delay(settleMs);
    const now = await server.residentBytes();
    const each = kib((now - before) / (clients.length - count));
    const average = kib((now - start) / clients.length);
    console.log(
      `${String(clients.length).padEnd(10)} ${mib(now)} MiB, ${each} KiB each of the last, ${average} on average`,
    );
    before = now;
  }
  printFigure('each on average', (before - start) / clients.length / 1024, 'KiB', {
    atMost: boundKiB,
  });
  await Promise.all(clients.map((client) => client.drop()));
}

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}

function kib(bytes: number): string {
  return (bytes / 1024).toFixed(1);
}

// Resident memory of an idle client with COMPRESS beside one without, each kind against a server of its own from a cold start:
//
//     npm run bench -- compressed-idle [clients] [bytes that each has said before it idles]
//
// With jemalloc as in the image if it is installed, unless LD_PRELOAD is given.
import { setTimeout as delay } from 'node:timers/promises';
import { findJemalloc } from '../../server/self-test/allocators.ts';
import { startServerProcess } from '../fixtures/server-process.ts';
import { allocatorEnvironment } from '../soak/allocator.ts';
import { printFigure } from './figures.ts';
import { idleClients } from './idle-clients.ts';
import { positionalOf } from './settings.ts';

const [clientCount = '2000', saidBytes = '0'] = positionalOf(process.argv.slice(2));
/** For what the logins have left behind to be collected, and for a second sweep of what was sent. */
const settleMs = 30_000;
const boundKiB = 32;

const allocator = findJemalloc() === undefined ? 'system' : 'jemalloc';
console.log(`allocator: ${allocator}`);
const plain = await measure(false);
const compressed = await measure(true);
printFigure('COMPRESS, on top', compressed - plain, 'KiB', { atMost: boundKiB });

/** KiB of each client. */
async function measure(isCompressed: boolean): Promise<number> {
  const server = await startServerProcess({ environment: allocatorEnvironment(allocator) });
  try {
    await server.addUser('alice', 'correct-horse');
    const start = await server.residentBytes();
    const clients = await idleClients(server, Number(clientCount), {
      isCompressed,
      saidBytes: Number(saidBytes),
    });
    await delay(settleMs);
    const each = ((await server.residentBytes()) - start) / clients.length / 1024;
    const name = isCompressed ? 'with' : 'without';
    console.log(`${name} COMPRESS: ${each.toFixed(1)} KiB each of ${clients.length}`);
    await Promise.all(clients.map((client) => client.drop()));
    return each;
  } finally {
    await server.stop();
  }
}

// Resident memory of a server with idle clients, before a storm of connections and after it has left:
//
//     npm run bench -- connection-storm [clients] [connections] [at once] [NAME=value of its environment …]
//
// The connections of the storm log in too, and stay until as many are there as can be at once; every other one
// leaves without a word to TLS.
import { setTimeout as delay } from 'node:timers/promises';
import { ImapClient } from '../fixtures/imap-client.ts';
import { startServerProcess, type ServerProcess } from '../fixtures/server-process.ts';
import { printFigure } from './figures.ts';
import { idleClients } from './idle-clients.ts';
import { environmentOf } from './settings.ts';

const [clientCount = '1000', stormCount = '20000', atOnceCount = '5000', ...settings] =
  process.argv.slice(2);
const atOnce = Number(atOnceCount);
const secondsAfter = [0, 10, 30, 60];
const parallel = 50;
/** For what the logins have left behind to be given back. */
const settleMs = 40_000;
/** At the end, in multiples of what it was before. */
const maxRatio = settings.some((text) => text.includes('jemalloc')) ? 1.1 : 1.3;

const server = await startServerProcess({ environment: environmentOf(settings) });
try {
  await server.addUser('alice', 'correct-horse');
  await measure(server);
} finally {
  await server.stop();
}

async function measure(server: ServerProcess): Promise<void> {
  const clients = await idleClients(server, Number(clientCount));
  await delay(settleMs);
  const before = await server.residentBytes();
  print('before', before, before);
  let left = Number(stormCount);
  let peak = before;
  while (left > 0) {
    const count = Math.min(left, atOnce);
    const storm = await come(server, count);
    peak = Math.max(peak, await server.residentBytes());
    await Promise.all(storm.map(leave));
    left -= count;
  }
  print('at the most', peak, before);
  let seconds = 0;
  for (const second of secondsAfter) {
    await delay((second - seconds) * 1000);
    seconds = second;
    print(`${second} s after`, await server.residentBytes(), before);
  }
  const ratio = (await server.residentBytes()) / before;
  printFigure('memory at the end, in multiples of before', ratio, '', { atMost: maxRatio });
  await Promise.all(clients.map((client) => client.drop()));
}

async function come({ imapsPort: port }: ServerProcess, count: number): Promise<ImapClient[]> {
  const storm: ImapClient[] = [];
  const connect = async () => {
    for (let missing = count / parallel; missing > 0; missing--) {
      const client = await ImapClient.connect({ port, security: 'tls' });
      await client.login('alice', 'correct-horse');
      storm.push(client);
    }
  };
  await Promise.all(Array.from({ length: parallel }, connect));
  return storm;
}

function leave(client: ImapClient, index: number): Promise<void> {
  return index % 2 === 0 ? client.logout() : client.drop();
}

function print(when: string, bytes: number, before: number): void {
  const mib = (bytes / 1024 / 1024).toFixed(1);
  console.log(
    `${when.padEnd(12)} ${mib.padStart(7)} MiB, ${(bytes / before).toFixed(2)} of before`,
  );
}

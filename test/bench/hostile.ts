// Whether a real client can log in while strangers are there:
//
//     npm run bench -- hostile silent|slow|guessing [strangers] [seconds] [NAME=value of its environment …]
//
// silent: 4,500 connections from 23 addresses that say nothing. slow: 5,000 from one address that send one byte a second,
// on both ports, or half of a hello. guessing: 300 from one address with wrong passwords for an account that the real
// client has, too. The real client comes five times a second from elsewhere, makes a full handshake, and logs in: by turns
// to an account whose password the server remembers and to one that it has not seen yet. What the server ends comes again.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BenchServer, password } from './bench-server.ts';
import { median, printFigure } from './figures.ts';
import { LoadProcess } from './load/load-process.ts';
import type { Newcomer, NewcomerReport } from './load/newcomer.ts';
import type { StrangerKind, Strangers } from './load/strangers.ts';
import { environmentOf, positionalOf } from './settings.ts';

interface Scene {
  readonly count: number;
  readonly addressCount: number;
  readonly kinds: readonly StrangerKind[];
}

const scenes: Readonly<Record<string, Scene>> = {
  silent: { count: 4_500, addressCount: 23, kinds: ['silent'] },
  slow: { count: 5_000, addressCount: 1, kinds: ['dripping', 'stalled', 'dripping-imap'] },
  guessing: { count: 300, addressCount: 1, kinds: ['guessing'] },
};

const [name = 'silent', strangerCount, seconds = '30'] = positionalOf(process.argv.slice(2));
const scene = scenes[name];
if (scene === undefined) throw new Error(`Name one of ${Object.keys(scenes).join(', ')}`);
const everyMs = 200;
const visitCount = (Number(seconds) * 1000) / everyMs;
/** After the strangers have come. */
const settleMs = 3_000;

const fresh = Array.from({ length: visitCount }, (_, index) => `fresh${index}`);
const server = await BenchServer.start({
  accounts: ['known', ...fresh],
  environment: environmentOf(process.argv.slice(2)),
});
const strangers = new LoadProcess<Strangers>(join(import.meta.dirname, 'load/strangers.ts'), {
  // A crowd of sockets is no load on a processor of ours; guesses are to keep the server busy.
  givesWay: name !== 'guessing',
});
const newcomer = new LoadProcess<Newcomer>(join(import.meta.dirname, 'load/newcomer.ts'));
try {
  await measure(scene);
} finally {
  await Promise.all([strangers.stop(), newcomer.stop()]);
  await server.stop();
}

async function measure({ count, addressCount, kinds }: Scene): Promise<void> {
  const { imapPort, imapsPort } = server.process;
  const visit = {
    port: imapsPort,
    localAddress: '127.0.1.1',
    password,
    everyMs,
  };
  // Also remembers the password of the account.
  const alone = await newcomer.call('visit', { ...visit, accounts: Array(10).fill('known') });
  printFigure('alone: served within, worst', Math.max(...alone.times), 'ms');
  await strangers.call('connect', {
    imapPort,
    imapsPort,
    kinds,
    count: Number(strangerCount ?? count),
    localAddresses: Array.from({ length: addressCount }, (_, index) => `127.0.0.${2 + index}`),
    account: 'known',
  });
  await delay(settleMs);
  const accounts = fresh.map((account, index) => (index % 2 === 0 ? 'known' : account));
  printVisits(await newcomer.call('visit', { ...visit, accounts }), accounts.length);
  const { openCount, endedCount, guessCount } = await strangers.call('report', undefined);
  printFigure('strangers that are connected', openCount, '');
  printFigure('connections of strangers that the server ended', endedCount, '');
  if (guessCount > 0) printFigure('wrong passwords that were answered', guessCount, '');
  printFigure('server is running', server.process.isRunning ? 1 : 0, '', { atLeast: 1 });
}

function printVisits({ times, failures }: NewcomerReport, expectedCount: number): void {
  printFigure(`real client: served, of ${expectedCount}`, times.length, '', {
    atLeast: expectedCount,
  });
  for (const [reason, count] of Object.entries(failures))
    console.log(`  ${count} times: ${reason}`);
  printFigure('real client: served within, worst', Math.max(...times), 'ms', { atMost: 1_000 });
  printFigure('real client: served within, median', median(times), 'ms');
}

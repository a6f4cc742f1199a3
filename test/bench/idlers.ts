// Another account's NOOP, and memory, while all messages of a mailbox change in which clients of one account idle:
//
//     npm run bench -- idlers [messages] [clients] [reading|silent] [seconds] [NAME=value of its environment …]
//
// The clients come from ten addresses. With `silent` they read nothing once they idle; `seconds` is how long the bench
// then looks on (60): with 330 one sees them ended. NOOP is sent every 50 ms by four clients, so that both workers are
// asked. The crowd's process gives way to the server, since its processor would not be the server's.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BenchServer, fillInbox, password } from './bench-server.ts';
import { mebibyte, percentile, printFigure } from './figures.ts';
import type { Idlers } from './load/idlers.ts';
import { LoadProcess } from './load/load-process.ts';
import type { Prober } from './load/prober.ts';
import { watchMemory } from './memory-watch.ts';
import { environmentOf, positionalOf } from './settings.ts';

const [messages = '200000', clients = '100', kind = 'reading', seconds = '60'] = positionalOf(
  process.argv.slice(2),
);
const messageCount = Number(messages);
const clientCount = Number(clients);
const isReading = kind !== 'silent';
/** After which clients that read are given up. */
const readingDeadlineMs = 180_000;
/** For what logins and SELECT have left behind to be collected. */
const settleMs = 10_000;

const server = await BenchServer.start({
  accounts: ['crowd', 'other'],
  environment: { REPRISE_ADMIN_PORT: '0', ...environmentOf(process.argv.slice(2)) },
});
const crowd = new LoadProcess<Idlers>(join(import.meta.dirname, 'load/idlers.ts'), {
  givesWay: true,
});
const prober = new LoadProcess<Prober>(join(import.meta.dirname, 'load/prober.ts'));
try {
  await measure();
} finally {
  await Promise.all([crowd.stop(), prober.stop()]);
  await server.stop();
}

async function measure(): Promise<void> {
  const filler = await server.login('crowd');
  await fillInbox(filler, messageCount);
  filler.close();
  // So that room which filling left behind hides nothing.
  await server.restart();
  const port = server.process.imapsPort;
  await prober.call('connect', {
    port,
    security: 'tls',
    localAddress: '127.0.1.1',
    account: 'other',
    password,
    count: 4,
    everyMs: 50,
    mailbox: 'INBOX',
  });
  await crowd.call('connect', {
    port,
    security: 'tls',
    account: 'crowd',
    password,
    count: clientCount,
    localAddresses: Array.from({ length: 10 }, (_, index) => `127.0.0.${2 + index}`),
    isReading,
    expectedCount: messageCount,
  });
  const storer = await server.login('crowd');
  await storer.ok('SELECT INBOX');
  await delay(settleMs);

  await prober.call('begin', undefined);
  await delay(3_000);
  const quiet = await prober.call('end', undefined);
  printFigure('NOOP before, p99', percentile(quiet.times, 0.99), 'ms');

  const memory = await watchMemory(server.process.pid);
  await prober.call('begin', undefined);
  const startedAt = Date.now();
  const stored = await storer.command('STORE 1:* +FLAGS.SILENT (z)').catch(String);
  console.log(
    `STORE: ${typeof stored === 'string' ? stored : stored.status} after ${Date.now() - startedAt} ms`,
  );
  const told = isReading ? await untilTold(startedAt) : await delay(Number(seconds) * 1000);
  await delay(1_000);
  await printFigures(await prober.call('end', undefined), memory.stop(), told, startedAt);
  storer.close();
}

/** When the last client had been told everything, by `Date.now()`; undefined if that took too long. */
async function untilTold(startedAt: number): Promise<number | undefined> {
  while (Date.now() - startedAt < readingDeadlineMs) {
    const { doneAt, openCount } = await crowd.call('report', undefined);
    if (doneAt.every((at) => at !== undefined)) return Math.max(...doneAt);
    if (openCount === 0) return undefined;
    await delay(500);
  }
  return undefined;
}

async function printFigures(
  probe: { readonly times: readonly number[]; readonly failureCount: number },
  memory: { readonly beforeBytes: number; readonly peakBytes: number },
  told: number | void,
  startedAt: number,
): Promise<void> {
  printFigure('NOOP of another account, worst', Math.max(...probe.times), 'ms', { atMost: 200 });
  printFigure('NOOP of another account, p99', percentile(probe.times, 0.99), 'ms');
  printFigure('NOOPs not answered, connections lost', probe.failureCount, '', { atMost: 0 });
  const { beforeBytes, peakBytes } = memory;
  printFigure('memory (PSS) before', beforeBytes / mebibyte, 'MiB');
  printFigure('memory (PSS) above that, at its peak', (peakBytes - beforeBytes) / mebibyte, 'MiB', {
    atMost: 150,
  });
  const { fetchCounts, openCount, doneAt } = await crowd.call('report', undefined);
  if (isReading) {
    const doneCount = doneAt.filter((at) => at !== undefined).length;
    printFigure('clients that were told everything', doneCount, '', { atLeast: clientCount });
    printFigure('FETCH responses of a client, least', Math.min(...fetchCounts), '');
    printFigure('FETCH responses of a client, most', Math.max(...fetchCounts), '');
    printFigure('clients whose connection is open', openCount, '', { atLeast: clientCount });
    const lastSeconds = typeof told === 'number' ? (told - startedAt) / 1000 : Infinity;
    printFigure('the last was told everything after', lastSeconds, 's', { atMost: 60 });
  }
  const crashes = server.process.log.filter(({ msg }) => msg === 'worker crashed').length;
  printFigure('workers that died', crashes, '', { atMost: 0 });
  printFigure('server is running', server.process.isRunning ? 1 : 0, '', { atLeast: 1 });
  if (!server.process.isRunning) return;
  const open = (await server.metrics()).get('reprise_connections{port="imaps"}') ?? Number.NaN;
  printFigure('connections that the server has at the end', open, '');
}

// What connections that are no TLS leave in the log, and what the metrics counted of them:
//
//     npm run bench -- log-flood [connections] [seconds] [NAME=value of its environment …]
//
// 41,675 connections of three bytes in 5 seconds come to the port for TLS, from 20 addresses (a machine that is too
// slow for that takes longer).
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BenchServer } from './bench-server.ts';
import { printFigure } from './figures.ts';
import type { Flood } from './load/flood.ts';
import { LoadProcess } from './load/load-process.ts';
import { environmentOf, positionalOf } from './settings.ts';

const [connections = '41675', seconds = '5'] = positionalOf(process.argv.slice(2));
const count = Number(connections);
const processCount = 2;
/** For lines that wait to be written, and for summaries of what was not. */
const settleMs = 5_000;

const server = await BenchServer.start({
  accounts: ['alice'],
  environment: { REPRISE_ADMIN_PORT: '0', ...environmentOf(process.argv.slice(2)) },
});
const floods = Array.from(
  { length: processCount },
  () => new LoadProcess<Flood>(join(import.meta.dirname, 'load/flood.ts')),
);
try {
  await measure();
} finally {
  await Promise.all(floods.map((flood) => flood.stop()));
  await server.stop();
}

async function measure(): Promise<void> {
  const before = await server.metrics();
  const linesBefore = server.process.log.length;
  const bytesBefore = server.process.loggedBytes;
  const reports = await Promise.all(
    floods.map((flood, index) =>
      flood.call('run', {
        port: server.process.imapsPort,
        count: Math.ceil(count / processCount),
        perSecond: count / Number(seconds) / processCount,
        localAddresses: Array.from({ length: 10 }, (_, i) => `127.0.${index}.${2 + i}`),
      }),
    ),
  );
  await delay(settleMs);
  const after = await server.metrics();
  const tookMs = Math.max(...reports.map((report) => report.tookMs));
  const failedCount = reports.reduce((sum, report) => sum + report.failedCount, 0);
  printFigure('the flood took', tookMs / 1000, 's');
  printFigure('connections that were refused or reset', failedCount, '');
  printFigure('logged', (server.process.loggedBytes - bytesBefore) / 1000, 'KB', { atMost: 100 });
  printFigure('lines', server.process.log.length - linesBefore, '');
  console.log('metrics that counted:');
  for (const [name, value] of after) {
    if (!/^reprise_\w+_total/.test(name)) continue;
    const added = value - (before.get(name) ?? 0);
    if (added > 0) printFigure(`  ${name}`, added, '');
  }
}

// CPU time of the server for a resumed TLS 1.3 connection, greeting included: while clients come all the time, and of
// the first that come after a rest, in which the server has collected its garbage:
//
//     npm run bench -- after-rest [rests] [connections after each] [workers] [checkout, such as of an earlier commit]
import { setTimeout as wait } from 'node:timers/promises';
import { makeSelfSignedCertificate } from '../../tls/certificates/self-signed.ts';
import { visitAll } from './compare-cpu.ts';
import { median, printFigure } from './figures.ts';
import { LoadClient, visits } from './load-client.ts';
import { startReprise } from './peers/reprise.ts';

const [rests = '4', connections = '2000', workers = '0', checkout] = process.argv.slice(2);
const clientCount = 8;
/** A thread looks every five seconds whether it has less to do than before. */
const restMs = 12_000;
const credential = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
const server = await startReprise({
  credential,
  workerCount: Number(workers),
  password: 'correct-horse',
  ...(checkout !== undefined && { checkout }),
});
const clients = Array.from({ length: clientCount }, () => new LoadClient(server.port));

/** CPU time of each of so many visits, in milliseconds. */
async function costMs(count = Number(connections)): Promise<number> {
  const before = await server.cpuMs();
  await visitAll(clients, visits.greeting(), count);
  return ((await server.cpuMs()) - before) / count;
}

try {
  await visitAll(clients, visits.greeting(), server.warmUpVisits);
  const steady = [await costMs(), await costMs(), await costMs()];
  const first: number[] = [];
  const next: number[] = [];
  for (let rest = 0; rest < Number(rests); rest++) {
    await wait(restMs);
    first.push(await costMs());
    next.push(await costMs());
  }
  const steadyMs = median(steady);
  console.log(`${steadyMs.toFixed(3)} ms of CPU each while clients come all the time`);
  printFigure(`the first ${connections} after a rest`, median(first) / steadyMs, 'times', {});
  printFigure('as many that come next', median(next) / steadyMs, 'times', {});
} finally {
  await server.stop();
}
